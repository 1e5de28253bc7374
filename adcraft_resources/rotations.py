"""Rotations: which variants of an ad a night replaces with fresh ones, kept in the store so that all stages agree.

Belongs here: the record of an ad's latest rotation and choosing what to retire. Does not: when nights are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adcraft_resources.store import BundleStore

KIND = "rotations"
Order = Literal["stalest", "worst"]


@dataclass(frozen=True, slots=True)
class Rotation:
    """An ad's latest rotation.

    Attributes:
        turn: How often the ad was rotated; salts seeds and hooks.
        night: Date of the night that asked for it.
        kept: Plans of the variants that stay, in rank order.
        retired: Ids of the variants that gave way.
    """

    turn: int
    night: str
    kept: tuple[Mapping[str, Any], ...]
    retired: tuple[str, ...]


def rotation_of(store: BundleStore, key: str) -> Rotation | None:
    """Return the latest rotation of an ad, or None for one that never rotated."""
    manifest = store.manifest(KIND, key)
    if manifest is None:
        return None
    told = manifest["identity"]
    return Rotation(told["turn"], told["night"], tuple(told["kept"]), tuple(told["retired"]))


def rotate(store: BundleStore, key: str, *, night: str, retired: Sequence[str]) -> Rotation:
    """Record that `retired` variants of an ad give way to fresh ones; once a night, however often it is asked.

    Args:
        store: Holds the ad's current variants.
        key: Partition key; its `styled_variants` must be made.
        night: Date of the night.
        retired: Variant ids.
    """
    before = rotation_of(store, key)
    if before is not None and before.night == night:
        return before
    delivered = _delivered_plans(store, key)
    identity = {
        "turn": before.turn + 1 if before else 1,
        "night": night,
        "kept": [plan for name, plan in delivered.items() if name not in retired],
        "retired": [name for name in delivered if name in retired],
    }
    store.ensure(KIND, key, identity, lambda _: None)
    return Rotation(identity["turn"], night, tuple(identity["kept"]), tuple(identity["retired"]))


def tired_variants(store: BundleStore, key: str, count: int, order: Order) -> list[str]:
    """Return the `count` delivered variants of an ad to replace next: the longest shown, or the worst ranked."""
    delivered = list(_delivered_plans(store, key))
    if order == "worst":
        return delivered[::-1][:count]
    styled = store.manifest("styled_variants", key) or {}
    digests = styled.get("variants", {})
    made_at = {
        name: str((store.manifest_of("variants", key, digests[name]) or {}).get("made_at", ""))
        for name in delivered
    }
    # Of equally old ones the worst ranked goes first.
    oldest_first = sorted(range(len(delivered)), key=lambda place: (made_at[delivered[place]], -place))
    return [delivered[place] for place in oldest_first[:count]]


def _delivered_plans(store: BundleStore, key: str) -> dict[str, Mapping[str, Any]]:
    """Return the plans of the variants an ad delivers, by id, best first."""
    ranking, styled = store.current("ranked_outputs", key), store.manifest("styled_variants", key)
    if ranking is None or styled is None:
        return {}
    plans = {plan["id"]: plan for plan in styled["plans"]}
    order = [one["id"] for one in ranking.read_json("ranking.json")["ranked"]]
    return {name: plans[name] for name in order if name in plans}
