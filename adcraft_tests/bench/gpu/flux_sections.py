"""FLUX beside naive diffusers: per frame end to end, per step, memory, precision, the batch chooser."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.models.batching import BatchChooser
from adcraft_resources.models.devices import GIB, empty_cache
from adcraft_resources.models.engine_values import EngineSettings, PromptEmbedding, Restyle
from adcraft_resources.models.flux1 import Flux1Engine
from adcraft_resources.models.flux_engine import FluxEngine
from adcraft_resources.models.fp8 import relative_error
from adcraft_resources.models.klein import KleinEngine
from adcraft_tests.bench.gpu import architectures as arch
from adcraft_tests.bench.gpu.timing import event_ms, kernel_shares, wait, wall_s

Row = dict[str, Any]


def picture(side: int, seed: int = 0) -> Frame:
    """Noise over a ramp."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(30, 220, side)[None, :, None] * np.ones((side, 1, 3))
    return np.clip(ramp + rng.normal(0, 25, (side, side, 3)), 0, 255).astype(np.uint8)


class Bench:
    """What all sections know: device, size, and where rows go."""

    def __init__(self, device: torch.device, *, tiny: bool) -> None:
        self.device, self.tiny = device, tiny
        self.side = 64 if tiny else 1024
        self.runs = 1 if tiny else 3
        self.rows: list[Row] = []

    def add(self, what: str, **figures: Any) -> None:
        """Keep a row and print it."""
        row = {"what": what, **{k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}}
        self.rows.append(row)
        print("   ".join(f"{name}={value}" for name, value in row.items()), flush=True)

    def settings(self, **changes: Any) -> EngineSettings:
        kind = "fp32" if self.device.type == "cpu" else "bf16"
        plain = EngineSettings(str(self.device), precision=kind, compiled=not self.tiny, area=self.side**2)
        return replace(plain, **changes)

    def peak(self, call: Callable[[], Any]) -> float:
        """Peak GiB of a call."""
        if self.device.type != "cuda":
            return 0.0
        torch.cuda.reset_peak_memory_stats(self.device)
        call()
        wait(self.device)
        return torch.cuda.max_memory_allocated(self.device) / GIB


def clean_up() -> None:
    gc.collect()
    empty_cache()
    torch._dynamo.reset()


def requests(bench: Bench, engine: FluxEngine, count: int, **changes: Any) -> list[Restyle]:
    blank = engine.blank_prompt()
    prompt = PromptEmbedding(
        torch.randn_like(blank.tokens), None if blank.pooled is None else torch.randn_like(blank.pooled)
    )
    frame = picture(bench.side)
    return [Restyle(frame, prompt, seed, **changes) for seed in range(count)]


def frame_s(
    bench: Bench, engine: FluxEngine, count: int, *, runs: int | None = None, warm: int = 2, **changes: Any
) -> float:
    """Seconds a frame end to end: picture in, picture out; nothing remembered from the call before."""
    asked = requests(bench, engine, count, **changes)
    engine.chooser.most = count

    def call() -> None:
        engine._latents.clear()
        engine.restyle(asked)

    return wall_s(call, bench.device, runs=runs or bench.runs, warm=warm) / count


def transformer_inputs(bench: Bench, engine: Flux1Engine, batch: int) -> dict[str, torch.Tensor]:
    """Random inputs of one step of FLUX.1."""
    config, kind = engine.transformer.config, engine.dtype
    tokens = (bench.side // 16) ** 2

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=bench.device, dtype=kind)

    rows = int(tokens**0.5)
    ids = torch.cartesian_prod(torch.arange(1), torch.arange(rows), torch.arange(rows)).to(bench.device, kind)
    return {
        "hidden_states": drawn(batch, tokens, config.in_channels),
        "timestep": torch.full((batch,), 0.5, device=bench.device, dtype=kind),
        "encoder_hidden_states": drawn(batch, 512, config.joint_attention_dim),
        "pooled_projections": drawn(batch, config.pooled_projection_dim),
        "txt_ids": torch.zeros(512, 3, device=bench.device, dtype=kind),
        "img_ids": ids,
        "guidance": torch.full((batch,), 3.5, device=bench.device),
    }


def naive_flux1_s(bench: Bench, pipe: Any) -> float:
    """FluxImg2ImgPipeline as it comes: eager, PIL in and out, prompts cached, 28 × 0.5 steps."""
    kind = torch.float32 if bench.device.type == "cpu" else torch.bfloat16
    config = pipe.transformer.config
    embeds = torch.randn(1, 512, config.joint_attention_dim, device=bench.device, dtype=kind)
    pooled = torch.randn(1, config.pooled_projection_dim, device=bench.device, dtype=kind)
    pipe.set_progress_bar_config(disable=True)
    image = Image.fromarray(picture(bench.side))

    def call() -> None:
        pipe(image=image, prompt_embeds=embeds, pooled_prompt_embeds=pooled, strength=0.5, num_inference_steps=28,
            guidance_scale=3.5, height=bench.side, width=bench.side)  # fmt: skip

    return wall_s(call, bench.device, runs=bench.runs, warm=1)


