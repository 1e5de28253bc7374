"""How many impressions a cell needs: the two-proportion z test, planned.

Belongs here: the formula and what it assumes. Does not: which cells there are (plan).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from adcraft_resources.experiments.settings import ExperimentSettings

ASSUMPTIONS = (
    "Two-sided two-proportion z test with equal cells; impressions are independent of one another.",
    "The level is divided by the number of comparisons with the control (Bonferroni).",
    "One look at the end: stopping early because a cell leads makes false finds likelier.",
    "One viewer sees one cell; frequency above 1 makes impressions less independent, so take more.",
)


@dataclass(frozen=True, slots=True)
class SampleSize:
    """What a test needs: impressions per cell, days, and all that was assumed."""

    per_cell: int
    total: int
    days: int
    baseline: float
    target: float
    power: float
    alpha: float
    alpha_per_comparison: float
    comparisons: int
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        return {**asdict(self), "assumptions": list(self.assumptions), "warnings": list(self.warnings)}


def impressions_per_cell(baseline: float, target: float, *, alpha: float, power: float) -> int:
    """Return the impressions each of two cells needs to tell the rates apart.

    Fleiss, Statistical Methods for Rates and Proportions, without continuity correction: pooled variance under
    equality, own variances under the difference.
    """
    normal = NormalDist()
    pooled = (baseline + target) / 2
    spread = normal.inv_cdf(1 - alpha / 2) * math.sqrt(2 * pooled * (1 - pooled))
    own = normal.inv_cdf(power) * math.sqrt(baseline * (1 - baseline) + target * (1 - target))
    return math.ceil((spread + own) ** 2 / (target - baseline) ** 2)


def sample_size(settings: ExperimentSettings, cells: int) -> SampleSize:
    """Return what a test of `cells` cells, the control among them, needs."""
    comparisons = cells - 1
    alpha = settings.alpha / comparisons
    target = settings.baseline * (1 + settings.lift)
    per_cell = impressions_per_cell(settings.baseline, target, alpha=alpha, power=settings.power)
    total = per_cell * cells
    days, warnings = settings.min_days, []
    if settings.daily_impressions:
        days = max(days, math.ceil(total / settings.daily_impressions))
    else:
        warnings.append("Set experiment.daily_impressions to learn how many days the impressions take.")
    if days > MOST_DAYS:
        warnings.append(
            f"{days} days are more than the {MOST_DAYS} a split test may run: test fewer cells, look for a larger "
            "lift, or buy more impressions a day."
        )
    return SampleSize(
        per_cell=per_cell,
        total=total,
        days=days,
        baseline=settings.baseline,
        target=round(target, 6),
        power=settings.power,
        alpha=settings.alpha,
        alpha_per_comparison=round(alpha, 6),
        comparisons=comparisons,
        assumptions=ASSUMPTIONS,
        warnings=tuple(warnings),
    )


MOST_DAYS = 90
"""Longest run of a split test (Meta Marketing API, ad studies)."""
