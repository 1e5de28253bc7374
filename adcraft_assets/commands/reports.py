"""What a command prints at its end: a table for people, JSON for machines.

Belongs here: standard output and standard error of the commands. Does not: running anything.
"""

import json
import sys
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from adcraft_assets.launches import Outcome
from adcraft_resources.store import BundleStore


def say(line: str) -> None:
    """Tell a person something on standard error; standard output is for results."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def progress_style() -> Literal["terminal", "plain"]:
    """Return how progress is shown: redrawn on a terminal, plain lines in a pipe."""
    return "terminal" if sys.stderr.isatty() else "plain"


def report_launch(store: BundleStore, results: Path, outcome: Outcome, *, as_json: bool) -> None:
    """Print what was made, what failed and where to look."""
    ads = [_ad(store, results, key) for key in outcome.made]
    if as_json:
        report = {
            "ads": ads,
            "failed": outcome.failed,
            "results": str(results),
            "summary": str(results / "summary.json"),
            "run_ids": outcome.run_ids,
        }
        sys.stdout.write(json.dumps(report, indent=1, default=str) + "\n")
        return
    console = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 140)
    for ad in ads:
        console.print(_table(ad))
        for rejected in ad["rejected"]:
            console.print(f"  rejected {rejected['id']}: {rejected['reason']}", markup=False)
    for key, reason in outcome.failed.items():
        console.print(f"FAILED {key}: {reason}", markup=False)
    console.print(f"Variants and galleries: {results / 'index.html'}", markup=False)
    console.print(f"Summary:                {results / 'summary.json'}", markup=False)


def _ad(store: BundleStore, results: Path, key: str) -> dict[str, Any]:
    bundle = store.current("ranked_outputs", key)
    ranking = bundle.read_json("ranking.json") if bundle else {"ranked": [], "rejected": []}
    folder = results.joinpath(*key.split("__"))
    return {
        "key": key,
        "variants": [{**variant, "file": str(folder / variant["file"])} for variant in ranking["ranked"]],
        "rejected": ranking["rejected"],
        "gallery": str(folder / "index.html"),
    }


def _table(ad: dict[str, Any]) -> Table:
    table = Table(title=f"{ad['key']}", title_justify="left", show_lines=False)
    for column in ("#", "variant", "score", "ssim", "hook"):
        table.add_column(
            column, justify="right" if column in ("#", "score", "ssim") else "left", overflow="fold"
        )
    for variant in ad["variants"]:
        table.add_row(
            str(variant["rank"]),
            variant["id"],
            f"{variant['score']:.3f}",
            f"{variant['ssim']:.3f}",
            variant["hook"]["on_screen"],
        )
    return table