def flux1(bench: Bench, *, fp8: bool = True) -> None:
    """FLUX.1 dev-like: naive, bf16, fp8, foreseen steps."""
    pipe = arch.flux1_pipe(bench.device, tiny=bench.tiny)
    bench.add("flux1 naive, 14 steps, b1", s_per_frame=naive_flux1_s(bench, pipe))
    engine = Flux1Engine(pipe, bench.settings())
    exact = _sample(bench, engine)
    for batch in (1, 4):
        bench.add(f"flux1 bf16, 14 steps, b{batch}", s_per_frame=frame_s(bench, engine, batch, strength=0.5))
    if fp8:
        engine.close()
        del pipe, engine
        clean_up()
        pipe = arch.flux1_pipe(bench.device, tiny=bench.tiny)
        engine = Flux1Engine(pipe, bench.settings(precision="fp8"))
        bench.add("flux1 fp8 against bf16", relative_error=relative_error(exact, _sample(bench, engine)))
        for batch in (1, 4):
            asked = frame_s(bench, engine, batch, strength=0.5)
            peak = bench.peak(lambda: engine.restyle(requests(bench, engine, batch)))  # noqa: B023 - called here
            bench.add(f"flux1 fp8, 14 steps, b{batch}", s_per_frame=asked, peak_gib=peak)
        engine.settings = replace(engine.settings, computed=9 / 14)
        bench.add(
            "flux1 fp8, 9 of 14 steps computed, b4", s_per_frame=frame_s(bench, engine, 4, strength=0.5)
        )
        if bench.device.type == "cuda":
            _profile(bench, engine)
    engine.close()


@torch.inference_mode()
def _profile(bench: Bench, engine: Flux1Engine) -> None:
    """Where a step's time goes: by kind, and the longest kernels."""
    for batch in (1, 4):
        inputs = transformer_inputs(bench, engine, batch)
        step = event_ms(lambda: engine._step(**inputs), bench.device)  # noqa: B023 - called here
        shares, longest = kernel_shares(lambda: engine._step(**inputs))  # noqa: B023 - called here
        bench.add(f"flux1 fp8 step kernels, b{batch}, ms", step=step, **shares)
        for name, took in longest:
            print(f"    {took:8.3f} ms  {name}", flush=True)


def profile(bench: Bench) -> None:
    """A step of FLUX.1 in fp8, kernel by kernel."""
    engine = Flux1Engine(arch.flux1_pipe(bench.device, tiny=bench.tiny), bench.settings(precision="fp8"))
    if bench.device.type == "cuda":
        _profile(bench, engine)
    engine.close()


@torch.inference_mode()
def _sample(bench: Bench, engine: Flux1Engine) -> torch.Tensor:
    torch.manual_seed(1)
    return engine._run_transformer(**transformer_inputs(bench, engine, 1)).float().cpu()


def fill(bench: Bench) -> None:
    """Fill, a step of batch 4: eager, and as the engine runs it."""
    pipe = arch.flux1_pipe(bench.device, fill=True, tiny=bench.tiny)
    plain = Flux1Engine(pipe, bench.settings(compiled=False))
    inputs = transformer_inputs(bench, plain, 1)
    with torch.inference_mode():
        bench.add(
            "fill naive, step, b1",
            ms_per_frame=event_ms(lambda: plain._run_transformer(**inputs), bench.device),
        )
    engine = Flux1Engine(pipe, bench.settings(precision="fp8"))
    inputs = transformer_inputs(bench, engine, 4)
    with torch.inference_mode():
        took = event_ms(lambda: engine._step(**inputs), bench.device)
    bench.add("fill fp8, step, b4", ms_per_frame=took / 4)
    engine.close()


def klein(bench: Bench) -> None:
    """klein edits with one reference, four steps, its own VAE."""
    pipe = arch.klein_pipe(bench.device, tiny=bench.tiny)
    kind = torch.float32 if bench.device.type == "cpu" else torch.bfloat16
    embeds = torch.randn(1, 512, pipe.transformer.config.joint_attention_dim, device=bench.device, dtype=kind)
    pipe.set_progress_bar_config(disable=True)
    image = Image.fromarray(picture(bench.side))

    def call() -> None:
        pipe(image=image, prompt_embeds=embeds, num_inference_steps=4, guidance_scale=1.0, height=bench.side,
            width=bench.side)  # fmt: skip

    bench.add("klein naive, 4 steps, b1", s_per_frame=wall_s(call, bench.device, runs=bench.runs))
    engine = KleinEngine(pipe, bench.settings(precision="fp8"))
    for batch in (1, 4):
        bench.add(f"klein fp8, 4 steps, b{batch}", s_per_frame=frame_s(bench, engine, batch))
    if not bench.tiny:
        _chooser(bench, engine)
    engine.close()


def _chooser(bench: Bench, engine: KleinEngine) -> None:
    """The chosen batch against fixed ones, without a cap and as on cards of 24 and 40 GB."""
    for cap in (24e9, 40e9, None):
        choose_at(bench, engine, cap)


def choose_at(bench: Bench, engine: FluxEngine, cap: float | None, **changes: Any) -> None:
    """The batch chosen from free memory on a card of `cap` bytes, beside fixed ones on the same card."""
    total = torch.cuda.get_device_properties(bench.device).total_memory if bench.device.type == "cuda" else 1
    if bench.device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(1.0 if cap is None else cap / total)
    found = {}
    for batch in (1, 2, 4, None):
        engine._step.forget()
        engine._latents.clear()
        empty_cache()
        engine.chooser = BatchChooser(bench.device, engine.chooser.memory, most=batch or 4)
        asked = requests(bench, engine, 4, **changes)

        def call(asked: list[Restyle] = asked) -> None:
            engine._latents.clear()
            engine.restyle(asked)

        found[batch] = wall_s(call, bench.device, runs=2, warm=1) / len(asked)
    best = min(took for batch, took in found.items() if batch is not None)
    tokens = engine.sequence_of((bench.side, bench.side), guided=False)
    bench.add(
        f"{type(engine).__name__} chooser, cap {'none' if cap is None else f'{cap / 1e9:.0f} GB'}",
        batch=engine.chooser.choose(tokens, bench.side**2), s_per_frame=found[None], best_fixed=best,
        over_best=found[None] / best, out_of_memory=len(engine.chooser.limits),
    )  # fmt: skip
    if bench.device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(1.0)
