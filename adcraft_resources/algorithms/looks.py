"""Looks: a restyle developed for one clip, ready to be applied frame by frame.

Belongs here: what every look can do, and the graded look (light, then a colour table, then grain). Does not: choosing
a style or fitting it to a clip (stylists.py), looks carried from restyled keyframes (look_propagation.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np

from adcraft_resources.algorithms.camera_path import CameraPath
from adcraft_resources.algorithms.grading import Cube
from adcraft_resources.algorithms.grain import Grain, GrainField
from adcraft_resources.algorithms.light import Light, Relight
from adcraft_resources.algorithms.lookup import Lookup, compile_cube
from adcraft_resources.algorithms.planes import frame_of, luma_of, planes_of
from adcraft_resources.algorithms.values import Frame, Matrix, Range, Yuv420


class Look(ABC):
    """One restyle of one clip. Steady and deterministic: frame and index decide the result, nothing before them.

    `apply_yuv` and `finish_yuv` do on codec planes what `apply` and `finish` do on frames, without the way
    through RGB; they return bt709 limited planes, ready for delivery. `figures` says how the look was fitted.
    """

    figures: dict[str, float | None]
    wants_path: ClassVar[bool] = False
    """Whether `follow` makes a difference."""
    costly: ClassVar[bool] = False
    """Whether a frame takes so long that several should be worked on at once; only for looks that bear it."""

    def follow(self, path: CameraPath) -> None:  # noqa: B027 - a look that lies on the screen has no use for it
        """Take the camera's path through the clip, before the first picture."""

    @abstractmethod
    def apply(self, frame: Frame, index: int, pts_s: float) -> Frame:
        """The restyled frame, before any crop and without grain."""

    @abstractmethod
    def finish(self, frame: Frame, index: int) -> Frame:
        """The last touch before encoding: grain."""

    @abstractmethod
    def apply_yuv(self, picture: Yuv420, index: int, pts_s: float) -> Yuv420:
        """`apply` on codec planes of any matrix and range."""

    @abstractmethod
    def finish_yuv(self, picture: Yuv420, index: int) -> Yuv420:
        """`finish` on bt709 limited planes."""


@dataclass(frozen=True, slots=True)
class RefusedLook:
    """In place of a look: why a content filter lets none pass."""

    reason: str


def sort_looks(
    developed: Iterable[Mapping[str, Look | RefusedLook]],
) -> tuple[dict[str, Look], dict[str, str]]:
    """Return the looks of all groups by name, and why there is none for the others."""
    looks: dict[str, Look] = {}
    refused: dict[str, str] = {}
    for name, look in (one for group in developed for one in group.items()):
        if isinstance(look, RefusedLook):
            refused[name] = look.reason
        else:
            looks[name] = look
    return looks, refused


class GrainedLook(Look):
    """A look that ends with grain; what comes before is left to its kind."""

    def __init__(self, grain: Grain, seed: int, figures: dict[str, float | None] | None = None) -> None:
        self.figures = figures or {}
        self._grain = grain
        self._seed = seed
        self._grains: dict[tuple[tuple[int, int], bool], GrainField] = {}

    def finish(self, frame: Frame, index: int) -> Frame:
        """The frame with its grain."""
        if not self._grain.strength:
            return frame
        luma = luma_of(frame)
        grain = self._grain_of(luma.shape, full=True).at(luma, index)
        return np.asarray(cv2.add(frame, cv2.merge([grain] * 3), dtype=cv2.CV_8U), np.uint8)

    def finish_yuv(self, picture: Yuv420, index: int) -> Yuv420:
        """The picture with its grain."""
        if not self._grain.strength:
            return picture
        grain = self._grain_of(picture.size, full=picture.range == "full").at(picture.y, index)
        return replace(picture, y=np.asarray(cv2.add(picture.y, grain, dtype=cv2.CV_8U), np.uint8))

    def _grain_of(self, size: tuple[int, int], *, full: bool) -> GrainField:
        if (size, full) not in self._grains:
            self._grains[size, full] = GrainField(self._grain, size, self._seed, full=full)
        return self._grains[size, full]


class GradedLook(GrainedLook):
    """Light in space, then a colour cube, then grain; the same for every frame of the clip.

    Made ready for a picture size when the first picture of it comes.
    """

    def __init__(
        self,
        cube: Cube,
        light: Light,
        grain: Grain,
        seed: int,
        *,
        figures: dict[str, float | None] | None = None,
    ) -> None:
        super().__init__(grain, seed, figures)
        self._cube = cube
        self._light = light
        self._stages: dict[tuple[object, ...], tuple[Relight, Lookup]] = {}

    def apply(self, frame: Frame, index: int, pts_s: float) -> Frame:
        """The graded frame."""
        return frame_of(self.grade_planes(planes_of(frame), ("bt601", "full")))

    def apply_yuv(self, picture: Yuv420, index: int, pts_s: float) -> Yuv420:
        """The graded picture, bt709 limited."""
        return self.grade_planes(picture, ("bt709", "limited"))

    def grade_planes(self, picture: Yuv420, out: tuple[Matrix, Range]) -> Yuv420:
        """The graded planes in matrix and range of `out`."""
        key = (picture.size, picture.matrix, picture.range, out)
        if key not in self._stages:
            table = compile_cube(self._cube, picture.matrix, picture.range, out=out)
            self._stages[key] = (Relight(self._light, picture), Lookup(table, picture.size))
        relight, lookup = self._stages[key]
        return Yuv420(*lookup(*relight(picture)), *out)
