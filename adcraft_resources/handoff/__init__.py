"""The folder a media buyer uploads from: the face of the rooms here.

Belongs here: the public names. Does not: code.
"""

from adcraft_resources.handoff.folder import fill_handoff
from adcraft_resources.handoff.model import Handoff, HandoffAd, HandoffVariant, description_of
from adcraft_resources.handoff.packing import export_zip, zip_is_fresh

__all__ = [
    "Handoff",
    "HandoffAd",
    "HandoffVariant",
    "description_of",
    "export_zip",
    "fill_handoff",
    "zip_is_fresh",
]
