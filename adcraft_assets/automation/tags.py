"""The tags runs are found by: product, video, profile.

Belongs here: their names and values. Does not: tags that mean something to a sensor.
"""

from collections.abc import Sequence

from adcraft_assets.partitions import SEPARATOR
from adcraft_assets.settings import Settings


def tags_of(chunk: Sequence[str], settings: Settings) -> dict[str, str]:
    """Return the tags of a run over some keys: the profile, the product if it is one, the video if it is one."""
    products = {key.partition(SEPARATOR)[0] for key in chunk}
    tags = {"adcraft/profile": settings.profile}
    if len(products) == 1:
        tags["adcraft/product"] = products.pop()
    if len(chunk) == 1:
        tags["adcraft/video"] = chunk[0].partition(SEPARATOR)[2]
    return tags
