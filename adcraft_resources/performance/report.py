"""The report on results: rates with intervals, by variant and factor, against the ranking; refitted weights.

Belongs here: what is computed of joined results and how it is told. Does not: the statistics themselves
(algorithms.rates).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from adcraft_resources.algorithms.rates import permutation_p, refit_weights, spearman, wilson_interval
from adcraft_resources.performance.joining import FACTORS, Delivered
from adcraft_resources.performance.reading import ResultRow
from adcraft_resources.performance.settings import PerformanceSettings

Joined = Sequence[tuple[ResultRow, Delivered]]
RATES: Final = {"hook_rate": "plays", "ctr": "clicks"}
FEWEST_TO_CORRELATE: Final = 4
PERMUTATIONS: Final = 10_000
NOTES: Final = (
    "Intervals are Wilson's, 95 %, each by itself; with many levels some will differ by chance.",
    "Levels are pooled over ads and over the other factors: only a test in isolate mode tells a factor apart.",
    "Impressions of one viewer are not independent, so true intervals are wider.",
)


def report_on(joined: Joined, weights: Mapping[str, float], settings: PerformanceSettings) -> dict[str, Any]:
    """Return the report on joined results as plain JSON values.

    Args:
        joined: Results with their variants.
        weights: Today's ranking weights by part.
        settings: Whether and how to refit.
    """
    told: dict[str, Any] = {
        "variants": [_variant(row, one) for row, one in joined],
        "factors": {factor: _levels(joined, factor) for factor in FACTORS},
        "ranking": {rate: _against_ranking(joined, count) for rate, count in RATES.items()},
        "total": _rates([row for row, _ in joined]),
        "notes": list(NOTES),
    }
    if settings.refit:
        told["refit"] = {rate: _refit(joined, count, weights, settings) for rate, count in RATES.items()}
    return told


def _variant(row: ResultRow, one: Delivered) -> dict[str, Any]:
    told = {"name": one.name, "key": one.key, "variant": one.variant, "rank": one.rank, "score": one.score}
    return {**told, "levels": dict(one.levels), **_rates([row])}


def _levels(joined: Joined, factor: str) -> list[dict[str, Any]]:
    """Return the rates of a factor's levels, the best hook rate first."""
    rows: dict[str, list[ResultRow]] = {}
    for row, one in joined:
        rows.setdefault(one.levels[factor], []).append(row)
    told = [{"level": level, "variants": len(listed), **_rates(listed)} for level, listed in rows.items()]
    return sorted(told, key=lambda level: (-level["hook_rate"]["rate"], level["level"]))


def _rates(rows: Sequence[ResultRow]) -> dict[str, Any]:
    impressions = sum(row.impressions for row in rows)
    told: dict[str, Any] = {"impressions": impressions}
    for rate, count in RATES.items():
        hits = sum(getattr(row, count) for row in rows)
        low, high = wilson_interval(hits, impressions)
        told[rate] = {
            "rate": round(hits / impressions, 6),
            "low": round(low, 6),
            "high": round(high, 6),
            count: hits,
        }
    return told


def _against_ranking(joined: Joined, count: str) -> dict[str, Any]:
    """Return how the score's order within each ad agrees with the rate's; 1 is the same order, 0 none."""
    values, scores = [], []
    for group in _by_ad(joined):
        if len(group) > 1:
            rates = np.array([getattr(row, count) / row.impressions for row, _ in group])
            score = np.array([one.score for _, one in group])
            values.extend(rates - rates.mean())
            scores.extend(score - score.mean())
    n = len(values)
    if n < FEWEST_TO_CORRELATE:
        return {"spearman": None, "variants": n, "why_not": f"{n} variants beside a sibling are too few"}
    a, b = np.array(scores), np.array(values)
    found = spearman(a, b)
    if found is None:
        return {"spearman": None, "variants": n, "why_not": "the scores or the rates do not differ"}
    p = permutation_p(a, b, rounds=PERMUTATIONS, rng=np.random.default_rng(0))
    return {"spearman": round(found, 4), "p": round(p, 4), "variants": n}


