"""From an ad's name back to the variant: what was ever delivered, kept in the store, and the join.

A test runs for a week while nights go on making variants, so the names delivered are kept longer than the variants.
Belongs here: that record and the join. Does not: reading results (reading) or judging them (report).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from adcraft_resources.errors import ResultsInvalid
from adcraft_resources.performance.reading import MOST_FAULTS, ResultRow
from adcraft_resources.store import BundleStore

KIND: Final = "delivered"
"""Kind of the bundles that hold no files, only an ad's names in their identity."""
FACTORS: Final = ("style", "hook", "treatment", "opening")


@dataclass(frozen=True, slots=True)
class Delivered:
    """One name that was handed out: its ad, variant, rank and score then, and the levels of its factors."""

    name: str
    key: str
    variant: str
    rank: int
    score: float
    parts: Mapping[str, float | None]
    levels: Mapping[str, str]

    def names_its_place(self, place: str) -> bool:
        """Whether the name of an ad set or campaign is one of this ad's (`..._<product>_..._<video>_...`)."""
        words = place.replace(" / ", "_").split("_")
        return all(part in words for part in self.key.split("__"))


def record_delivered(
    store: BundleStore, key: str, ranked: Sequence[Mapping[str, Any]], plans: Mapping[str, Mapping[str, Any]]
) -> None:
    """Add an ad's ranked variants to the names that were handed out.

    Args:
        store: Keeps the record.
        key: Partition key.
        ranked: The delivered variants of `ranking.json`.
        plans: Plan by variant id.
    """
    entries = {one.name: asdict(one) for one in delivered_of(store, key)}
    for one in ranked:
        plan = plans[one["id"]]
        levels = {name: plan[name]["id"] if name == "hook" else plan[name] for name in FACTORS}
        parts = {part["id"]: part["value"] for part in one["parts"]}
        name = PurePosixPath(one["file"]).stem
        entries[name] = asdict(Delivered(name, key, one["id"], one["rank"], one["score"], parts, levels))
    store.ensure(KIND, key, {"names": entries}, lambda _: None)


def delivered_of(store: BundleStore, key: str) -> list[Delivered]:
    """Return every name of an ad that was handed out."""
    manifest = store.manifest(KIND, key)
    return [] if manifest is None else [Delivered(**one) for one in manifest["identity"]["names"].values()]


def join_results(
    rows: Sequence[ResultRow], delivered: Sequence[Delivered]
) -> list[tuple[ResultRow, Delivered]]:
    """Return each result with the variant that made it.

    Raises:
        ResultsInvalid: A name was never handed out, or was by several ads and the export does not say by which.
    """
    by_name: dict[str, list[Delivered]] = {}
    for one in delivered:
        by_name.setdefault(one.name, []).append(one)
    joined, unknown, unclear = [], [], []
    for row in rows:
        found = by_name.get(row.ad_name.removesuffix(".mp4"), [])
        if len(found) > 1:
            found = [one for one in found if one.names_its_place(row.place)]
            if len(found) != 1:
                unclear.append(f"line {row.line}: {row.ad_name!r}")
                continue
        if found:
            joined.append((row, found[0]))
        else:
            unknown.append(f"line {row.line}: {row.ad_name[:80]!r}")
    if unknown:
        raise ResultsInvalid(
            f"{len(unknown)} of {len(rows)} ads have names adcraft never gave out: {_some(unknown)}.",
            remedy="Export this account's adcraft ads only; an ad's name is its file's, without .mp4.",
        )
    if unclear:
        raise ResultsInvalid(
            f"{len(unclear)} ads have names several source ads share: {_some(unclear)}.",
            remedy="Add the column 'Ad set name' to the export; adcraft's names tell product and video.",
        )
    return joined


def _some(faults: Sequence[str]) -> str:
    more = f" and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
    return "; ".join(faults[:MOST_FAULTS]) + more
