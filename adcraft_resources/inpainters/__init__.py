"""The inpainter role and its implementations: overlay text leaves a clip as if it had never been there.

Belongs here: the public names. Does not: code.
"""

from adcraft_resources.inpainters.base import Inpainter
from adcraft_resources.inpainters.embedded import EmbeddedInpainter
from adcraft_resources.inpainters.flux import FluxInpainter, fill_prompt
from adcraft_resources.inpainters.removal_report import RemovalReport, TrackStory

__all__ = ["EmbeddedInpainter", "FluxInpainter", "Inpainter", "RemovalReport", "TrackStory", "fill_prompt"]
