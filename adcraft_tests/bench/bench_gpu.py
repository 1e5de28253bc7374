"""The gpu profile's models on this machine's GPU: naive beside ours, against the machine's own ceilings.

True architectures with random weights; CUDA events and wall clocks around finished work; warm-up, then medians.
`python -m adcraft_tests.bench.bench_gpu [SECTION ...] [--json FILE]`; `--tiny` proves the script on a CPU.
Imports neither dagster nor anything outside the project but torch, diffusers and transformers.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from adcraft_resources.models.devices import describe_device, pick_device
from adcraft_tests.bench.gpu import flux_sections, memory_section, other_sections
from adcraft_tests.bench.gpu.timing import ceilings

Section = Callable[[flux_sections.Bench], None]


def warm_start(bench: flux_sections.Bench) -> None:
    with tempfile.TemporaryDirectory() as folder:
        other_sections.warm_start(bench, Path(folder))


def variants(bench: flux_sections.Bench) -> None:
    from adcraft_tests.bench.gpu import (
        variant_section,
    )  # PyAV and pydantic, which the other sections don't need

    variant_section.variants(bench)


def carried_on_the_cpu(bench: flux_sections.Bench) -> None:
    from adcraft_tests.bench.gpu import variant_section

    variant_section.carried_on_the_cpu(bench)


def carried_beside_the_codec(bench: flux_sections.Bench) -> None:
    from adcraft_tests.bench.gpu import variant_section

    variant_section.carried_beside_the_codec(bench)


SECTIONS: dict[str, Section] = {
    "ceilings": lambda bench: bench.add("ceilings", **ceilings(bench.device)),
    "klein": flux_sections.klein,
    "siglip": other_sections.siglip,
    "qwen": other_sections.qwen,
    "flux1": flux_sections.flux1,
    "fill": flux_sections.fill,
    "warm": warm_start,
    "variants": variants,
    "variants_cpu": carried_on_the_cpu,
    "variants_codec": carried_beside_the_codec,
    "profile": flux_sections.profile,
    "memory": memory_section.memory,
    "card24": memory_section.small_card,
    "text": other_sections.text_routes,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", default=[], metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--tiny", action="store_true", help="the same classes, tiny, wherever this runs")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    arguments = parser.parse_args()
    device = pick_device()
    if device.type == "cpu" and not arguments.tiny:
        parser.error("there is no CUDA device here; --tiny proves the script on a CPU")
    bench = flux_sections.Bench(device, tiny=arguments.tiny)
    print(describe_device(device), flush=True)
    for name in arguments.sections or SECTIONS:
        began = time.perf_counter()
        try:
            SECTIONS[name](bench)
        except Exception:  # a section that fails must not cost the others their turn on a rented machine
            bench.add(f"{name} FAILED", why=traceback.format_exc(limit=-4)[-1500:])
        flux_sections.clean_up()
        print(f"--- {name}: {time.perf_counter() - began:.0f} s", flush=True)
        if arguments.json:
            arguments.json.write_text(
                json.dumps({"device": describe_device(device), "rows": bench.rows}, indent=1)
            )


if __name__ == "__main__":
    main()
