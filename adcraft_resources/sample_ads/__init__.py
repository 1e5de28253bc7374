"""Sample ads drawn by this machine alone: footage, edit, sound and the truth about them; the face of these rooms.

Belongs here: the public names. Does not: code.
"""

from adcraft_resources.sample_ads.rendering import frames_of, render_sample, sample_version
from adcraft_resources.sample_ads.sample_downloader import SampleDownloader
from adcraft_resources.sample_ads.sample_server import serve_samples
from adcraft_resources.sample_ads.specs import SAMPLES, SampleSpec
from adcraft_resources.sample_ads.truth import LabelTruth, OverlayTruth, SampleTruth, truth_of

__all__ = [
    "SAMPLES",
    "LabelTruth",
    "OverlayTruth",
    "SampleDownloader",
    "SampleSpec",
    "SampleTruth",
    "frames_of",
    "render_sample",
    "sample_version",
    "serve_samples",
    "truth_of",
]
