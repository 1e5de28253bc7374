"""Reading checkpoints fast: many threads, pinned memory, straight to the device.

Belongs here: safetensors files into tensors. Does not: which files, or what the tensors are for.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import json
import os
import struct
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from adcraft_resources.errors import ModelUnavailable

CHUNK = 16 << 20
THREADS = 8  # 8 × 16 MB are pinned in 0.1 s; more threads gain little from a warm page cache
_LONGEST_HEADER = 100 << 20
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class _Piece:
    file: Path
    offset: int
    target: torch.Tensor  # uint8, flat


def read_tensors(
    files: Sequence[Path], device: torch.device, threads: int = THREADS
) -> dict[str, torch.Tensor]:
    """Read every tensor of safetensors files to `device`.

    Raises:
        ModelUnavailable: A file is no safetensors file or is cut short.
    """
    tensors: dict[str, torch.Tensor] = {}
    pieces: list[_Piece] = []
    for file in files:
        found, cut = _plan(Path(file), device)
        tensors.update(found)
        pieces += cut
    reader = _Reader(device)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(reader.read, pieces):
            pass
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return tensors


def load_into(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give a model built on the meta device its tensors; ModelUnavailable names one that is missing or too much."""
    missing, unexpected = model.load_state_dict(dict(tensors), strict=False, assign=True)
    if missing or unexpected:
        odd = (list(missing) or list(unexpected))[0]
        raise ModelUnavailable(
            f"the checkpoint does not fit {type(model).__name__}: {'lacks' if missing else 'also has'} {odd!r}.",
            remedy="Run: adcraft weights verify",
        )


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model's folder, in order; ModelUnavailable where there are none."""
    files = sorted(Path(folder).glob("*.safetensors"))
    if not files:
        raise ModelUnavailable(f"{folder} holds no weights.", remedy="Run: adcraft weights pull")
    return files


def _plan(file: Path, device: torch.device) -> tuple[dict[str, torch.Tensor], list[_Piece]]:
    header, base, size = _header_of(file)
    tensors, pieces = {}, []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        if base + end > size:
            raise _damaged(file, f"ends before {name!r}")
        tensor = torch.empty(entry["shape"], dtype=_TYPES[entry["dtype"]], device=device)
        tensors[name] = tensor
        if tensor.numel():
            flat = tensor.reshape(-1).view(torch.uint8)
            starts = range(0, end - begin, CHUNK)
            pieces += [_Piece(file, base + begin + at, flat[at : at + CHUNK]) for at in starts]
    return tensors, pieces


def _header_of(file: Path) -> tuple[dict[str, Any], int, int]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else _LONGEST_HEADER + 1  # noqa: PLR2004 - bytes
        if length > min(_LONGEST_HEADER, size):
            raise _damaged(file, "its header is no header")
        try:
            return json.loads(stream.read(length)), 8 + length, size
        except ValueError as error:
            raise _damaged(file, "its header is no JSON") from error


def _damaged(file: Path, how: str) -> ModelUnavailable:
    return ModelUnavailable(f"{file} is damaged: {how}.", remedy="Run: adcraft weights pull")


class _Reader:
    """Reads pieces; every thread has its own pinned buffer, files are opened once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._mine = threading.local()

    def read(self, piece: _Piece) -> None:
        count = piece.target.numel()
        buffer = piece.target.numpy() if self._device.type == "cpu" else self._buffer()[:count].numpy()
        descriptor = os.open(piece.file, os.O_RDONLY)
        try:
            done = 0
            while done < count:
                got = os.preadv(descriptor, [memoryview(buffer.data)[done:]], piece.offset + done)
                if got == 0:
                    raise _damaged(piece.file, "it is cut short")
                done += got
        finally:
            os.close(descriptor)
        if self._device.type != "cpu":
            with torch.cuda.stream(self._mine.stream):
                piece.target.copy_(self._buffer()[:count], non_blocking=True)
            self._mine.stream.synchronize()

    def _buffer(self) -> torch.Tensor:
        if not hasattr(self._mine, "buffer"):
            self._mine.buffer = torch.empty(CHUNK, dtype=torch.uint8, pin_memory=True)
            self._mine.stream = torch.cuda.Stream(self._device)
        return self._mine.buffer
