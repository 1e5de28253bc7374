"""How the camera travels over a still: pans, zooms and a hand that is not quite steady.

Belongs here: easing and the affine map of a moment. Does not: pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Frame, Quad

Ease = Literal["smooth", "out", "linear"]
_EASES: dict[str, Callable[[float], float]] = {
    "smooth": lambda t: t * t * (3 - 2 * t),
    "out": lambda t: 1 - (1 - t) ** 3,
    "linear": lambda t: t,
}
_HAND_HZ = ((0.63, 1.0), (1.37, 0.5), (2.9, 0.18))


@dataclass(frozen=True)
class Move:
    """A camera move between two views of a still.

    `zoom`: 1 shows the whole still; `centre`: offset of the view's centre as shares of the still's width and height;
    `turn_deg`: roll; `hand_px`: how far an unsteady hand strays.
    """

    zoom: tuple[float, float] = (1.03, 1.10)
    centre: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    turn_deg: tuple[float, float] = (0.0, 0.0)
    ease: Ease = "smooth"
    hand_px: float = 0.0
    seed: int = 0

    def matrix(
        self, share: float, seconds: float, still: tuple[int, int], frame: tuple[int, int]
    ) -> NDArray[np.float64]:
        """Map still pixels to frame pixels, (2, 3), at `share` 0 to 1 of the shot; sizes are (height, width)."""
        at = _EASES[self.ease](min(1.0, max(0.0, share)))
        zoom = self.zoom[0] * (self.zoom[1] / self.zoom[0]) ** at  # equal ratios look like an even speed
        scale = frame[1] / still[1] * zoom
        angle = math.radians(self.turn_deg[0] + (self.turn_deg[1] - self.turn_deg[0]) * at)
        x, y = (one + (two - one) * at for one, two in zip(*self.centre, strict=True))
        sway_x, sway_y = self._sway(seconds, 0.0), self._sway(seconds, 2.1)
        middle_x, middle_y = (0.5 + x) * still[1] - 0.5, (0.5 + y) * still[0] - 0.5
        c, s = scale * math.cos(angle), scale * math.sin(angle)
        return np.array(
            [
                [c, -s, frame[1] / 2 - 0.5 + sway_x - c * middle_x + s * middle_y],
                [s, c, frame[0] / 2 - 0.5 + sway_y - s * middle_x - c * middle_y],
            ]
        )

    def _sway(self, seconds: float, phase: float) -> float:
        phase += self.seed * 1.7
        return self.hand_px * sum(
            share * math.sin(2 * math.pi * hz * seconds + phase * (1 + index))
            for index, (hz, share) in enumerate(_HAND_HZ)
        )


def view(still: Frame, matrix: NDArray[np.float64], frame: tuple[int, int]) -> Frame:
    """The frame (height, width) that the camera sees, between pixels by bilinear weights."""
    size = (frame[1], frame[0])
    return cv2.warpAffine(
        still, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    ).astype(np.uint8, copy=False)


def move_quad(quad: Quad, matrix: NDArray[np.float64]) -> Quad:
    """A still's quad in the frame."""
    points = np.array(quad) @ matrix[:, :2].T + matrix[:, 2]
    one, two, three, four = ((float(x), float(y)) for x, y in points)
    return one, two, three, four
