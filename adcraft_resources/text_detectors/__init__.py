"""Finding overlay text: the face of the rooms in this folder.

Belongs here: the public names. Does not: code.
"""

from adcraft_resources.text_detectors.embedded import EmbeddedTextDetector
from adcraft_resources.text_detectors.findings import Region, ResidualReport, TextFinding
from adcraft_resources.text_detectors.proof import residual_text
from adcraft_resources.text_detectors.role import TextDetector
from adcraft_resources.text_detectors.storage import load_tracks, save_tracks, write_mask_file
from adcraft_resources.text_detectors.vlm import Qwen2VLTextDetector

__all__ = [
    "EmbeddedTextDetector",
    "Qwen2VLTextDetector",
    "Region",
    "ResidualReport",
    "TextDetector",
    "TextFinding",
    "load_tracks",
    "residual_text",
    "save_tracks",
    "write_mask_file",
]
