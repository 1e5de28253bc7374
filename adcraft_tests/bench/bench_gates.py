"""How many ads and variants pass at which threshold: the curves the defaults under `gates` were read off.

    python -m adcraft_tests.bench.bench_gates STORE [STORE ...]

Each STORE is a folder such as `.adcraft/store`. Nothing is rendered: manifests keep figures, never verdicts.
"""

import argparse
from collections.abc import Iterable, Iterator

from adcraft_resources.gates import GateSettings
from adcraft_resources.store import Bundle, BundleStore

AT_LEAST = {"scene_ssim_p5": [0.95, 0.97, 0.98, 0.985, 0.99, 0.995]}
AT_MOST = {
    "masked_area_max": [0.1, 0.15, 0.2, 0.3, 0.45],
    "residual_text": [0.0, 0.005, 0.01, 0.02, 0.05],
    "style_ssim": [0.94, 0.96, 0.97, 0.98, 0.985, 0.992],
    "skin_delta_l": [0.0, 1.0, 1.5, 2.0, 3.0],
}
PER_VARIANT = {"style_ssim", "skin_delta_l"}


def bundles(stores: Iterable[BundleStore], kind: str) -> Iterator[Bundle]:
    for store in stores:
        for key in store.list_keys(kind):
            bundle = store.current(kind, key)
            if bundle is not None:
                yield bundle


def figures_of(stores: list[BundleStore], name: str) -> list[float]:
    """Every known value of a figure, over ads or over variants."""
    if name in PER_VARIANT:
        styled = bundles(stores, "styled_variants")
        found = [figures.get(name) for one in styled for figures in one.figures["variants"].values()]
    else:
        found = [one.figures.get(name) for one in bundles(stores, "cleaned_frames")]
    return [float(value) for value in found if value is not None]


def curve(name: str, values: list[float]) -> str:
    """The share that passes at each threshold, as a line of a table."""
    passes = (lambda value, at: value >= at) if name in AT_LEAST else (lambda value, at: value <= at)
    thresholds = {**AT_LEAST, **AT_MOST}[name]
    shares = [sum(passes(value, at) for value in values) / len(values) for at in thresholds]
    points = "  ".join(f"{at:g}: {share:4.0%}" for at, share in zip(thresholds, shares, strict=True))
    return f"{name:<16} n={len(values):<4} seen {min(values):.4f} to {max(values):.4f}   passing at  {points}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="+", metavar="STORE")
    stores = [BundleStore(base=base) for base in parser.parse_args().stores]
    print(f"defaults: {GateSettings().model_dump()}")
    for name in [*AT_LEAST, *AT_MOST]:
        values = figures_of(stores, name)
        print(curve(name, values) if values else f"{name:<16} not measured in these stores")


if __name__ == "__main__":
    main()
