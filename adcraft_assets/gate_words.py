"""What a gate's figures are called where people read them: on the page of its check.

Belongs here: plain names of figures, limits and pictures, and the page that tells more. Does not: the figures' own
names, which manifests and config.json keep (gates).
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

NAMES: Final[Mapping[str, str]] = {
    "scene_ssim_p5": "likeness to the source (1 is the same)",
    "floor": "likeness, at least (gates.scene_ssim_p5)",
    "masked_area_max": "share of a frame replaced",
    "area_limit": "share replaced, at most (gates.masked_area_max)",
    "worst_frame": "number of the frame at issue",
    "residual_text": "share of removed text still readable",
    "limit": "share readable, at most (gates.residual_text)",
    "scene_worst": "click to see: source and cleaned frame",
    "residual_worst": "click to see: source and cleaned frame",
    "first_frames": "click to see: first frames of the variants",
    "clear_boxes": "click to see: clear boxes",
    "passing": "variants that pass",
    "rejected": "variants that do not, and why",
    "files": "files looked at",
    "failing": "files that do not pass, and why",
    "seen": "sightings of faces and product text",
    "in_clear_box": "sightings that no interface covers",
}
"""Plain names by the name in `Verdict.evidence` or of a picture; one that is not here is shown as it is."""
LOOK: Final = "this ad at this stage"


def plain_name(name: str) -> str:
    """Return what people read in place of a figure's name."""
    return NAMES.get(name, name)


def page_of(stage: str, key: str) -> str:
    """Return the address, within the UI, of the page with all pictures and figures of a partition."""
    return f"/assets/{quote(stage)}?view=partitions&partition={quote(key)}"
