"""A look carried to a picture on a device: what algorithms.shot_looks does there, in one visit.

Belongs here: codec planes in, restyled codec planes out. Does not: learning a look, matching frames with keys (both on
the CPU, once), grain. Nothing of the picture is rounded to 8 bits on the way, so results differ from the CPU's by a
code here and there.

Calls have their own streams: they run between a model's kernels, not after them, and take no turn with models.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from adcraft_resources.algorithms import colour
from adcraft_resources.algorithms.codec_planes import CHROMA_SHIFT
from adcraft_resources.algorithms.dither import noise_field
from adcraft_resources.algorithms.flow_carrying import FADE, ZERO, Match, Near
from adcraft_resources.algorithms.shot_looks import ShotLook
from adcraft_resources.algorithms.values import Matrix, Yuv420
from adcraft_resources.models.detail_filters import add_details
from adcraft_resources.models.devices import empty_cache

Plane = NDArray[np.float32]
Noise = tuple[torch.Tensor, torch.Tensor]

_SEATS = 3  # pictures on the device at once: one comes, one is worked on, one leaves


@dataclass
class _Seat:
    """A stream, and memory the device reads and writes without the CPU's help."""

    stream: torch.cuda.Stream | None
    pinned: dict[int, torch.Tensor] = field(default_factory=dict)

    def bring(self, picture: Yuv420, device: torch.device) -> torch.Tensor:
        """The picture's planes on the device, one after the other."""
        planes = (picture.y, picture.u, picture.v)
        held = self._pinned(sum(one.size for one in planes))
        np.concatenate([one.reshape(-1) for one in planes], out=held.numpy())
        return held.to(device, non_blocking=True)

    def take(self, codes: torch.Tensor) -> NDArray[np.uint8]:
        """The codes on the CPU, once all work of the seat is done."""
        if self.stream is None:
            return codes.numpy()
        held = self._pinned(codes.numel())
        held.copy_(codes, non_blocking=True)
        self.stream.synchronize()
        return held.numpy().copy()

    def _pinned(self, size: int) -> torch.Tensor:
        if size not in self.pinned:
            self.pinned = {size: torch.empty(size, dtype=torch.uint8, pin_memory=self.stream is not None)}
        return self.pinned[size]


@lru_cache
def _seats(device: torch.device) -> queue.Queue[_Seat]:
    """The seats of a device, shared by all looks of the process."""
    seats: queue.Queue[_Seat] = queue.Queue()
    for _ in range(_SEATS):
        seats.put(_Seat(torch.cuda.Stream(device) if device.type == "cuda" else None))
    return seats


@contextmanager
def _seated(device: torch.device) -> Iterator[_Seat]:
    seats = _seats(device)
    seat = seats.get()
    try:
        with torch.inference_mode(), nullcontext() if seat.stream is None else torch.cuda.stream(seat.stream):
            yield seat
    finally:
        seats.put(seat)


@dataclass(frozen=True)
class _Prepared:
    """A shot's look on the device; `look` is held so that its id stays its own."""

    look: ShotLook
    cube: torch.Tensor
    weights: torch.Tensor | None
    textures: dict[int, torch.Tensor]


class DevicePainter:
    """Paints pictures of one clip in its looks; what it holds on the device goes with it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._prepared: dict[int, _Prepared] = {}
        self._noises: dict[tuple[int, int], Noise] = {}
        self._preparing = threading.Lock()

    def paint(
        self, look: ShotLook, picture: Yuv420, light: Plane | None, near: Sequence[Near]
    ) -> Yuv420 | None:
        """Return the picture in the look, bt709 limited; None where the device has no room for it now.

        Args:
            look: Of the picture's shot.
            picture: Of any matrix and range.
            light: Gains (rows, columns, 3), spread over the picture.
            near: The shot's keys beside the picture with their shares, for a look with texture.
        """
        try:
            with _seated(self._device) as seat:
                codes = self._painted(seat, self._ready(look), picture, light, near)
                return _unpacked(seat.take(codes), picture.size)
        except torch.OutOfMemoryError:
            empty_cache()
            return None

    def _ready(self, look: ShotLook) -> _Prepared:
        with self._preparing:
            if id(look) not in self._prepared:
                cube = torch.from_numpy(np.ascontiguousarray(look.lookup.cube.transpose(3, 0, 1, 2)))
                self._prepared[id(look)] = _Prepared(
                    look,
                    cube.to(self._device)[None],
                    None if look.mixture is None else torch.from_numpy(look.mixture.weights).to(self._device),
                    {one.index: _on(one.codes, self._device) for one in look.textures},
                )
            return self._prepared[id(look)]

    def _noise_for(self, size: tuple[int, int]) -> Noise:
        with self._preparing:
            if size not in self._noises:
                self._noises[size] = _noise(size, self._device)
            return self._noises[size]

    def _painted(
        self, seat: _Seat, ready: _Prepared, picture: Yuv420, light: Plane | None, near: Sequence[Near]
    ) -> torch.Tensor:
        size = picture.size
        rgb = _rgb_of(seat.bring(picture, self._device), picture).clamp(0, 1)
        made = _graded(rgb, ready.cube)
        if light is not None:
            made *= _spread(_on(light, self._device), size)
        made.clamp_(0, 1)
        if ready.weights is not None:
            made = add_details(made, ready.weights)
        if near:
            made += self._texture(ready, size, near) / 255
        return _codes_of(made.clamp_(0, 1), self._noise_for(size))

    def _texture(self, ready: _Prepared, size: tuple[int, int], near: Sequence[Near]) -> torch.Tensor:
        """Texture of the keys by share and trust, (1, 3, h, w) codes."""
        total = torch.zeros(1, 3, *size, device=self._device)
        weight = torch.zeros(1, 1, *size, device=self._device)
        for texture, match, share in near:
            moved, trust = _moved(ready.textures[texture.index], match, size)
            trust *= share
            total += moved * trust
            weight += trust
        return total / (weight + FADE)


def _on(pixels: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """(h, w, c) as (1, c, h, w) on the device."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).to(device).movedim(-1, 0)[None]


