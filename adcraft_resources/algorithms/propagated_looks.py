"""The look that carries restyled keyframes through a clip, shot by shot.

Belongs here: joining the looks learned per shot into one, and what looks of one clip share. Does not: learning them
(look_propagation.py), painting elsewhere than on the CPU (models), making the restyled keyframes, which is a stylist's
work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.camera_path import CameraPath, Motion
from adcraft_resources.algorithms.codec_planes import planes_of_layers, rgb_of_planes
from adcraft_resources.algorithms.flow_carrying import (
    KeyTexture,
    Luma,
    Match,
    Near,
    match_key,
    scene_motion,
    small_luma_of_planes,
)
from adcraft_resources.algorithms.grading import Cube
from adcraft_resources.algorithms.grain import Grain
from adcraft_resources.algorithms.kept_matches import Matches
from adcraft_resources.algorithms.key_pairs import KeyPair, pooled_cube
from adcraft_resources.algorithms.look_propagation import (
    AT_ONCE,
    AgreedKeys,
    agree_keys,
    fit_look,
    learn_shot,
)
from adcraft_resources.algorithms.looks import GrainedLook
from adcraft_resources.algorithms.shot_looks import ShotLook, layers_of, look_at, neighbours
from adcraft_resources.algorithms.values import Frame, Shot, Yuv420


class Painter(Protocol):
    """Whoever can lay a shot's look over codec planes."""

    def paint(
        self,
        look: ShotLook,
        picture: Yuv420,
        light: NDArray[np.float32] | None,
        near: Sequence[Near],
    ) -> Yuv420 | None:
        """Return the picture in the look, bt709 limited; None where that cannot be done now."""


class PropagatedLook(GrainedLook):
    """Restyled keyframes carried to every frame, never across a cut.

    Told the camera's path by `follow` before the first frame, light and texture ride on it; without, motion is
    found between each frame and the nearest key, which fails where the camera moves fast.

    Args:
        pairs: Keyframes as they were and restyled; at least one. Each shot should have one at its start and end.
        shots: All shots of the clip in order.
        grain: Laid on at the end.
        seed: Of the grain.
        matches: Those of the clip's frames with its keys, shared by looks whose keys are the same frames.
        painter: Does a picture's work elsewhere than on the CPU, once there is a camera's path.

    A shot without a key takes the colours of all keys together. Raises ValueError where there is no key at all.
    """

    wants_path: ClassVar[bool] = True
    costly: ClassVar[bool] = True

    def __init__(
        self,
        pairs: Sequence[KeyPair],
        shots: Sequence[Shot],
        grain: Grain,
        seed: int,
        *,
        matches: Matches[Match] | None = None,
        painter: Painter | None = None,
    ) -> None:
        if not pairs:
            raise ValueError("a look cannot be carried from no keyframes")
        super().__init__(grain, seed)
        self._pairs = list(pairs)
        self._given = list(shots)
        self._path: CameraPath | None = None
        self._learned: list[tuple[Shot, ShotLook | None]] | None = None
        self._fallback: ShotLook | None = None
        self._learning = threading.Lock()
        self._matches: Matches[Match] = Matches(most=0) if matches is None else matches
        self._painter = painter

    def follow(self, path: CameraPath) -> None:
        """Take the camera's path; the look is learned anew with it, unless it is the one it has."""
        if path is not self._path:
            self._path, self._learned = path, None

    @cached_property
    def _agreed(self) -> AgreedKeys:
        """Keys made to agree: seconds of work, so it is done by whoever first needs the look, not by its maker."""
        return agree_keys(self._pairs)

    @property
    def shots(self) -> list[tuple[Shot, ShotLook | None]]:
        """Each shot with what was learned for it, None where it has no key."""
        with self._learning:
            if self._learned is None:
                prior = pooled_cube(self._agreed.evened) if len(self._given) > 1 else None
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    learned = pool.map(lambda shot: self._learn(shot, prior), self._given)
                    self._learned = list(zip(self._given, learned, strict=True))
                errors = [look.error for _, look in self._learned if look and look.error is not None]
                self.figures["left_out_error"] = max(errors, default=None)
            return self._learned

    def _learn(self, shot: Shot, prior: Cube | None) -> ShotLook | None:
        agreed = self._agreed.within(shot.first_frame, shot.last_frame)
        return learn_shot(agreed, _Motions(agreed.plain, self._path), prior) if agreed.plain else None

    def apply(self, frame: Frame, index: int, pts_s: float) -> Frame:
        """The restyled frame."""
        return look_at(self._look_of(index), frame, index)

    def apply_yuv(self, picture: Yuv420, index: int, pts_s: float) -> Yuv420:
        """The restyled picture, bt709 limited."""
        look, path = self._look_of(index), self._path
        if path is None:
            return planes_of_layers(layers_of(look, rgb_of_planes(picture), index), picture.size)
        near = self._near(look, path, picture, index)
        painted = None
        if self._painter is not None:
            painted = self._painter.paint(look, picture, _light_at(look, path, picture.size, index), near)
        if painted is None:
            painted = planes_of_layers(layers_of(look, rgb_of_planes(picture), index, near), picture.size)
        return painted

    def _near(self, look: ShotLook, path: CameraPath, picture: Yuv420, index: int) -> list[Near]:
        """The keys beside a picture, each matched with it once for all who share the matches."""
        if not look.textures:
            return []
        luma = cache(lambda: small_luma_of_planes(picture))
        keys = [(look.textures[at], share) for at, share in neighbours(look, index)]
        return [(texture, self._match(texture, path, luma, index), share) for texture, share in keys]

    def _match(self, texture: KeyTexture, path: CameraPath, luma: Callable[[], Luma], index: int) -> Match:
        motion = path.between(index, texture.index)
        return self._matches.of(
            (index, texture.index, motion.tobytes()), lambda: match_key(luma(), texture, motion)
        )

    def _look_of(self, index: int) -> ShotLook:
        for shot, look in self.shots:
            if look is not None and shot.first_frame <= index <= shot.last_frame:
                return look
        with self._learning:
            if self._fallback is None:
                self._fallback = fit_look(self._agreed.evened, "cube", _Motions(self._agreed.plain, None))
            return self._fallback


