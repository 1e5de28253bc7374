"""The opening of a variant: how its first shot is framed and how its first frames are enriched.

Belongs here: the settings of the first-frame optimizer, the kinds of opening, and fitting one to a picture.
Does not: the arithmetic of saliency, crops and edits (algorithms), or running through a video (variant_renderer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from adcraft_resources.algorithms.framing import Box, Crop, centroid_of, golden_score, propose_crops
from adcraft_resources.algorithms.opening_edits import clipped_share, enriching_change
from adcraft_resources.algorithms.saliency import find_saliency
from adcraft_resources.algorithms.skin import cielab_of, skin_delta_l, skin_likeness
from adcraft_resources.algorithms.values import Frame, Mask, Yuv420
from adcraft_resources.sections import Section
from adcraft_resources.video_codecs.pictures import rgb_of, small_rgb_of

Plane = NDArray[np.uint8]

_SURVEY_SIDE: Final = 240  # px of the short side; saliency needs no more
MAX_CLIPPED: Final = 0.01
_CLIP_SLACK: Final = 0.001  # a picture with black bars is over the limit before anything is done
MAX_SKIN_LIFT: Final = 1.0  # L*; the gate allows 2 for look and opening together
_STRENGTHS: Final = (1.0, 0.75, 0.5, 0.25, 0.0)
_LIMITED_BLACK, _LIMITED_WHITE = 16, 235
_LIMITED_SCALE: Final = 219 / 255
_STRETCH: Final = np.clip((np.arange(256) - 16) * 255 / 219 + 0.5, 0, 255).astype(np.uint8)
_SKIN_TRUST: Final = 0.8  # of the guard where only colour says that it is skin


class FirstFrameSettings(Section):
    """Bounds of what is done to the opening of a variant."""

    enabled: bool = True
    contrast: float = Field(
        default=0.6, ge=0, le=1, description="Share of local equalisation (CLAHE, clip 2)."
    )
    golden_ratio: bool = Field(
        default=True, description="Crop the first shot towards golden-ratio placement."
    )
    glow: float = Field(default=0.15, ge=0, le=0.15, description="Opacity of the glow of bright parts.")
    fade_frames: int = Field(
        default=8, ge=6, le=10, description="Frames over which contrast and glow fade out."
    )
    start_within_s: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="How far in an ad may begin, where a later picture opens clearly better.",
    )
    teaser_s: float = Field(
        default=0.0, ge=0, le=2, description="Length of the strongest later moment shown ahead; 0 for none."
    )


@dataclass(frozen=True, slots=True)
class Opening:
    """A kind of opening: most it crops off a side, how much it wants to, least off the width; contrast and glow."""

    crop_limit: float
    crop_pull: float
    crop_least: float
    contrast: float
    glow: float


OPENINGS: Final = {
    "punchy": Opening(0.08, 0.25, 0.0, 1.0, 1.0),
    "gentle": Opening(0.05, 0.0, 0.0, 0.5, 0.6),
    "close": Opening(0.12, 0.8, 0.14, 0.8, 0.4),
}


def frame_opening(frame: Frame, opening: str, settings: FirstFrameSettings, keep: Sequence[Box] = ()) -> Crop:
    """Return the crop of the first shot, to be held until its last frame.

    Args:
        frame: The first frame, cleaned.
        opening: A name of `OPENINGS`.
        settings: Whether to crop at all.
        keep: Boxes (shares of the picture) that may not be cut: faces, labels.
    """
    if not (settings.enabled and settings.golden_ratio):
        return Crop()
    kind = OPENINGS[opening]
    scale = _SURVEY_SIDE / min(frame.shape[:2])
    small = np.asarray(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    proposals = propose_crops(
        find_saliency(small, keep), kind.crop_limit, keep=keep, pull=kind.crop_pull, least=kind.crop_least
    )
    return max(proposals, key=lambda proposal: _framing_worth(small, *proposal, keep))[0]


def _framing_worth(frame: Frame, crop: Crop, cost: float, keep: Sequence[Box]) -> float:
    """The golden score of the cropped picture as a viewer would see it, less what the crop costs."""
    x, y, w, h = crop.window(*frame.shape[:2])
    part = frame[y : y + h, x : x + w]
    saliency = find_saliency(part, [crop.map_box(box) for box in keep])
    return golden_score(*centroid_of(saliency)) - cost


def cropped(picture: Yuv420, crop: Crop) -> Yuv420:
    """Return the kept part of `picture` at the size of the whole; the window keeps to whole chroma samples."""
    if crop.is_empty:
        return picture
    height, width = picture.size
    x, y, w, h = (round(v / 2) * 2 for v in crop.window(height, width))
    y_plane = _enlarged(picture.y[y : y + h, x : x + w], picture.y.shape)
    u_plane, v_plane = (
        _enlarged(plane[y // 2 : (y + h) // 2, x // 2 : (x + w) // 2], plane.shape)
        for plane in (picture.u, picture.v)
    )
    return Yuv420(y_plane, u_plane, v_plane, picture.matrix, picture.range)


def _enlarged(part: Plane, shape: tuple[int, ...]) -> Plane:
    return np.asarray(cv2.resize(part, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.uint8)


@dataclass(frozen=True)
class OpeningEdit:
    """Contrast and glow at a strength found on the first picture, fading out evenly over `fade_frames`.

    `figures` says what the bounds left: strength, clipped share, signed mean ΔL* on skin (None without skin).
    """

    contrast: float = 0.0
    glow: float = 0.0
    fade_frames: int = 0
    figures: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls, picture: Yuv420, opening: str, settings: FirstFrameSettings, skin: Mask | None = None
    ) -> OpeningEdit:
        """Find the greatest strength at which the edited first picture keeps its bounds.

        Args:
            picture: The first picture as styled and cropped, BT.709 limited.
            opening: A name of `OPENINGS`.
            settings: What is asked for.
            skin: (h, w) pixels known to be skin, from faces.
        """
        if not settings.enabled:
            return cls()
        kind = OPENINGS[opening]
        allowed = max(MAX_CLIPPED, clipped_share(_full_luma(picture.y)) + _CLIP_SLACK)
        for strength in _STRENGTHS:
            contrast = round(settings.contrast * kind.contrast * strength, 4)
            edit = cls(contrast, round(settings.glow * kind.glow * strength, 4), settings.fade_frames)
            figures = edit.measure(picture, skin)
            lift = figures["skin_delta_l"]
            if figures["clipped_share"] <= allowed and (lift is None or lift <= MAX_SKIN_LIFT):
                return replace(edit, figures={"strength": strength, **figures})
        return cls()

    def measure(self, picture: Yuv420, skin: Mask | None = None) -> dict[str, Any]:
        """Figures of the edit at its strongest: contrast, glow, clipped_share, skin_delta_l."""
        edited = self.apply(picture, 0, skin)
        lift = None if skin is None else skin_delta_l(rgb_of(picture), rgb_of(edited), skin)
        return {
            "contrast": self.contrast,
            "glow": self.glow,
            "clipped_share": round(clipped_share(_full_luma(edited.y)), 5),
            "skin_delta_l": None if lift is None else round(lift, 3),
        }

    def apply(self, picture: Yuv420, tick: int, skin: Mask | None = None) -> Yuv420:
        """Return `picture` as shown `tick` frames after the start; the same object from `fade_frames` on.

        The change is found at half the size: what a glance takes in, without raising noise.
        """
        if tick >= self.fade_frames:
            return picture
        share = 1 - tick / self.fade_frames
        height, width = picture.size
        half = cv2.resize(picture.y, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        luma = _full_luma(np.asarray(half, np.uint8))
        change = enriching_change(luma, self.contrast, self.glow, _guard(picture, luma.shape, skin))
        change = cv2.resize(change, (width, height), interpolation=cv2.INTER_LINEAR)
        edited = cv2.addWeighted(picture.y, 1.0, change, share * _LIMITED_SCALE, 0, dtype=cv2.CV_8U)
        return replace(picture, y=np.clip(np.asarray(edited), _LIMITED_BLACK, _LIMITED_WHITE))


def _full_luma(luma: Plane) -> Plane:
    """Limited-range luma stretched to 0–255."""
    return np.asarray(cv2.LUT(luma, _STRETCH), np.uint8)


def _guard(picture: Yuv420, size: tuple[int, ...], skin: Mask | None) -> NDArray[np.float32]:
    """Where nothing may get lighter, at `size`: skin by its colour, and wholly where a face taught its colour."""
    height, width = picture.size
    small = small_rgb_of(picture, (max(1, height // 8), max(1, width // 8)))
    guard = skin_likeness(cielab_of(small)).astype(np.float32) * np.float32(_SKIN_TRUST)
    if skin is not None:
        known = skin.astype(np.float32)
        known = cv2.resize(known, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA)
        guard = np.maximum(guard, known)
    return np.asarray(cv2.resize(guard, (size[1], size[0]), interpolation=cv2.INTER_LINEAR), np.float32)