def _by_ad(joined: Joined) -> list[list[tuple[ResultRow, Delivered]]]:
    groups: dict[str, list[tuple[ResultRow, Delivered]]] = {}
    for pair in joined:
        groups.setdefault(pair[1].key, []).append(pair)
    return list(groups.values())


def _refit(
    joined: Joined, count: str, weights: Mapping[str, float], settings: PerformanceSettings
) -> dict[str, Any]:
    """Return the old weights, the new ones and the change; or why there are none."""
    usable = [pair for group in _by_ad(joined) if len(group) > 1 for pair in group]
    told: dict[str, Any] = {"old": dict(weights), "variants": len(usable), "shrinkage": settings.shrinkage}
    if len(usable) < settings.min_variants:
        return {
            **told,
            "new": None,
            "why_not": f"{len(usable)} variants are fewer than {settings.min_variants}",
        }
    names = list(weights)
    keys = sorted({one.key for _, one in usable})
    new = refit_weights(
        _parts(usable, names),
        np.array([_log_odds(getattr(row, count), row.impressions) for row, _ in usable]),
        np.array([float(row.impressions) for row, _ in usable]),
        np.array([keys.index(one.key) for _, one in usable]),
        np.array([float(weights[name]) for name in names]),
        shrinkage=settings.shrinkage,
    )
    fitted = {name: round(float(value), 4) for name, value in zip(names, new, strict=True)}
    return {**told, "new": fitted, "change": {name: round(fitted[name] - weights[name], 4) for name in names}}


def _parts(usable: Joined, names: Sequence[str]) -> np.ndarray:
    """Return part values, a part nobody measured at the mean of those measured, so that it says nothing."""
    told = np.array(
        [[np.nan if one.parts.get(name) is None else one.parts[name] for name in names] for _, one in usable],
        dtype=np.float64,
    )
    known = ~np.isnan(told)
    means = np.where(known, told, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, told, means)


def _log_odds(hits: int, trials: int) -> float:
    """Return the log-odds of a rate, kept finite by half a hit and half a miss (Haldane's correction)."""
    return float(np.log((hits + 0.5) / (trials - hits + 0.5)))


def page_of(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown: a person's page."""
    lines = [
        "# How the variants did",
        "",
        f"{len(report['variants'])} ads, {report['total']['impressions']:,} impressions.",
        "",
    ]
    for rate, found in report["ranking"].items():
        said = found.get("why_not") or f"Spearman {found['spearman']:+.2f}, p {found['p']:.3f}"
        lines.append(
            f"- Score against {rate.replace('_', ' ')} within ads: {said} ({found['variants']} variants)"
        )
    for factor, levels in report["factors"].items():
        lines += ["", f"## {factor}", "", *_table(levels)]
    for rate, fit in report.get("refit", {}).items():
        lines += ["", f"## Weights refitted to {rate.replace('_', ' ')}", ""]
        lines += [f"Not refitted: {fit['why_not']}."] if fit["new"] is None else _weights(fit)
    return "\n".join([*lines, "", *(f"- {note}" for note in report["notes"]), ""])


def _table(levels: Sequence[Mapping[str, Any]]) -> list[str]:
    head = [
        "| level | variants | impressions | hook rate | 95 % | CTR | 95 % |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = []
    for one in levels:
        cells = [str(one["level"]).replace("|", "/"), str(one["variants"]), f"{one['impressions']:,}"]
        for rate in RATES:
            found = one[rate]
            cells += [f"{found['rate']:.2%}", f"{found['low']:.2%} – {found['high']:.2%}"]
        rows.append(f"| {' | '.join(cells)} |")
    return head + rows


def _weights(fit: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {name} | {old:.3f} | {fit['new'][name]:.3f} | {fit['change'][name]:+.3f} |"
        for name, old in fit["old"].items()
    ]
    head = ["| part | old | new | change |", "|---|---|---|---|"]
    return [*head, *rows, "", "To use them, put them under ranking.weights."]
