"""Whether hook, faces and product text stand where no interface covers them, measured over their whole life.

Belongs here: figures, and the picture that shows the worst moment. Does not: thresholds (placement_gates).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np

from adcraft_resources.algorithms.framing import Box
from adcraft_resources.algorithms.values import Frame
from adcraft_resources.algorithms.window_choice import Sighting

_CLEAR: Final = (60, 220, 90)
_KEPT: Final = (255, 255, 255)
_OUT: Final = (255, 60, 50)
TOUCH_PX: Final = 2.0
"""A box may stick out by so much: half of it is rounding to even pixels."""

Mapped = Callable[[Sighting, Box], Box]


def measure_zones(
    sightings: Sequence[Sighting],
    mapped: Mapped,
    size: tuple[int, int],
    clear: tuple[int, int, int, int],
    hook: Box,
) -> dict[str, Any]:
    """Return how many boxes are wholly in the picture and in the clear box, and where it is worst.

    Args:
        sightings: What is to be seen, as framed, over the whole ad.
        mapped: A box of a sighting in px of the placement.
        size: Height and width of the placement.
        clear: x, y, width, height of the clear box.
        hook: The box the hook never leaves, px.
    """
    height, width = size
    whole = (0.0, 0.0, float(width), float(height))
    figures: dict[str, Any] = {"clear_box": list(clear), "hook_box": [round(v, 1) for v in hook]}
    figures["hook_clear"] = _outside(hook, clear) <= TOUCH_PX
    worst: tuple[float, int] | None = None
    for name in ("faces", "labels"):
        boxes = [(one, mapped(one, box)) for one in sightings for box in getattr(one, name)]
        shown = [(one, box) for one, box in boxes if _outside(box, whole) <= TOUCH_PX]
        inside = [one for one, box in boxes if _outside(box, clear) <= TOUCH_PX]
        figures[name] = {"seen": len(boxes), "in_picture": len(shown), "in_clear_box": len(inside)}
        for one, box in boxes:
            out = _outside(box, clear)
            if out > TOUCH_PX and (worst is None or out > worst[0]):
                worst = out, one.index
    figures["worst_frame"] = None if worst is None else worst[1]
    figures["worst_px"] = None if worst is None else round(worst[0], 1)
    return figures


def draw_zones(frame: Frame, clear: tuple[int, int, int, int], boxes: Mapping[str, Sequence[Box]]) -> Frame:
    """Return the picture with the clear box in green, boxes inside it in white, others in red; names beside them."""
    shown = np.ascontiguousarray(frame.copy())
    line = max(2, frame.shape[1] // 270)
    _draw(shown, clear, _CLEAR, line, "clear box")
    for name, found in boxes.items():
        for box in found:
            _draw(shown, box, _KEPT if _outside(box, clear) <= TOUCH_PX else _OUT, line, name)
    return shown


def _outside(box: Box, room: tuple[float, float, float, float]) -> float:
    """Px by which a box sticks out of another, at its worst side."""
    return max(
        room[0] - box[0],
        room[1] - box[1],
        box[0] + box[2] - room[0] - room[2],
        box[1] + box[3] - room[1] - room[3],
        0.0,
    )


def _draw(frame: Frame, box: Box, colour: tuple[int, int, int], line: int, name: str) -> None:
    x0, y0 = round(box[0]), round(box[1])
    x1, y1 = round(box[0] + box[2]), round(box[1] + box[3])
    cv2.rectangle(frame, (x0, y0), (x1, y1), colour, line)
    at = max(2, x0), max(20, y0 - 2 * line)
    cv2.putText(frame, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.35 * line, colour, line, cv2.LINE_AA)
