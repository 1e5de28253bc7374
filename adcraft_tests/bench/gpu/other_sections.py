"""Qwen2-VL and SigLIP beside the libraries as they come, and the time from a process's start to its first picture."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from safetensors.torch import save_file

from adcraft_resources.models.qwen2_vl import QwenEngine
from adcraft_resources.models.siglip import SiglipEngine
from adcraft_tests.bench.gpu import architectures as arch
from adcraft_tests.bench.gpu.flux_sections import Bench, clean_up
from adcraft_tests.bench.gpu.timing import wall_s

PICTURE_TOKEN, NEW_TOKENS = 151655, 128


def _question_inputs(
    bench: Bench, engine: QwenEngine, rows: int, size: tuple[int, int] = (1932, 1092)
) -> dict[str, Any]:
    height, width = (112, 56) if bench.tiny else size
    frames = torch.randint(0, 256, (rows, height, width, 3), dtype=torch.uint8, device=bench.device)
    grid = [1, height // 14, width // 14]
    seen = grid[1] * grid[2] // 4
    row = [1] * 14 + [151652] + [PICTURE_TOKEN] * seen + [151653] + [2] * 46
    ids = torch.tensor([row] * rows, device=bench.device)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == PICTURE_TOKEN).to(torch.int32),
        "pixel_values": engine.patches(frames),
        "image_grid_thw": torch.tensor([grid] * rows, device=bench.device),
    }


def qwen(bench: Bench) -> None:
    """Qwen2-VL-7B: 128 new tokens a keyframe; generate() as it comes at batch 1, the engine at batch 1 and 8."""
    model = arch.qwen_model(bench.device, tiny=bench.tiny)
    tokenizer = SimpleNamespace(eos_token_id=151645, pad_token_id=151643)
    engine = QwenEngine(model, tokenizer, bench.settings(compiled=True))
    inputs = _question_inputs(bench, engine, 1)
    spoken = model.model.language_model.config
    grouped, spoken._attn_implementation = spoken._attn_implementation, "sdpa"  # as the library comes

    def naive() -> torch.Tensor:
        return model.generate(**inputs, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False)

    with torch.inference_mode():
        bench.add("qwen naive, b1", s_per_keyframe=wall_s(naive, bench.device, runs=1 if bench.tiny else 2))
        theirs = naive()[:, inputs["input_ids"].shape[1] :]
    spoken._attn_implementation = grouped
    ours = engine.generate(inputs, NEW_TOKENS, until_end=False)
    bench.add("qwen tokens as generate() gives them", equal=int((ours == theirs).sum()), of=NEW_TOKENS)
    for rows in (1, 8):
        asked = _question_inputs(bench, engine, rows)

        def call(asked: dict[str, Any] = asked) -> torch.Tensor:
            return engine.generate(asked, NEW_TOKENS, until_end=False)

        took = wall_s(call, bench.device, runs=bench.runs) / rows
        bench.add(f"qwen ours, b{rows}", s_per_keyframe=took, peak_gib=bench.peak(call))
    engine.close()


def siglip(bench: Bench) -> None:
    """SigLIP, batch 64: eager and as the engine runs it."""
    batch = 4 if bench.tiny else 64
    model = arch.siglip_model(bench.device, tiny=bench.tiny)
    side = model.config.vision_config.image_size
    frames = torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8, device=bench.device)
    kind = next(model.parameters()).dtype
    values = frames.permute(0, 3, 1, 2).to(kind) / 127.5 - 1
    with torch.inference_mode():
        eager = wall_s(lambda: model.get_image_features(values), bench.device, runs=bench.runs, warm=2)
        exact = model.get_image_features(values).pooler_output.float()
    bench.add("siglip naive, b64", pictures_per_s=batch / eager)
    engine = SiglipEngine(model, None, bench.settings())
    took = wall_s(lambda: engine.embed_batch(frames), bench.device, runs=bench.runs, warm=2)
    with torch.inference_mode():
        error = (engine.embed_batch(frames).float() - exact).norm() / exact.norm()
    bench.add("siglip ours, b64", pictures_per_s=batch / took, against_eager=float(error))
    engine.close()


def text_routes(bench: Bench) -> None:
    """Qwen2-VL's part of finding text in one ad of 15 s: judging what PP-OCR found, and doing all by itself.

    Random weights never end an answer, so its length is set: 28 tokens a text to judge it, 44 to place and read it, four
    texts a frame; 8 frames are judged (what `frames_to_ask` takes of such an ad), 30 are searched, 12 texts are read.
    """
    tokenizer = SimpleNamespace(eos_token_id=151645, pad_token_id=151643)
    engine = QwenEngine(
        arch.qwen_model(bench.device, tiny=bench.tiny), tokenizer, bench.settings(compiled=True)
    )
    whole, crop = _question_inputs(bench, engine, 8), _question_inputs(bench, engine, 1, size=(112, 448))

    def answer_s(inputs: dict[str, Any], tokens: int) -> float:
        return wall_s(
            lambda: engine.generate(inputs, tokens, until_end=False),
            bench.device,
            runs=1 if bench.tiny else 2,
        )

    judged = answer_s(whole, 4 * 28)
    searched = answer_s(whole, 4 * 44)
    read = answer_s(crop, 12)
    bench.add("text, PP-OCR proposes and Qwen2-VL judges, 8 frames", gpu_s=judged)
    bench.add(
        "text, Qwen2-VL alone, 30 frames and 12 texts",
        gpu_s=30 / 8 * searched + 12 * read,
        a_batch_s=searched,
        a_text_s=read,
    )
    engine.close()


def warm_start(bench: Bench, folder: Path) -> None:
    """A klein checkpoint on disk, and processes that load it and make one picture: cold and warm artifacts."""
    _write_klein(bench, folder / "klein")
    # An installed package has its bytecode; where images forbid writing it, every process would compile all libraries.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    surroundings["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    for name in ("artifacts cold", "artifacts warm", "artifacts warm again"):
        command = [
            sys.executable,
            "-m",
            "adcraft_tests.bench.gpu.first_picture",
            str(folder),
            str(bench.side),
            str(bench.device),
        ]
        began = time.time()
        told = subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)
        if told.returncode:
            bench.add(f"klein first picture, {name}", failed=told.stderr[-600:])
            return
        figures = json.loads(told.stdout.strip().splitlines()[-1])
        parts = {name: round(at - began, 2) for name, at in figures["at"].items()}
        bench.add(f"klein first picture, {name}", seconds=figures["at"]["picture"] - began, **parts)
    shutil.rmtree(folder, ignore_errors=True)


def _write_klein(bench: Bench, folder: Path) -> None:
    pipe = arch.klein_pipe(bench.device, tiny=bench.tiny)
    for name in ("transformer", "vae"):
        part = getattr(pipe, name)
        (folder / name).mkdir(parents=True)
        part.save_config(folder / name)
        state = {key: value.contiguous().cpu() for key, value in part.state_dict().items()}
        save_file(state, folder / name / "diffusion_pytorch_model.safetensors")
    pipe.scheduler.save_config(folder / "scheduler")
    index = {
        "_class_name": "Flux2KleinPipeline", "_diffusers_version": "0.42.1", "is_distilled": True,
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "transformer": ["diffusers", "Flux2Transformer2DModel"], "vae": ["diffusers", "AutoencoderKLFlux2"],
        "text_encoder": ["transformers", "Qwen3ForCausalLM"], "tokenizer": ["transformers", "Qwen2TokenizerFast"],
    }  # fmt: skip
    (folder / "model_index.json").write_text(json.dumps(index))
    clean_up()
