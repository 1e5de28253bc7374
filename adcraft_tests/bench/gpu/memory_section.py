"""Memory: the model batches are chosen by against measured peaks, a card of 24 GB, and what a hundred ads leave behind."""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from typing import Any

import torch

from adcraft_resources.models.devices import GIB, empty_cache, free_bytes, graph_bytes
from adcraft_resources.models.engine_values import FluxParts
from adcraft_resources.models.flux1 import Flux1Engine
from adcraft_resources.models.flux_engine import FluxEngine
from adcraft_resources.models.klein import KleinEngine
from adcraft_resources.models.siglip import SiglipEngine
from adcraft_tests.bench.gpu import architectures as arch
from adcraft_tests.bench.gpu.flux_sections import Bench, choose_at, clean_up, frame_s, picture, requests
from adcraft_tests.bench.gpu.timing import wait

CARD = 24e9


def held(bench: Bench) -> float:
    """GiB of tensors on the device."""
    return torch.cuda.memory_allocated(bench.device) / GIB if bench.device.type == "cuda" else 0.0


def peaks(bench: Bench, engine: FluxEngine, what: str, batches: tuple[int, ...], **changes: Any) -> None:
    """What a call takes beside the weights: graphs keep their part, the rest comes and goes; and the model's word."""
    size = (bench.side, bench.side)
    tokens = engine.sequence_of(size, guided=changes.get("guide") is not None)
    for batch in batches:
        engine._step.forget()
        engine._latents.clear()
        engine.chooser.proved.clear()
        empty_cache()
        weights = held(bench)
        offloaded = engine.settings.memory == "offload"
        took = frame_s(bench, engine, batch, runs=1, warm=1 if offloaded else 2, **changes)
        asked = requests(bench, engine, batch, **changes)
        graphs = graph_bytes(bench.device) / GIB if bench.device.type == "cuda" else 0.0
        engine._latents.clear()
        before = held(bench)
        passing = bench.peak(lambda: engine.restyle(asked)) - before  # noqa: B023 - called here
        eager = engine.device.type == "cpu" or not engine._step._enabled
        bench.add(
            f"memory {what}, b{batch}", weights_gib=weights, graphs_gib=graphs, passing_gib=passing,
            call_gib=graphs + passing, model_gib=engine.chooser.memory.call_bytes(batch, tokens, size[0] * size[1]) / GIB,
            eager=eager, s_per_frame=took,
        )  # fmt: skip


def memory(bench: Bench) -> None:
    """Peaks of klein, then what it leaves behind."""
    precision = "fp32" if bench.tiny else "fp8"
    engine = KleinEngine(arch.klein_pipe(bench.device, tiny=bench.tiny), bench.settings(precision=precision))
    peaks(bench, engine, f"klein {precision}", (1, 2) if bench.tiny else (1, 2, 4))
    peaks(
        bench,
        engine,
        f"klein {precision} guided",
        (1,) if bench.tiny else (1, 4),
        guide=picture(bench.side, 9),
    )
    _a_hundred(bench, engine)
    engine.close()
    del engine
    clean_up()


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


def small_card(bench: Bench) -> None:
    """FLUX.1 as on a card of 24 GB: fp8 resident, weights coming over from RAM layer by layer; bf16 offloaded."""
    for memory, precision, batches in (
        ("offload", "bf16", (1, 4)),
        ("offload", "fp8", (4,)),
        ("resident", "fp8", (1, 4)),
    ):
        if bench.device.type == "cuda":
            _cap(bench, CARD)
        began = time.perf_counter()
        engine = Flux1Engine(_in_ram(bench), _settings(bench, memory, precision))
        bench.add(f"24 GB, flux1 {memory} {precision}, ready", s=time.perf_counter() - began, held_gib=held(bench),
            free_gib=free_bytes(bench.device) / GIB)  # fmt: skip
        peaks(bench, engine, f"24 GB, flux1 {memory} {precision}, 14 steps", batches, strength=0.5)
        made = engine.restyle(requests(bench, engine, 1, strength=0.5))[0]
        bench.add(f"24 GB, flux1 {memory} {precision}, picture", shape=made.shape, spread=float(made.std()))
        if memory == "resident":
            choose_at(bench, engine, CARD, strength=0.5)
        engine.close()
        del engine
        clean_up()
    if bench.device.type == "cuda":
        _cap(bench, None)


def _settings(bench: Bench, memory: str, precision: str) -> Any:
    return bench.settings(memory=memory, precision="fp32" if bench.device.type == "cpu" else precision)


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
