"""A hook laid over a video: its entry and exit, blending, and its measured contrast.

Belongs here: everything that changes from picture to picture. Does not: the design (treatments), the place
(typesetter) or how long it stays (lives).

The design is drawn once at its final size. While it moves, that drawing is shifted by fractions of a pixel and
revealed along a soft edge; it is never scaled, redrawn or faded as a whole, so edges do not shimmer and letters
that can be seen have their full contrast from the first picture to the last.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.contrast import measured_contrast
from adcraft_resources.algorithms.values import Mask, Yuv420
from adcraft_resources.typography.lives import ENTRY_S, HookLife
from adcraft_resources.typography.treatments import HookArt
from adcraft_resources.video_codecs.pictures import rgb_of

_MEASURE_EVERY: Final = 5  # pictures, once the hook rests
_SOLID: Final = 0.995
SLIDE: Final = {"outline": 0.55, "plate": -0.45, "card": 0.6}  # em under its place that a design comes from
_SWEEP_FROM: Final = 0.3  # of the width is there in the first picture of a swept design
_LIMITED = np.array(
    [[0.182586, 0.614231, 0.062007], [-0.100644, -0.338572, 0.439216], [0.439216, -0.398942, -0.040274]],
    np.float32,
)
_ZERO = np.array([16, 128, 128], np.float32)
_TO_PLANES = np.vstack([np.column_stack([_LIMITED, _ZERO]), np.array([[0, 0, 0, 1]], np.float32)])

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Blend:
    """Planes to be laid over a crop: what stays of the picture, and what is added; each uint8."""

    keep: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    add: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
    ink: Mask
    ground: Mask


@dataclass
class HookOverlay:
    """A drawn hook at a place in the picture, shown from the first picture through its life.

    `x`, `y` are even and lie such that the design's box is inside the safe box, also while it slides in; the
    drawing has room for that.
    """

    art: HookArt
    x: int
    y: int
    life: HookLife
    fps: float
    treatment: str
    contrasts: list[float] = field(default_factory=list)
    _planes: Floats | None = None
    _rest: _Blend | None = None
    _latest: tuple[int, _Blend | None] | None = None

    @property
    def ticks(self) -> int:
        """Pictures it is seen in."""
        return self.life.ticks(self.fps)

    @property
    def entry_ticks(self) -> int:
        """Pictures until the hook rests."""
        return max(1, min(round(ENTRY_S * self.fps), self.ticks // 3))

    @property
    def exit_ticks(self) -> int:
        """Pictures its leaving takes; none where it goes with its shot."""
        return min(self.life.exit_ticks(self.fps), self.ticks // 4)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x, y, width, height of the resting design in the picture, px."""
        x, y, w, h = self.art.box
        return self.x + x, self.y + y, w, h

    @property
    def life_box(self) -> tuple[float, float, float, float]:
        """The box that holds the design through its whole life, its entry too, px."""
        x, y, w, h = self.box
        reach = SLIDE.get(self.treatment, 0.0) * self.art.face.size
        return x, y + min(0.0, reach), w, h + abs(reach)

    def lay(self, picture: Yuv420, tick: int) -> Yuv420:
        """Return `picture` (BT.709 limited) with the hook as it is `tick` pictures after the start."""
        blend = self._blend_at(tick)
        return picture if blend is None else self._laid(picture, blend)

    def rest(self, picture: Yuv420) -> Yuv420:
        """Return `picture` with the hook at rest: for a poster."""
        return self._laid(picture, self._resting())

    def measure(self, picture: Yuv420, tick: int) -> None:
        """Note the contrast in a finished picture; every picture while moving, each fifth at rest."""
        resting = self.entry_ticks <= tick < self.ticks - self.exit_ticks
        blend = None if resting and tick % _MEASURE_EVERY else self._blend_at(tick)
        if blend is None:
            return
        ys, xs, y, x = self._window(picture.size)
        height, width = blend.ink[y : y + ys.stop - ys.start, x : x + xs.stop - xs.start].shape
        half = slice(ys.start // 2, ys.stop // 2), slice(xs.start // 2, xs.stop // 2)
        part = Yuv420(
            np.ascontiguousarray(picture.y[ys, xs]),
            np.ascontiguousarray(picture.u[half]),
            np.ascontiguousarray(picture.v[half]),
        )
        masks = (mask[y : y + height, x : x + width] for mask in (blend.ink, blend.ground))
        contrast = measured_contrast(rgb_of(part), *masks)
        if contrast is not None:
            self.contrasts.append(contrast)

    def figures(self, frame_size: tuple[int, int]) -> dict[str, Any]:
        """When it is there, cuts under it, box, least contrast measured, lines, treatment, px per em, share covered."""
        height, width = frame_size
        return {
            "start_s": 0.0,
            "end_s": round(self.ticks / self.fps, 3),
            "over_cuts_s": [round(at, 3) for at in self.life.over_cuts_s],
            "box": list(self.box),
            "contrast": round(min(self.contrasts), 2) if self.contrasts else None,
            "lines": list(self.art.lines),
            "treatment": self.treatment,
            "em_px": round(self.art.face.size, 1),
            "area_share": round(self.art.box[2] * self.art.box[3] / (height * width), 4),
        }

    def _blend_at(self, tick: int) -> _Blend | None:
        """The blend of a tick, kept until another is asked for; None when the hook is gone."""
        if self._latest is None or self._latest[0] != tick:
            self._latest = tick, self._blend_of_tick(tick)
        return self._latest[1]

    def _blend_of_tick(self, tick: int) -> _Blend | None:
        if tick >= self.ticks:
            return None
        left = self.ticks - tick
        if left <= self.exit_ticks:
            return self._leaving(1 - left / (self.exit_ticks + 1))
        if tick < self.entry_ticks - 1:
            return self._entering(_ease_out((tick + 1) / self.entry_ticks))
        return self._resting()

    def _resting(self) -> _Blend:
        if self._rest is None:
            self._rest = _blend_of(self._drawn(), self.art.ink, self.art.ground)
        return self._rest

    def _drawn(self) -> Floats:
        """The design as codes of Y, Cb, Cr times its opacity, and that: what moves or hides it does so to these."""
        if self._planes is None:
            drawn = cv2.transform(np.dstack([self.art.colour, self.art.alpha]), _TO_PLANES)
            self._planes = np.asarray(drawn, np.float32)
        return self._planes

    def _entering(self, progress: float) -> _Blend:
        """Slid towards its place, or swept in along the direction of reading."""
        if self.treatment in SLIDE:
            return self._moved(SLIDE[self.treatment] * self.art.face.size * (1 - progress))
        return self._swept(_SWEEP_FROM + (1 - _SWEEP_FROM) * progress, leaving=False)

    def _leaving(self, progress: float) -> _Blend:
        return self._swept(progress * progress, leaving=True)

    def _moved(self, dy: float) -> _Blend:
        """The design shifted by fractions of a pixel."""
        height, width = self.art.alpha.shape
        shift = np.array([[1, 0, 0], [0, 1, dy]], np.float32)
        inked = np.dstack([self.art.ink, self.art.ground]).astype(np.float32)
        planes, masks = (
            np.asarray(cv2.warpAffine(v, shift, (width, height), flags=cv2.INTER_LINEAR), np.float32)
            for v in (self._drawn(), inked)
        )
        return _blend_of(planes, masks[..., 0] > _SOLID, masks[..., 1] > _SOLID)

    def _swept(self, share: float, *, leaving: bool) -> _Blend:
        """The design up to (or from) `share` of its way along the direction of reading, with a soft edge."""
        x, _, w, _ = self.art.box
        edge = 0.5 * self.art.face.size
        at = (np.arange(self.art.alpha.shape[1], dtype=np.float32) - x) / w
        at = 1 - at if self.art.rtl else at
        front = share * (1 + 2 * edge / w) - edge / w
        seen = np.clip((front - at) * w / edge + 0.5, 0, 1)
        seen = (1 - seen if leaving else seen)[None, :].astype(np.float32)
        there = seen > _SOLID
        return _blend_of(self._drawn() * seen[..., None], self.art.ink & there, self.art.ground & there)

    def _window(self, size: tuple[int, int]) -> tuple[slice, slice, int, int]:
        """Rows and columns of the picture under the drawing, and where in the drawing they start; all even."""
        height, width = self.art.alpha.shape
        top, left = max(0, self.y), max(0, self.x)
        bottom, right = min(size[0], self.y + height) // 2 * 2, min(size[1], self.x + width) // 2 * 2
        return slice(top, bottom), slice(left, right), top - self.y, left - self.x

    def _laid(self, picture: Yuv420, blend: _Blend) -> Yuv420:
        ys, xs, y, x = self._window(picture.size)
        planes = []
        for plane, keep, add, k in zip(
            (picture.y, picture.u, picture.v),
            (blend.keep[0], *[blend.keep[1]] * 2),
            blend.add,
            (1, 2, 2),
            strict=True,
        ):
            rows, columns = slice(ys.start // k, ys.stop // k), slice(xs.start // k, xs.stop // k)
            here = (
                slice(y // k, y // k + rows.stop - rows.start),
                slice(x // k, x // k + columns.stop - columns.start),
            )
            out = plane.copy()
            out[rows, columns] = cv2.add(
                cv2.multiply(out[rows, columns], keep[here], scale=1 / 255), add[here]
            )
            planes.append(out)
        return replace(picture, y=planes[0], u=planes[1], v=planes[2])


def _blend_of(planes: Floats, ink: Mask, ground: Mask) -> _Blend:
    """Planes of a design, (h, w, 4), as they are laid on; the drawing's sides are even."""
    half = (planes.shape[1] // 2, planes.shape[0] // 2)
    luma, cb, cr, alpha = cv2.split(planes)
    thin_cb, thin_cr, thin = (cv2.resize(v, half, interpolation=cv2.INTER_AREA) for v in (cb, cr, alpha))
    keep = tuple(cv2.convertScaleAbs(np.maximum(1 - a, 0), alpha=255).astype(np.uint8) for a in (alpha, thin))
    add = tuple(
        cv2.convertScaleAbs(np.maximum(v, 0)).astype(np.uint8, copy=False) for v in (luma, thin_cb, thin_cr)
    )
    return _Blend((keep[0], keep[1]), (add[0], add[1], add[2]), ink, ground)


def _ease_out(share: float) -> float:
    """Cubic ease-out, 0–1."""
    return 1 - (1 - share) ** 3
