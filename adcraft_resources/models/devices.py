"""The device models run on: which one, how much of it is free, and the switches that matter there.

Belongs here: torch's global switches and memory figures. Does not: models.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import gc

import torch

GIB = float(1 << 30)
_SHARED_POOL = (0, 0)
FP8_CAPABILITY = (8, 9)  # Ada and Hopper have fp8 matrix units


def pick_device(name: str = "auto") -> torch.device:
    """Return the device named, or CUDA where there is one."""
    found = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
    if found.type == "cuda" and found.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return found


def speed_up_matmul() -> None:
    """Allow what costs no visible precision: TF32 in what is left in fp32, one fp32 accumulation in bf16."""
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = True


def can_fp8(device: torch.device) -> bool:
    """Whether the device multiplies fp8."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= FP8_CAPABILITY


def free_bytes(device: torch.device) -> int:
    """Return what can still be allocated, torch's own idle cache included; a CPU is given 4 GiB.

    What graphs keep for themselves is nobody else's, idle or not. A cap set with
    `torch.cuda.set_per_process_memory_fraction` is honoured.
    """
    if device.type != "cuda":
        return int(4 * GIB)
    free, total = torch.cuda.mem_get_info(device)
    reserved = torch.cuda.memory_reserved(device)
    idle = _idle_bytes(device)
    cap = int(total * torch.cuda.get_per_process_memory_fraction(device))
    return max(0, min(free + idle, cap - reserved + idle))


def _idle_bytes(device: torch.device) -> int:
    segments = torch.cuda.memory_snapshot()
    return sum(
        one["total_size"] - one["allocated_size"]
        for one in segments
        if one["device"] == device.index and tuple(one["segment_pool_id"]) == _SHARED_POOL
    )


def graph_bytes(device: torch.device) -> int:
    """Return what captured graphs keep for themselves."""
    return sum(
        one["total_size"]
        for one in torch.cuda.memory_snapshot()
        if one["device"] == device.index and tuple(one["segment_pool_id"]) != _SHARED_POOL
    )


def empty_cache() -> None:
    """Give back what no tensor holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def describe_device(device: torch.device) -> str:
    """Name of the device with its memory and the versions that decide whether compiled artifacts fit."""
    if device.type != "cuda":
        return f"cpu torch {torch.__version__}"
    properties = torch.cuda.get_device_properties(device)
    return (
        f"{properties.name} {properties.total_memory / GIB:.0f} GiB torch {torch.__version__}"
        f" cuda {torch.version.cuda}"
    )
