"""`adcraft doctor`: what this machine can and cannot do, in plain words with the remedy.

Belongs here: looking at the machine. Does not: changing it.
"""

import os
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from adcraft_assets.commands.home import disk_free_gb, enter_home
from adcraft_assets.definitions import config_path, store_base
from adcraft_assets.settings import Settings, load_settings
from adcraft_resources.errors import AdcraftError
from adcraft_resources.profiles import GROK_KEY, checkpoints_of, weights_folder
from adcraft_resources.store import BundleStore
from adcraft_resources.text_detectors import EmbeddedTextDetector
from adcraft_resources.weights import find_local, refuse_unlicensed

LOW_DISK_GB = 5.0  # a store of ten one-minute ads takes about this much
ENCODERS = ("libx264", "aac")
MODEL_LIBRARIES = ("torch", "diffusers", "transformers", "accelerate")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `ok`, `no` (something is not possible here) or `broken` (the main job will fail)."""

    state: Literal["ok", "no", "broken"]
    what: str
    remedy: str = ""


def doctor(arguments: Namespace) -> int:
    """Print what was found; return 1 when the main job can't run here."""
    path = Path(arguments.config).resolve() if arguments.config else None
    home = enter_home()
    findings = list(examine(home, path or config_path()))
    for finding in findings:
        mark = {"ok": "ok    ", "no": "no    ", "broken": "BROKEN"}[finding.state]
        sys.stdout.write(f"{mark}  {finding.what}\n")
        if finding.remedy:
            sys.stdout.write(f"        {finding.remedy}\n")
    broken = sum(finding.state == "broken" for finding in findings)
    sys.stdout.write(
        f"{broken} thing{'s' * (broken != 1)} to mend before ads can be made here.\n"
        if broken
        else "Ads can be made here.\n"
    )
    return 1 if broken else 0


def examine(home: Path, config: Path) -> Iterator[Finding]:
    """Look at everything the main job needs, and at what the other profile would need."""
    version = metadata.version("adcraft")
    yield Finding("ok", f"adcraft {version} on Python {sys.version.split()[0]}, home {home}")
    for look in (_codecs, _text_model, _gpu, _keys):
        yield from look()
    yield from _config(config)


def _codecs() -> Iterator[Finding]:
    missing = [name for name in ENCODERS if not _can_encode(name)]
    if missing:
        yield Finding(
            "broken",
            f"PyAV {av.__version__} lacks the encoders {missing}",
            "Install PyAV from its wheel: make setup",
        )
    else:
        yield Finding("ok", f"video: decodes and encodes H.264 and AAC (PyAV {av.__version__})")
    if shutil.which("ffmpeg") is None:
        yield Finding("no", "ffmpeg is not installed; only the baseline of make bench-clean would use it")


def _can_encode(name: str) -> bool:
    try:
        return Codec(name, "w").is_encoder
    except UnknownCodecError:
        return False


def _text_model() -> Iterator[Finding]:
    try:
        EmbeddedTextDetector().find_text(np.zeros((64, 64, 3), np.uint8))
    except AdcraftError as error:
        yield Finding("broken", f"text reading: {error.message}", error.remedy)
    else:
        yield Finding("ok", "text reading: the OCR models of the rapidocr wheel load")


def _gpu() -> Iterator[Finding]:
    command = shutil.which("nvidia-smi")
    if command is None:
        yield Finding("no", "GPU: none seen (no nvidia-smi); the embedded profile needs none")
    else:
        query = [command, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        told = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
        yield Finding(
            "ok" if told.returncode == 0 else "no", f"GPU: {told.stdout.strip() or told.stderr.strip()}"
        )
    lacking = [name for name in MODEL_LIBRARIES if util.find_spec(name) is None]
    if lacking:
        yield Finding(
            "no",
            f"gpu profile: {', '.join(lacking)} not installed; the embedded profile needs none of them",
            'For the gpu profile: pip install "adcraft[gpu]"',
        )


def _keys() -> Iterator[Finding]:
    if os.environ.get(GROK_KEY, "").strip():
        yield Finding("ok", f"{GROK_KEY} is set: hooks are written by Grok")
    else:
        yield Finding(
            "no", f"{GROK_KEY} is not set: hooks come from templates", f"Put {GROK_KEY}=... into .env"
        )
    if os.environ.get("RUNPOD_API_KEY"):
        yield Finding("ok", "RUNPOD_API_KEY is set; it is accepted and not used for now")


def _config(path: Path) -> Iterator[Finding]:
    try:
        settings = load_settings(path)
    except AdcraftError as error:
        yield Finding("broken", str(error))
        return
    videos = sum(len(product.videos) for product in settings.products)
    yield Finding(
        "ok",
        f"config: {path}, {len(settings.products)} products, {videos} videos, profile {settings.profile}",
    )
    if settings.profile == "gpu":
        yield from _gpu_profile(settings, path)
    folder = path.resolve().parent
    base = store_base(settings, folder)
    for what, place in (("store", base), ("results", str((folder / settings.results).resolve()))):
        yield _writable(what, place)


def _gpu_profile(settings: Settings, path: Path) -> Iterator[Finding]:
    """Look at what the gpu profile of a config needs: libraries, a device, licences, weights."""
    lacking = [name for name in MODEL_LIBRARIES if util.find_spec(name) is None]
    if lacking:
        told = f"the config asks for the gpu profile, but {', '.join(lacking)} are not installed"
        yield Finding("broken", told, 'pip install "adcraft[gpu]", or set "profile": "embedded".')
    if settings.models.device != "cpu" and shutil.which("nvidia-smi") is None:
        told = "the config asks for the gpu profile, and no GPU is seen: models would run on the CPU, far too slowly"
        yield Finding("no", told, "Run on a machine with an NVIDIA GPU.")
    folder = weights_folder(settings.models, path.resolve().parent)
    for checkpoint in checkpoints_of(settings.models):
        try:
            refuse_unlicensed(checkpoint, settings.license_accepted)
            found = find_local(folder, checkpoint)
        except AdcraftError as error:
            yield Finding("broken", f"weights: {error.message}", error.remedy)
        else:
            told = f"weights: {checkpoint.name} ({checkpoint.licence}), revision {found.revision[:12]}"
            yield Finding("ok", told)


def _writable(what: str, place: str) -> Finding:
    if not BundleStore(base=place).is_local:
        return Finding("ok", f"{what}: {place} (not tried from here)")
    folder = Path(place)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".adcraft-doctor"
        probe.write_text("x", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        return Finding(
            "broken", f"{what}: {place} can't be written: {error.strerror}", "Change its owner or the config."
        )
    free = disk_free_gb(folder)
    if free < LOW_DISK_GB:
        return Finding(
            "no", f"{what}: {place}, only {free:.1f} GB free", "Free some space before a long run."
        )
    return Finding("ok", f"{what}: {place}, {free:.0f} GB free")