def _spread(planes: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return functional.interpolate(planes, size=size, mode="bilinear", align_corners=False)


def _rgb_of(packed: torch.Tensor, picture: Yuv420) -> torch.Tensor:
    """R'G'B' (1, 3, h, w), unclipped, of packed planes."""
    height, width = picture.size
    rows, columns = picture.u.shape
    luma, chroma = packed.float().split([height * width, 2 * rows * columns])
    black, luma_span, chroma_span = colour.code_scale(picture.range)
    y = (luma.view(1, 1, height, width) - black) / luma_span
    wide = _spread((chroma.view(1, 2, rows, columns) - 128) / chroma_span, (2 * rows, 2 * columns))
    u, v = wide[..., :height, :width].split(1, dim=1)
    parts = colour.ycc_to_rgb(np.eye(3), picture.matrix).tolist()
    return torch.cat([y + parts[1][i] * u + parts[2][i] * v for i in range(3)], dim=1)


def _graded(rgb: torch.Tensor, cube: torch.Tensor) -> torch.Tensor:
    """The cube (1, 3, n, n, n) read at colours (1, 3, h, w)."""
    where = (rgb * 2 - 1).flip(1).movedim(1, -1)[:, None]  # grid_sample asks for the last axis, blue, first
    return functional.grid_sample(cube, where, mode="bilinear", padding_mode="border", align_corners=True)[
        :, :, 0
    ]


def _moved(codes: torch.Tensor, match: Match, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """A key's texture where a match says (1, 3, h, w), and how far to trust it (1, 1, h, w)."""
    device, (height, width) = codes.device, size
    motion = match.motion.tolist()
    x = torch.arange(width, device=device, dtype=torch.float32)
    y = torch.arange(height, device=device, dtype=torch.float32)[:, None]
    where = _spread(_on(match.moves(), device), size)[0]
    for i, length in enumerate((width, height)):
        where[i] += (motion[i][0] * x + motion[i][2]) + motion[i][1] * y
        where[i].add_(0.5).mul_(2 / length).sub_(
            1
        )  # from pixels' centres to a grid that reaches from -1 to 1
    moved = functional.grid_sample(
        codes.float(), where.movedim(0, -1)[None], mode="bilinear", padding_mode="border", align_corners=False
    )
    return moved - ZERO, _spread(_on(match.trust[..., None], device).float() / 255, size)


def _codes_of(rgb: torch.Tensor, noise: Noise) -> torch.Tensor:
    """Packed bt709 limited planes of R'G'B' (1, 3, h, w), dithered where they are rounded."""
    matrix: Matrix = "bt709"
    parts = colour.rgb_to_ycc(np.eye(3), matrix).tolist()
    black, luma_span, chroma_span = colour.code_scale("limited")
    red, green, blue = rgb[0]
    y, u, v = (parts[0][k] * red + parts[1][k] * green + parts[2][k] * blue for k in range(3))
    small = functional.avg_pool2d(torch.stack([u, v])[None], 2, ceil_mode=True, count_include_pad=False)[0]
    planes = [y * luma_span + black + noise[0], *(small * chroma_span + 128 + noise[1])]
    return torch.cat([one.reshape(-1) for one in planes]).clamp_(0, 255).to(torch.uint8)


def _noise(size: tuple[int, int], device: torch.device) -> Noise:
    """The noise of luma (h, w) and of both chroma planes (2, rows, columns) where they are rounded."""
    half = (-(-size[0] // 2), -(-size[1] // 2))
    chroma = np.stack([noise_field(half, shift=shift) for shift in CHROMA_SHIFT])
    return torch.from_numpy(noise_field(size)).to(device), torch.from_numpy(chroma).to(device)


def _unpacked(codes: NDArray[np.uint8], size: tuple[int, int]) -> Yuv420:
    height, width = size
    half = (-(-height // 2), -(-width // 2))
    y, u, v = np.split(codes, [height * width, height * width + half[0] * half[1]])
    return Yuv420(y.reshape(size), u.reshape(half), v.reshape(half))
