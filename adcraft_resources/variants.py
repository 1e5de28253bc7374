"""What variants there shall be: the plan of an A/B test over style, hook, hook treatment and opening.

Belongs here: the variants section of config.json, the plan record and making plans. Does not: rendering
a plan (variant_renderer), writing hooks (copywriters) or the index arithmetic (algorithms.planning).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field

from adcraft_resources.algorithms.planning import isolate_combinations, seed_of, spread_combinations
from adcraft_resources.errors import PlanImpossible
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.sections import Section

TREATMENTS: Final = ("outline", "plate", "marker", "card")
"""Designs of the hook on screen; drawn by `hook_treatments`."""

OPENINGS: Final = ("punchy", "gentle", "close")
"""Ways of treating the first frame; their bounds stand in `first_frames`."""

_WEIGHTS: Final = {"style": 3.0, "hook": 2.0, "treatment": 1.5, "opening": 1.0}  # what a viewer notices first
_TURNS: Final = ("hook", "style", "opening", "treatment")  # what an advertiser tests first


class VariantSettings(Section):
    """How variants are planned: `explore` spreads out, `isolate` changes one factor against a control."""

    mode: Literal["explore", "isolate"] = "explore"
    seed: int = Field(default=7, ge=0)


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """One variant to be made.

    `id` is a slug made from its contents, so that the same combination has the same id in every plan.
    `factor` says what sets it apart: "explore", "control", or the one factor changed against the control.
    """

    id: str
    style: str
    seed: int
    hook: HookSet
    treatment: str
    opening: str
    factor: str = "explore"

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return {
            "id": self.id,
            "style": self.style,
            "seed": self.seed,
            "hook": self.hook.to_dict(),
            "treatment": self.treatment,
            "opening": self.opening,
            "factor": self.factor,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> VariantPlan:
        """The plan written by `to_dict`."""
        return cls(**{**values, "hook": HookSet.from_dict(values["hook"])})


def plan_variants(
    styles: Sequence[str], hooks: Sequence[HookSet], settings: VariantSettings, count: int, *, key: str
) -> list[VariantPlan]:
    """Return up to 2 × `count` plans: the first `count` to be made, then spares for those that fail a gate.

    Deterministic in its arguments alone. Appending styles leaves the first round of `explore` as it was.

    Args:
        styles: Style names, the preferred first.
        hooks: Hook sets, the preferred first; ids are distinct.
        settings: Mode and seed.
        count: Variants to deliver.
        key: Partition key of the video, so that two videos of a product get different mixtures.

    Raises:
        PlanImpossible: No style, no hook, or nothing asked for.
    """
    styles = list(dict.fromkeys(styles))
    by_id = {hook.id: hook for hook in hooks}
    _check(styles, hooks, by_id, count, key)
    levels = {"style": styles, "hook": list(by_id), "treatment": TREATMENTS, "opening": OPENINGS}
    source = (settings.seed, key)
    if settings.mode == "isolate":
        picked = isolate_combinations(
            levels, _TURNS, 2 * count, shuffled=("treatment", "opening"), seed=source
        )
    else:
        spread = spread_combinations(levels, _WEIGHTS, "style", 2 * count, seed=source)
        picked = [("explore", combination) for combination in spread]
    shared = (
        seed_of(*source) if settings.mode == "isolate" else None
    )  # a second seed would be a second factor
    return [_plan(factor, c, by_id, source, shared) for factor, c in picked]


def _check(
    styles: list[str], hooks: Sequence[HookSet], by_id: dict[str, HookSet], count: int, key: str
) -> None:
    faults = (
        (count < 1, f"{count} variants asked for", "Set variants_per_video to 1 or more."),
        (not styles, "there is no style to plan with", "Name styles for its product type."),
        (not hooks, "there is no hook to plan with", "See what the copywriter reported."),
        (len(by_id) != len(hooks), "two hooks share an id", "Give every hook set its own id."),
    )
    for wrong, message, remedy in faults:
        if wrong:
            raise PlanImpossible(f"{key}: {message}.", remedy=remedy)


def _plan(
    factor: str,
    picked: tuple[str, ...],
    by_id: dict[str, HookSet],
    source: tuple[int, str],
    shared: int | None,
) -> VariantPlan:
    style, hook_id, treatment, opening = picked
    name = "-".join((slug_of(style), slug_of(hook_id), treatment, opening))
    seed = seed_of(*source, name) if shared is None else shared
    return VariantPlan(name, style, seed, by_id[hook_id], treatment, opening, factor)


def slug_of(name: str) -> str:
    """Return `name` as a slug of [a-z0-9-]; a short hash is added where that loses anything."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if slug == name:
        return slug
    return f"{slug}-{hashlib.sha256(name.encode()).hexdigest()[:4]}".strip("-")