def _light_at(
    look: ShotLook, path: CameraPath, size: tuple[int, int], index: int
) -> NDArray[np.float32] | None:
    """The light on a picture, at a quarter of its size."""
    if look.light is None:
        return None
    motion = path.between(index, look.keys[0].index) if look.kind == "scene_light" else np.eye(3)
    return look.light.small_at(size, motion)


class Carriage:
    """What looks of one clip share while they are carried to its frames."""

    def __init__(self, painter: Painter | None) -> None:
        self._painter, self._matches = painter, Matches[Match]()

    def look(
        self, pairs: Sequence[KeyPair], shots: Sequence[Shot], grain: Grain, seed: int
    ) -> PropagatedLook:
        """The look of one variant's keys."""
        return PropagatedLook(pairs, shots, grain, seed, matches=self._matches, painter=self._painter)


class _Motions:
    """Motion from a frame to the first key of its shot: along the camera's path, or found through the nearest key."""

    def __init__(self, keys: Sequence[KeyPair], path: CameraPath | None) -> None:
        self._keys, self._path = list(keys), path
        self._chain: dict[int, Motion] = {}
        self._latest: tuple[int, Motion] | None = None

    def __call__(self, frame: Frame, index: int) -> Motion:
        first = self._keys[0].index
        if self._path is not None:
            return self._path.between(index, first)
        if self._latest is None or self._latest[0] != index or index in self._chain:
            key = min(self._keys, key=lambda key: abs(key.index - index))
            self._latest = (
                index,
                self._of_key(key.index)
                @ (np.eye(3) if key.index == index else _whole(scene_motion(frame, key.source))),
            )
        return self._latest[1]

    def _of_key(self, index: int) -> Motion:
        """From a key to the first one, step by step over the keys between."""
        if not self._chain:
            self._chain[self._keys[0].index] = np.eye(3)
            for before, key in zip(self._keys, self._keys[1:], strict=False):
                step = _whole(scene_motion(key.source, before.source))
                self._chain[key.index] = self._chain[before.index] @ step
        return self._chain[index]


def _whole(similarity: np.ndarray) -> Motion:
    return np.vstack([similarity, [0.0, 0.0, 1.0]])
