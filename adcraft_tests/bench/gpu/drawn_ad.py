"""An ad drawn for measuring: a pan over a painted wall, and what a stylist might make of its frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from adcraft_resources.algorithms.values import Frame, Keyframe, Shot
from adcraft_resources.video_codecs import DeliveryWriter, yuv_of

FPS = 30


class DrawnAd:
    """A camera that pans over a painted wall, with a cut in the middle."""

    def __init__(self, *, tiny: bool) -> None:
        self.size = (192, 108) if tiny else (1920, 1080)
        self.count = 30 if tiny else 450
        half = self.count // 2
        self.shots = [
            Shot(0, half - 1, 0.0, half / FPS),
            Shot(half, self.count - 1, half / FPS, self.count / FPS),
        ]
        rng, (height, width) = np.random.default_rng(0), self.size
        sides = (height + self.count, width + self.count, 3)
        walls = [
            cv2.GaussianBlur(rng.integers(0, 256, sides, dtype=np.uint8), (0, 0), sigma) for sigma in (6, 9)
        ]
        self._walls = [cv2.normalize(wall, wall.copy(), 10, 245, cv2.NORM_MINMAX) for wall in walls]
        texture = cv2.GaussianBlur(rng.normal(0, 30, sides).astype(np.float32), (0, 0), 1.5)
        self._texture = texture * np.float32(18 / texture.std())

    def frame(self, index: int) -> Frame:
        """Frame `index`."""
        return np.ascontiguousarray(self._seen(self._walls[index * 2 // self.count], index))

    def restyled(self, index: int, seed: int) -> Frame:
        """What a stylist might make of frame `index`: the same for the same seed, its texture fixed to the wall."""
        rows = np.linspace(0.82, 1.15, self.size[0], dtype=np.float32)[:, None, None]
        tone = np.array([1.1, 1.0 - 0.01 * seed, 0.85], np.float32)
        made = self.frame(index) * tone * rows + 6 + self._seen(self._texture, index)
        return np.clip(np.rint(made), 0, 255).astype(np.uint8)

    def _seen(self, wall: np.ndarray, index: int) -> np.ndarray:
        return wall[index // 2 : index // 2 + self.size[0], index // 3 : index // 3 + self.size[1]]

    def write(self, path: Path) -> None:
        height, width = self.size
        with DeliveryWriter(
            path, width=width, height=height, fps=Fraction(FPS), audio_source=None, crf=13
        ) as writer:
            for index in range(self.count):
                writer.write(yuv_of(self.frame(index)))

    def keys(self, count: int) -> list[tuple[Keyframe, Frame]]:
        places = np.linspace(0, self.count - 1, count).round().astype(int).tolist()
        return [(Keyframe(at, at / FPS, at * 2 // self.count), self.frame(at)) for at in places]
