"""Memory: the model batches are chosen by against measured peaks, a card of 24 GB, and what a hundred ads leave behind."""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from typing import Any

import torch

from adcraft_resources.models.devices import GIB, empty_cache, free_bytes
from adcraft_resources.models.flux1 import Flux1Engine
from adcraft_resources.models.flux_engine import FluxEngine, FluxParts
from adcraft_resources.models.klein import KleinEngine
from adcraft_resources.models.siglip import SiglipEngine
from adcraft_tests.bench.gpu import architectures as arch
from adcraft_tests.bench.gpu.flux_sections import Bench, clean_up, frame_s, picture, requests
from adcraft_tests.bench.gpu.timing import wait

CARD = 24e9
VAE_GIB = 2.0  # a decode of 2^20 pixels, measured before: the VAE goes picture by picture


def held(bench: Bench) -> float:
    """GiB of tensors on the device."""
    return torch.cuda.memory_allocated(bench.device) / GIB if bench.device.type == "cuda" else 0.0


def peaks(bench: Bench, engine: FluxEngine, what: str, batches: tuple[int, ...], **changes: Any) -> None:
    """Measured peaks above the weights beside what the memory model says."""
    weights = held(bench)
    tokens = engine.tokens_of((bench.side, bench.side)) * (2 if isinstance(engine, KleinEngine) else 1)
    for batch in batches:
        took = frame_s(
            bench, engine, batch, runs=1, warm=1 if engine.settings.memory == "offload" else 2, **changes
        )
        asked = requests(bench, engine, batch, **changes)
        engine._latents.clear()
        measured = bench.peak(lambda: engine.restyle(asked)) - weights  # noqa: B023 - called here
        model = engine.chooser.memory
        step = (model.fixed + batch * model.item_bytes(tokens, 0)) / GIB
        bench.add(
            f"memory {what}, b{batch}", weights_gib=weights, peak_over_weights_gib=measured,
            model_step_gib=step, model_with_vae_gib=max(step, VAE_GIB), s_per_frame=took,
        )  # fmt: skip


def memory(bench: Bench) -> None:
    """Peaks of klein, then what it leaves behind, then FLUX.1 on a card of 24 GB."""
    precision = "fp32" if bench.tiny else "fp8"
    engine = KleinEngine(arch.klein_pipe(bench.device, tiny=bench.tiny), bench.settings(precision=precision))
    peaks(bench, engine, f"klein {precision}", (1, 2) if bench.tiny else (1, 4))
    _a_hundred(bench, engine)
    engine.close()
    del engine
    clean_up()
    _small_card(bench)


def _a_hundred(bench: Bench, klein: KleinEngine) -> None:
    """A hundred partitions: an edit of a new picture, pictures scored, SigLIP taking turns every tenth."""
    siglip = None
    for turn in range(1, 101):
        if turn % 10 == 1:
            siglip = SiglipEngine(arch.siglip_model(bench.device, tiny=bench.tiny), None, bench.settings())
        assert siglip is not None
        frame = picture(bench.side, turn)
        klein.restyle([replace(requests(bench, klein, 1)[0], frame=frame, seed=turn)])
        siglip.embed_pictures([frame] * 8)
        if turn % 10 == 0:
            siglip.close()
            siglip = None
            empty_cache()
        if turn in (20, 70, 100):
            wait(bench.device)
            ram = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            reserved = torch.cuda.memory_reserved(bench.device) / GIB if bench.device.type == "cuda" else 0.0
            bench.add(
                f"leaks, after {turn} partitions",
                held_gib=held(bench),
                reserved_gib=reserved,
                ram_peak_mb=ram,
            )


def _small_card(bench: Bench) -> None:
    """FLUX.1 as on a card of 24 GB: fp8 resident, weights coming over from RAM layer by layer; bf16 offloaded."""
    if bench.device.type == "cuda":
        _cap(bench, CARD)
    for memory, precision, compiled in (("resident", "fp8", True), ("offload", "bf16", False)):
        began = time.perf_counter()
        engine = Flux1Engine(_in_ram(bench), _settings(bench, memory, precision, compiled=compiled))
        bench.add(f"24 GB, flux1 {memory} {precision}, ready", s=time.perf_counter() - began, held_gib=held(bench),
            free_gib=free_bytes(bench.device) / GIB)  # fmt: skip
        peaks(
            bench,
            engine,
            f"24 GB, flux1 {memory} {precision}, {'4' if memory == 'offload' else '14'} steps",
            (1,),
            strength=0.15 if memory == "offload" else 0.5,
        )
        engine.close()
        del engine
        clean_up()
    if bench.device.type == "cuda":
        _cap(bench, None)


def _settings(bench: Bench, memory: str, precision: str, *, compiled: bool) -> Any:
    if bench.device.type == "cpu":
        precision, compiled = "fp32", False
    return bench.settings(memory=memory, precision=precision, compiled=compiled)


def _in_ram(bench: Bench) -> FluxParts:
    """FLUX.1's parts with their weights in RAM."""
    with torch.device("meta"):
        empty = arch.flux1_transformer(torch.device("meta"), tiny=bench.tiny)
    transformer = empty.to_empty(device="cpu").to(torch.float32 if bench.tiny else torch.bfloat16)
    noise = torch.randn(1 << 20).to(torch.bfloat16) * 0.02
    for weight in transformer.parameters():
        flat = weight.data.view(-1)
        for start in range(0, flat.numel(), noise.numel()):
            part = flat[start : start + noise.numel()]
            part.copy_(noise[: part.numel()])
    vae = arch.flux1_vae(bench.device, tiny=bench.tiny)
    return FluxParts(transformer.requires_grad_(requires_grad=False), vae, arch.scheduler())


def _cap(bench: Bench, limit: float | None) -> None:
    total = torch.cuda.get_device_properties(bench.device).total_memory
    torch.cuda.set_per_process_memory_fraction(1.0 if limit is None else limit / total)
    empty_cache()
