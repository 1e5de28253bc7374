"""Sample ads drawn by this machine alone: footage, edit, sound and the truth about them; the face of these rooms.

Belongs here: the public names. Does not: code.
"""

from adcraft_resources.sample_ads.rendering import frames_of, render_sample, render_spec, sample_version
from adcraft_resources.sample_ads.sample_downloader import SampleDownloader
from adcraft_resources.sample_ads.sample_server import serve_samples
from adcraft_resources.sample_ads.specs import SAMPLES, SampleSpec
from adcraft_resources.sample_ads.truth import LabelTruth, OverlayTruth, SampleTruth, truth_of, truth_of_spec

__all__ = [
    "SAMPLES",
    "LabelTruth",
    "OverlayTruth",
    "SampleDownloader",
    "SampleSpec",
    "SampleTruth",
    "frames_of",
    "render_sample",
    "render_spec",
    "sample_version",
    "serve_samples",
    "truth_of",
    "truth_of_spec",
]
