"""Light in space: what a look does to a place in the picture rather than to a colour.

Belongs here: pools of light, gobos, vignette, light leaks, bloom and halation, local contrast, sharpness: on luma and
half-size chroma, before the colour table, so that its shoulder rolls off whatever they brighten. Does not: the colour
table itself, grain. Everything is fixed to the screen or follows the picture without memory, hence steady.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.lookup import FRACTION, LUMA_STEPS, Steps
from adcraft_resources.algorithms.values import Matrix, Yuv420

Floats = NDArray[np.floating[Any]]
Plane = NDArray[np.float32]

_FORBID = {"extra": "forbid"}  # pydantic reads it: a misspelt key in a style file is refused
_GAMMA = 2.2  # light gains act on code values through it
_WIDE_SIGMA = 4.0  # px from which a blur is done small
_CLARITY_RADIUS = 0.03  # of the short side
_GAIN_UNIT = 4096  # luma gains are 16-bit integers of this fraction: up to 8, in steps no picture can show
_NO_TINT = 1e-4  # chroma codes for each code of luma below which light has no colour
_QUARTER = 4  # glows and local contrast are worked out at this fraction of the size: they are soft anyway


@dataclass(frozen=True)
class Pool:
    """A soft ellipse of light: `ev` stops at its middle (below 0: shade), tinted `tint` 0..1 of the way to `colour`.

    `x`, `y` are shares of width and height; `radius` (the Gaussian's deviation) is a share of the diagonal along the
    long axis, `stretch` the short axis in its terms, `angle_deg` the long axis' slope.
    """

    x: float
    y: float
    radius: float
    ev: float = 0.0
    colour: str = "#ffffff"
    tint: float = 0.0
    stretch: float = 1.0
    angle_deg: float = 0.0
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Leak:
    """Light added from outside the scene, such as a bulb near the lens: `strength` is the luma it adds, 0..1."""

    x: float
    y: float
    radius: float
    strength: float
    colour: str
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Vignette:
    """Fall-off to the corners: `ev` stops there (below 0 darkens), none nearer than `inner` of the way."""

    ev: float = 0.0
    inner: float = 0.35
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Gobo:
    """A soft pattern of shade, `ev` stops deep: `leaves` or `blinds`; `scale` is a share of the height."""

    kind: Literal["leaves", "blinds"] = "leaves"
    ev: float = 0.0
    scale: float = 0.2
    angle_deg: float = 0.0
    seed: int = 1
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Glow:
    """Light that spreads from what is brighter than `threshold` (luma 0..1), `radius` a share of the short side.

    White and wide it is bloom, as of a mist filter; small and orange-red it is halation, as of film.
    """

    threshold: float
    radius: float
    strength: float
    colour: str = "#ffffff"
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Light:
    """All that a look does to places. `clarity` is local contrast, `sharpness` of edges; below 0 they soften."""

    pools: tuple[Pool, ...] = ()
    leaks: tuple[Leak, ...] = ()
    vignette: Vignette = Vignette()
    gobo: Gobo = Gobo()
    glows: tuple[Glow, ...] = ()
    clarity: float = 0.0
    sharpness: float = 0.0
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


def scale_light(light: Light, share: float) -> Light:
    """`light` with `share` of its strength; sharpness and clarity stay."""
    return replace(
        light,
        pools=tuple(replace(p, ev=p.ev * share, tint=p.tint * share) for p in light.pools),
        leaks=tuple(replace(leak, strength=leak.strength * share) for leak in light.leaks),
        vignette=replace(light.vignette, ev=light.vignette.ev * share),
        gobo=replace(light.gobo, ev=light.gobo.ev * share),
        glows=tuple(replace(glow, strength=glow.strength * share) for glow in light.glows),
    )


def light_map(light: Light, size: tuple[int, int]) -> NDArray[np.float32]:
    """Stops of light per channel, (h, w, 3) float32, that pools, gobo and vignette give a picture of `size`."""
    height, width = size
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    stops = np.zeros((height, width, 3))
    for pool in light.pools:
        shape = _ellipse(pool, x * width, y * height, size)
        stops += shape[..., None] * (pool.ev + pool.tint * np.log2(_unit_colour(pool.colour)))
    reach = np.hypot(2 * x - 1, (2 * y - 1)) / np.sqrt(2)
    fall = np.clip((reach - light.vignette.inner) / (1 - light.vignette.inner), 0, 1)
    stops += (light.vignette.ev * fall**2 * (3 - 2 * fall))[..., None]
    if light.gobo.ev:
        stops += (light.gobo.ev * _gobo(light.gobo, x * width / height, y))[..., None]
    return stops.astype(np.float32)


def _ellipse(pool: Pool, x: Floats, y: Floats, size: tuple[int, int]) -> Floats:
    height, width = size
    radius = pool.radius * np.hypot(height, width)
    dx, dy = x - pool.x * width, y - pool.y * height
    c, s = np.cos(np.radians(pool.angle_deg)), np.sin(np.radians(pool.angle_deg))
    along, across = (dx * c + dy * s) / radius, (dy * c - dx * s) / (radius * pool.stretch)
    return np.exp(-(along**2 + across**2) / 2)


def _gobo(gobo: Gobo, x: Floats, y: Floats) -> Floats:
    """0 in the light, 1 in the shade; x and y in picture heights."""
    c, s = np.cos(np.radians(gobo.angle_deg)), np.sin(np.radians(gobo.angle_deg))
    along, across = (x * c + y * s) / gobo.scale, (y * c - x * s) / gobo.scale
    if gobo.kind == "blinds":
        return 0.5 - 0.5 * np.tanh(2.2 * np.sin(2 * np.pi * across))
    random = np.random.default_rng(gobo.seed)
    waves = np.zeros_like(x)
    for octave in (1.0, 1.7, 2.9):
        for _ in range(3):
            turn, phase = random.uniform(0, 2 * np.pi, 2)
            waves += (
                np.sin(2 * np.pi * octave * (along * np.cos(turn) + across * np.sin(turn)) + phase) / octave
            )
    return 0.5 + 0.5 * np.tanh(1.1 * waves)


def _unit_colour(hex_colour: str) -> Floats:
    """Linear RGB of the colour at luminance 1, no channel under 5 %."""
    linear = colour.srgb_to_linear(np.array([int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]))
    return np.maximum(linear / (linear @ colour.luma_weights("bt709")), 0.05)


class Relight:
    """`Light` made ready for pictures of one size, matrix and range."""

    def __init__(self, light: Light, picture: Yuv420) -> None:
        height, width = picture.size
        self._light = light
        self._size = (height, width)
        self._half = picture.u.shape
        self._quarter = (-(-height // _QUARTER), -(-width // _QUARTER))
        self._black, luma_span, chroma_span = colour.code_scale(picture.range)
        self._span, self._ratio = luma_span, chroma_span / luma_span
        self._glows = [self._glow_parts(glow, picture.matrix) for glow in light.glows]
        self._prepare(picture.matrix)

    def _prepare(self, matrix: Matrix) -> None:
        """Gains and offsets of the light that stands still: codes * gain + luma * tint + offset."""
        stops = light_map(self._light, self._half)
        leaks = self._leaks(matrix)
        gain = colour.rgb_to_ycc(np.exp2(stops / _GAMMA), matrix).astype(np.float32)
        clear = 1 + max(self._light.clarity, -0.9)
        full = np.asarray(cv2.resize(gain[..., 0], self._size[::-1]), np.float32)
        full *= np.float32(clear * _GAIN_UNIT)
        self._gain = np.rint(np.minimum(full, np.iinfo(np.int16).max)).astype(np.int16)
        small, leak = (shrink(plane, self._quarter) for plane in (gain[..., 0], leaks[..., 0]))
        self._base_gain = small * np.float32((clear - 1) * LUMA_STEPS)
        self._offset = (self._black * (1 - small) + leak) * np.float32(LUMA_STEPS)
        self._moves_chroma = bool(np.abs(stops).max() > 0) or bool(np.abs(leaks).max() > 0)
        self._chroma_gain = np.ascontiguousarray(gain[..., 0] * FRACTION)
        self._chroma_still: list[tuple[Plane | None, Plane]] = []
        for i in (1, 2):
            tint = gain[..., i] * self._ratio
            offset = 128 - 128 * gain[..., 0] - self._black * tint + leaks[..., i]
            still = (np.ascontiguousarray(plane * FRACTION, dtype=np.float32) for plane in (tint, offset))
            coloured, plain = still
            self._chroma_still.append((coloured if np.abs(tint).max() > _NO_TINT else None, plain))

    def _leaks(self, matrix: Matrix) -> NDArray[np.float32]:
        """Codes that leaks add: luma and chroma, (h / 2, w / 2, 3)."""
        height, width = self._half
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        total = np.zeros((height, width, 3))
        for leak in self._light.leaks:
            shape = _ellipse(Pool(leak.x, leak.y, leak.radius), x, y, self._half)
            total += shape[..., None] * leak.strength * self._added(leak.colour, matrix)
        return total.astype(np.float32)

    def _added(self, hex_colour: str, matrix: Matrix) -> Floats:
        """Codes (luma, cb, cr) that full-strength light of a colour adds."""
        rgb = np.array([int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        ycc = colour.rgb_to_ycc(rgb / rgb.max(), matrix)
        return ycc * self._span * np.array([1, self._ratio, self._ratio])

    def _glow_parts(self, glow: Glow, matrix: Matrix) -> tuple[NDArray[np.float32], float, Floats]:
        """Energy by luma code, blur in quarter-size pixels, codes added at full energy."""
        level = (np.arange(256) - self._black) / self._span
        rise = np.clip((level - glow.threshold) / max(1 - glow.threshold, 1e-3), 0, 1)
        energy = (glow.strength * rise * rise * (3 - 2 * rise)).astype(np.float32)
        return energy, glow.radius * min(self._size) / _QUARTER, self._added(glow.colour, matrix)

    def __call__(self, picture: Yuv420) -> tuple[Steps, Steps, Steps]:
        """Relit luma (h, w) in half codes and chroma (half size) in sixteenths, unclipped."""
        half = shrink(picture.y, self._half)
        quarter = shrink(half, self._quarter)
        glows = [
            (blur(np.asarray(cv2.LUT(quarter, energy), np.float32), sigma), codes)
            for energy, sigma, codes in self._glows
        ]
        added = self._offset
        for glow, codes in glows:
            added = cv2.scaleAdd(glow, float(codes[0] * LUMA_STEPS), added)
        if self._light.clarity:
            base = blur(quarter.astype(np.float32), _CLARITY_RADIUS * min(self._size) / _QUARTER)
            added = added - base * self._base_gain
        luma = self._sharpen(picture.y).astype(np.int16)
        steps = np.asarray(cv2.multiply(luma, self._gain, scale=LUMA_STEPS / _GAIN_UNIT), np.int16)
        if np.any(added):
            steps += np.asarray(cv2.resize(np.rint(added).astype(np.int16), self._size[::-1]), np.int16)
        return steps, *self._chroma(picture, half, glows)

    def _sharpen(self, luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if not self._light.sharpness:
            return luma
        amount = self._light.sharpness
        sharp = cv2.addWeighted(luma, 1 + amount, cv2.GaussianBlur(luma, (3, 3), 0), -amount, 0)
        return np.asarray(sharp, np.uint8)

    def _chroma(
        self, picture: Yuv420, luma: NDArray[np.uint8], glows: list[tuple[Plane, Floats]]
    ) -> tuple[Steps, Steps]:
        planes: list[Any] = [picture.u, picture.v]
        coloured = [(glow, codes) for glow, codes in glows if np.abs(codes[1:]).max() > 1]
        if not self._moves_chroma and not coloured:
            return planes[0].astype(np.int16) << 4, planes[1].astype(np.int16) << 4
        for i, (tint, still) in enumerate(self._chroma_still):
            moved = cv2.multiply(planes[i], self._chroma_gain, dtype=cv2.CV_32F)
            if tint is not None:
                cv2.add(moved, cv2.multiply(luma, tint, dtype=cv2.CV_32F), dst=moved)
            if coloured:
                tints = sum(glow * np.float32(codes[i + 1] * FRACTION) for glow, codes in coloured)
                cv2.add(moved, cv2.resize(np.asarray(tints, np.float32), self._half[::-1]), dst=moved)
            planes[i] = cv2.add(moved, still, dtype=cv2.CV_16S)
        return planes[0], planes[1]


def shrink(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """`plane` averaged down to `size` (h, w)."""
    return cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA)


def blur(plane: Plane, sigma: float) -> Plane:
    """Gaussian blur; a wide one is done at a quarter of the size again, where it costs a sixteenth."""
    if sigma < _WIDE_SIGMA:
        near = cv2.GaussianBlur(plane, (0, 0), max(sigma, 0.3), borderType=cv2.BORDER_REPLICATE)
        return np.asarray(near, np.float32)
    height, width = plane.shape
    small = cv2.resize(plane, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height)), np.float32)
