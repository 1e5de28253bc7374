"""`adcraft demo`: the whole chain on sample ads, with nothing but this machine.

Belongs here: making the sample ads, handing them out over loopback HTTP, running the shipped config's ads.
Does not: another way through the graph; the ads come in through the real downloader.
"""

import json
import shutil
import time
from argparse import Namespace
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from adcraft_assets.commands.home import STATE, enter_home
from adcraft_assets.commands.reports import progress_style, say
from adcraft_assets.commands.run import run_config
from adcraft_assets.settings import load_settings
from adcraft_resources.progress import Progress
from adcraft_resources.sample_ads import (
    SAMPLES,
    SampleDownloader,
    render_sample,
    sample_version,
    serve_samples,
)
from adcraft_resources.store import digest_of

CONFIG = {
    "variants_per_video": 4,
    "quality_preset": "fast",
    "products": [
        {
            "id": "turmeric-soap",
            "name": "Turmeric & Kojic Acid Soap",
            "product_specific": {"type": "turmeric_kojic_soap"},
            "protected_text": ["(?i)turmeric", "(?i)kojic", "(?i)bright.*fresh", "(?i)cold pressed"],
            "rights": "owned",
            "videos": [
                {"id": "hero", "url": "sample://turmeric-hero"},
                {"id": "routine", "url": "sample://turmeric-routine"},
            ],
        },
        {
            "id": "coffee",
            "name": "Harbour Coffee",
            "product_specific": {"type": "generic"},
            "protected_text": ["(?i)harbour", "(?i)coffee", "(?i)dark roast", "(?i)whole bean"],
            "rights": "owned",
            "videos": [{"id": "morning", "url": "sample://generic-coffee"}],
        },
    ],
}
"""The same ads as the shipped config.json, under the same ids, so that the UI shows the demo's run."""


def demo(arguments: Namespace) -> int:
    """Run the demo; return the exit code."""
    began = time.monotonic()
    home = enter_home()
    path = home / STATE / "demo" / "config.json"
    folder = path.parent / "samples" / digest_of([sample_version(name) for name in SAMPLES])
    results = home / "results"
    folder.mkdir(parents=True, exist_ok=True)
    config = {**CONFIG, "store": str(home / STATE / "store"), "results": str(results)}
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")
    say("adcraft demo: three sample ads of two products, four variants each; no network, GPU or key needed")
    _render_samples(folder)
    with serve_samples(folder) as base_url:
        say(f"the sample ads are handed out at {base_url}")
        downloader = SampleDownloader.from_settings(load_settings(path).download, sample_base_url=base_url)
        code = run_config(home, path, json=arguments.json, overrides={"downloader": downloader})
    say(f"done in {time.monotonic() - began:.0f} s")
    if code == 0 and not arguments.json:
        say("Look:     open the index.html above in a browser")
        say("Dagster:  make dev        (then http://127.0.0.1:3000/runs shows the runs just made)")
    return code


def _render_samples(folder: Path) -> None:
    progress = Progress(style=progress_style())
    missing = [name for name in SAMPLES if not (folder / f"{name}.mp4").exists()]
    if missing:
        with progress.stage("sample ads", "draw"), ProcessPoolExecutor(len(missing)) as pool:
            list(pool.map(_render_sample, [folder] * len(missing), missing))


def _render_sample(folder: Path, name: str) -> None:
    """Draw one sample; a process of its own, since drawing is arithmetic that holds the interpreter."""
    beside = folder / f".{name}.making.mp4"
    render_sample(name, beside)
    shutil.move(beside, folder / f"{name}.mp4")
