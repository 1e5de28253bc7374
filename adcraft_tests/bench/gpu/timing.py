"""Timing on a device: warm-up, median, events; and the ceilings of the machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def wall_s(call: Callable[[], Any], device: torch.device, *, runs: int = 3, warm: int = 1) -> float:
    """Median seconds of a call from start to everything done, after `warm` calls."""
    for _ in range(warm):
        call()
    times = []
    for _ in range(runs):
        wait(device)
        began = time.perf_counter()
        call()
        wait(device)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def event_ms(call: Callable[[], Any], device: torch.device, *, runs: int = 5, warm: int = 2) -> float:
    """Median milliseconds of a call by CUDA events."""
    if device.type != "cuda":
        return 1000 * wall_s(call, device, runs=runs, warm=warm)
    for _ in range(warm):
        call()
    times = []
    for _ in range(runs):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        call()
        end.record()
        torch.cuda.synchronize(device)
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def ceilings(device: torch.device) -> dict[str, float]:
    """TFLOP/s of bf16 and row-wise fp8 products of 8192³, of attention like FLUX's, and TB/s of a copy."""
    side = 8192 if device.type == "cuda" else 256
    kind = torch.bfloat16
    a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    flops = 2 * side**3
    found = {"bf16_tflops": flops / event_ms(lambda: a @ b, device) / 1e9}
    if device.type == "cuda":
        one = torch.ones(side, 1, device=device)
        left, right = a.to(torch.float8_e4m3fn), b.to(torch.float8_e4m3fn).t()
        product = lambda: torch._scaled_mm(  # noqa: E731
            left, right, scale_a=one, scale_b=one.t(), out_dtype=kind, use_fast_accum=True
        )
        found["fp8_tflops"] = flops / event_ms(product, device) / 1e9
        q = torch.randn(4, 24, 4608, 128, device=device, dtype=kind)
        attention = lambda: torch.nn.functional.scaled_dot_product_attention(q, q, q)  # noqa: E731
        found["attention_tflops"] = 4 * 4 * 24 * 4608**2 * 128 / event_ms(attention, device) / 1e9
        big = torch.empty(1 << 30, device=device, dtype=torch.float32)
        other = torch.empty_like(big)
        found["copy_tbps"] = 2 * big.numel() * 4 / event_ms(lambda: other.copy_(big), device) / 1e9
    return {name: round(value, 2) for name, value in found.items()}


def kernel_shares(call: Callable[[], Any]) -> tuple[dict[str, float], list[tuple[str, float]]]:
    """Milliseconds of a call's kernels by kind (products, attention, the rest), and the longest ones by name."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        call()
        torch.cuda.synchronize()
    shares: dict[str, float] = {"product": 0.0, "attention": 0.0, "rest": 0.0}
    for event in seen.key_averages():
        name, took = event.key.lower(), event.device_time_total / 1000
        if name.startswith("triton"):  # named after what they fuse
            shares["rest"] += took
        elif any(word in name for word in ("gemm", "nvjet", "cutlass", "scaled_mm", "cublas")):
            shares["product"] += took
        elif any(word in name for word in ("flash", "fmha", "sdpa", "attention")):
            shares["attention"] += took
        else:
            shares["rest"] += took
    longest = sorted(
        ((event.key[:110], event.device_time_total / 1000) for event in seen.key_averages()),
        key=lambda one: -one[1],
    )
    return {name: round(value, 2) for name, value in shares.items()}, longest[:14]
