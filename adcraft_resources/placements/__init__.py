"""Variants in the shapes placements ask for: the face of the rooms in this folder.

Belongs here: the public names. Does not: code.
"""

from adcraft_resources.placements.lanes import file_names
from adcraft_resources.placements.rendering import VERSION, PlacedAd, place_variant
from adcraft_resources.placements.settings import Placement, PlacementSettings
from adcraft_resources.placements.subjects import product_text, survey_subjects

__all__ = [
    "VERSION",
    "PlacedAd",
    "Placement",
    "PlacementSettings",
    "file_names",
    "place_variant",
    "product_text",
    "survey_subjects",
]
