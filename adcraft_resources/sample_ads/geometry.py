"""The studio's camera and the one solid it knows: a block with rounded edges, traced ray by ray.

Belongs here: rays, projection, distances, hits. Does not: colours and light (studio.py).
Sphere tracing after J. C. Hart, "Sphere tracing" (1996); the rounded box is the usual distance function.
Points are (x right, y up, z towards the viewer), units of about one bar length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating[Any]]
"""Points or directions, (..., 3) float32."""

_STEPS = 14
_NEAR = 2e-3


def unit(vectors: Vectors) -> Vectors:
    """Vectors (n, 3) made one unit long."""
    return vectors / np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera at `eye` looking at `target`; `fov_deg` spans the height of (height, width) `size`."""

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    fov_deg: float
    size: tuple[int, int]

    def axes(self) -> tuple[Vectors, Vectors, Vectors]:
        """Unit vectors to the right, up and forward."""
        forward = np.subtract(self.target, self.eye).astype(np.float32)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, np.array([0, 1, 0], np.float32))
        right /= np.linalg.norm(right)
        return right, np.cross(right, forward), forward

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.size[0] / 2 / float(np.tan(np.radians(self.fov_deg) / 2))

    def rays(self, box: tuple[int, int, int, int]) -> Vectors:
        """Unit directions through the pixel centres of `box` (top, bottom, left, right), (h, w, 3)."""
        top, bottom, left, right = box
        across, up, forward = self.axes()
        x = (np.arange(left, right, dtype=np.float32) + 0.5 - self.size[1] / 2) / np.float32(self.focal_px)
        y = -(np.arange(top, bottom, dtype=np.float32) + 0.5 - self.size[0] / 2) / np.float32(self.focal_px)
        rays = forward + x[None, :, None] * across + y[:, None, None] * up
        return (rays / np.sqrt(np.einsum("ijk,ijk->ij", rays, rays))[:, :, None]).astype(np.float32)

    def project(self, points: Vectors) -> NDArray[np.float64]:
        """Pixels (x, y) of points (n, 3), (n, 2)."""
        away = np.asarray(points, np.float64) - np.array(self.eye)
        across, up, forward = self.axes()
        depth = away @ forward
        x = away @ across / depth * self.focal_px + self.size[1] / 2
        y = -(away @ up) / depth * self.focal_px + self.size[0] / 2
        return np.stack([x, y], axis=1) - 0.5


@dataclass(frozen=True)
class Solid:
    """A block with rounded edges: `half` sizes, edge `radius`, turned by `yaw_deg` about the vertical."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    radius: float
    yaw_deg: float = 0.0

    def turn(self) -> Vectors:
        """Rotation from the world to the block's own axes, (3, 3)."""
        angle = np.radians(self.yaw_deg)
        c, s = np.cos(angle), np.sin(angle)
        return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], np.float32)

    def inwards(self, points: Vectors) -> Vectors:
        """World points in the block's own axes."""
        return (points - np.array(self.centre, np.float32)) @ self.turn().T

    def outwards(self, points: Vectors) -> Vectors:
        """Points of the block's own axes in the world."""
        return points @ self.turn() + np.array(self.centre, np.float32)

    def distance(self, points: Vectors) -> NDArray[np.floating[Any]]:
        """Distance of world points (n, 3) from the surface; inside it is negative, but never less than -radius."""
        return self._distance(self.inwards(points))

    def _distance(self, local: Vectors) -> NDArray[np.floating[Any]]:
        q = np.abs(local) - (np.array(self.half, np.float32) - np.float32(self.radius))
        np.maximum(q, 0, out=q)
        return np.sqrt(np.einsum("ij,ij->i", q, q)) - np.float32(self.radius)

    def corners(self) -> Vectors:
        """The eight corners in the world, (8, 3)."""
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
        return self.outwards(signs * np.array(self.half, np.float32))

    def box_on(self, camera: Camera) -> tuple[int, int, int, int]:
        """Pixels the block can cover: top, bottom, left, right."""
        pixels = camera.project(self.corners())
        left, top = np.floor(pixels.min(axis=0)).astype(int) - 2
        right, bottom = np.ceil(pixels.max(axis=0)).astype(int) + 3
        height, width = camera.size
        return max(0, int(top)), min(height, int(bottom)), max(0, int(left)), min(width, int(right))

    def trace(
        self, eye: Vectors, rays: Vectors
    ) -> tuple[NDArray[np.bool_], NDArray[np.floating[Any]], Vectors]:
        """Follow rays (n, 3) from `eye`; returns which hit, their lengths, and hit points in the block's axes."""
        origin = self.inwards(eye)
        local = rays @ self.turn().T
        half = np.array(self.half, np.float32)
        with np.errstate(divide="ignore"):
            one, two = (-half - origin) / local, (half - origin) / local
        enter = np.maximum.reduce(np.minimum(one, two).T)
        leave = np.minimum.reduce(np.maximum(one, two).T)
        travelled = np.where(leave > np.maximum(enter, 0), enter, np.float32(0)).astype(np.float32)
        index = np.flatnonzero(leave > np.maximum(enter, 0))
        reach = np.full(len(rays), np.inf, np.float32)
        for _ in range(_STEPS):
            step = self._distance(origin + travelled[index, None] * local[index])
            travelled[index] += step
            reach[index] = step
            index = index[(step > _NEAR / 8) & (travelled[index] < leave[index])]
        hit = reach < _NEAR
        return hit, travelled, origin + travelled[:, None] * local

    def normals(self, local: Vectors) -> Vectors:
        """Unit normals in the block's axes at surface points (n, 3)."""
        q = np.abs(local) - (np.array(self.half, np.float32) - np.float32(self.radius))
        outer = np.maximum(q, 1e-6) * np.sign(local)
        return unit(outer)
