"""From a folder of weights to a FLUX engine, and reading prompts with the text encoders of the same folder.

Belongs here: which parts of a checkpoint are loaded when. Does not: running them. Text encoders are as large as the
transformer, so they are loaded by themselves, read their prompts and go; kept prompts spare even that.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from adcraft_resources.errors import ModelUnavailable
from adcraft_resources.models.devices import empty_cache, free_bytes, pick_device
from adcraft_resources.models.engine_values import EngineSettings, FluxParts, PromptEmbedding
from adcraft_resources.models.flux1 import Flux1Engine
from adcraft_resources.models.flux_engine import FluxEngine
from adcraft_resources.models.klein import KleinEngine
from adcraft_resources.models.safetensors_reading import load_into, read_tensors, weight_files

_SHARE_OF_FREE = 0.8  # of a device's memory that weights may take at full width: the rest is for work
_READING_BYTES = 1 << 30  # what reading a prompt takes beside the encoders
_KINDS: dict[str, tuple[type[FluxEngine], str]] = {
    "Flux2KleinPipeline": (KleinEngine, "Flux2KleinPipeline"),
    "FluxPipeline": (Flux1Engine, "FluxImg2ImgPipeline"),
    "FluxImg2ImgPipeline": (Flux1Engine, "FluxImg2ImgPipeline"),
    "FluxFillPipeline": (Flux1Engine, "FluxFillPipeline"),
}


def load_engine(folder: Path, settings: EngineSettings) -> FluxEngine:
    """Load transformer and VAE of a checkpoint; prompts are read by `read_prompts`.

    Weights are read while the libraries are imported, and no pipeline is: it would bring the text encoders' code along.

    Raises:
        ModelUnavailable: The folder is no FLUX checkpoint this version knows, is damaged, or does not fit the device.
    """
    try:
        return _load(folder, settings)
    except torch.OutOfMemoryError as error:
        raise ModelUnavailable(
            f"{Path(folder).name} does not fit into the GPU's memory.",
            remedy='Set models.flux.memory to "offload", or use a GPU with more memory.',
        ) from error


def _load(folder: Path, settings: EngineSettings) -> FluxEngine:
    index = _index_of(folder)
    part = Path(folder) / "transformer"
    device = _landing(part, settings)
    with ThreadPoolExecutor(1) as ahead:
        reading = ahead.submit(lambda: read_tensors(weight_files(part), device))
        diffusers = _quiet_diffusers()
        transformer = _empty_model(getattr(diffusers, index["transformer"][1]), part)
        vae = getattr(diffusers, index["vae"][1]).from_pretrained(
            Path(folder) / "vae", local_files_only=True, dtype=_dtype(settings)
        )
        load_into(transformer, reading.result())
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler.from_pretrained(Path(folder) / "scheduler")
    parts = FluxParts(transformer.to(_dtype(settings)).eval(), vae, scheduler)
    return _KINDS[index["_class_name"]][0](parts, settings)


def read_prompts(folder: Path, prompts: Sequence[str], settings: EngineSettings) -> list[PromptEmbedding]:
    """Read prompts with the checkpoint's text encoders, which are loaded for it and dropped again.

    Where the device has no room for them they stay in RAM, which takes minutes instead of seconds.
    """
    diffusers = _quiet_diffusers()
    pipeline = getattr(diffusers, _KINDS[_index_of(folder)["_class_name"]][1])
    pipe = pipeline.from_pretrained(
        folder, transformer=None, vae=None, local_files_only=True, dtype=_dtype(settings)
    )
    device = pick_device(settings.device)
    if device.type == "cuda" and free_bytes(device) < encoder_bytes(folder):
        device = torch.device("cpu")
    encoders = [part for name in ("text_encoder", "text_encoder_2") if (part := getattr(pipe, name, None))]
    for encoder in encoders:
        encoder.to(device)
    with torch.inference_mode():
        embeddings = [_read(pipe, prompt, device) for prompt in prompts]
    del pipe, encoders
    empty_cache()
    return embeddings


def encoder_bytes(folder: Path) -> int:
    """Bytes that a checkpoint's text encoders take with their work."""
    files = [one for part in Path(folder).glob("text_encoder*") for one in weight_files(part)]
    return _READING_BYTES + sum(one.stat().st_size for one in files)


def _read(pipe: Any, prompt: str, device: torch.device) -> PromptEmbedding:
    if hasattr(pipe, "tokenizer_2"):
        tokens, pooled, _ = pipe.encode_prompt(prompt, None, device=device)
        return PromptEmbedding(tokens[0].cpu().clone(), pooled[0].cpu().clone())
    tokens, _ = pipe.encode_prompt(prompt, device=device)
    return PromptEmbedding(tokens[0].cpu().clone())


def _landing(part: Path, settings: EngineSettings) -> torch.device:
    """Where weights go first: RAM when they stay there, or come over in fp8 layer by layer; else the device."""
    device = pick_device(settings.device)
    size = sum(one.stat().st_size for one in weight_files(part))
    fits = device.type == "cpu" or size < _SHARE_OF_FREE * free_bytes(device)
    return device if fits and settings.memory == "resident" else torch.device("cpu")


def _dtype(settings: EngineSettings) -> torch.dtype:
    on_cpu = pick_device(settings.device).type == "cpu" and settings.precision == "auto"
    return torch.float32 if on_cpu or settings.precision == "fp32" else torch.bfloat16


def _quiet_diffusers() -> Any:
    import diffusers

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    return diffusers


def _index_of(folder: Path) -> dict[str, Any]:
    path = Path(folder) / "model_index.json"
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"{folder} is no diffusers checkpoint ({error}).", remedy="Run: adcraft weights pull"
        ) from error
    name = index.get("_class_name")
    if name not in _KINDS:
        raise ModelUnavailable(
            f"{folder} holds a {name}, which this version can't run.",
            remedy=f"Name a checkpoint of one of these: {', '.join(sorted(_KINDS))}.",
        )
    return index


def _empty_model(kind: Any, part: Path) -> Any:
    with torch.device("meta"):
        return kind.from_config(kind.load_config(part))
