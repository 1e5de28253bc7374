"""The gallery, pages that show variants to a person: the face of the rooms in this folder.

Belongs here: the public names. Does not: code.
"""

from adcraft_resources.gallery.model import (
    GalleryModel,
    GateCard,
    IndexEntry,
    PartBar,
    RejectedCard,
    StillCard,
    TextRow,
    VariantCard,
)
from adcraft_resources.gallery.writing import write_gallery, write_index

__all__ = [
    "GalleryModel",
    "GateCard",
    "IndexEntry",
    "PartBar",
    "RejectedCard",
    "StillCard",
    "TextRow",
    "VariantCard",
    "write_gallery",
    "write_index",
]
