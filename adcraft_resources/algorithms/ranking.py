"""The order of an ad's variants: gates out, scored, look-alikes dropped, a diverse pick, ties settled by id.

Belongs here: deciding over plain records. Does not: the parts of a score (score_parts), measuring likeness (likeness),
files or settings. The outcome does not depend on the order of the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from adcraft_resources.algorithms.likeness import cosine_similarity, mean_hash_distance
from adcraft_resources.algorithms.score_parts import ScorePart, VariantFigures, score_parts, weighted_score

RankBy = Literal["score", "ssim"]
_DIGITS: Final = 9  # scores closer than this are ties


@dataclass(frozen=True, slots=True)
class RankingRules:
    """What the order is decided by.

    Attributes:
        weights: Weight by part id; proportions count.
        band: Allowed SSIM of a look, lower and upper.
        count: Variants to deliver.
        rank_by: "score", or "ssim" for the Ray script's order (SSIM to the source, descending).
        diversity: 0 picks by score alone; 0.3 gives up some score for difference (maximal marginal relevance,
            Carbonell & Goldstein, SIGIR 1998, with λ = 1 − diversity).
        duplicate_cosine: Descriptors at least this alike ...
        duplicate_bits: ... and hashes at most this many bits apart are near-duplicates.
        keep_lookalikes: For isolate plans, whose cells are meant to look alike.
    """

    weights: Mapping[str, float]
    band: tuple[float, float]
    count: int
    rank_by: RankBy = "score"
    diversity: float = 0.3
    duplicate_cosine: float = 0.97
    duplicate_bits: float = 10
    keep_lookalikes: bool = False


@dataclass(frozen=True, slots=True)
class Scored:
    """A variant with its score and what became of it.

    `rank` counts from 1, or is None where the variant is not delivered; `reason` then says why, in words.
    `verdict` is "delivered", "gate", "duplicate" or "spare".
    """

    id: str
    score: float
    ssim: float | None
    parts: tuple[ScorePart, ...]
    rank: int | None = None
    verdict: Literal["delivered", "gate", "duplicate", "spare"] = "delivered"
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return {
            "id": self.id,
            "rank": self.rank,
            "score": round(self.score, 4),
            "ssim": self.ssim,
            "verdict": self.verdict,
            "reason": self.reason,
            "parts": [part.to_dict() for part in self.parts],
        }


@dataclass(frozen=True, slots=True)
class RankedVariants:
    """Delivered variants in rank order, the others with their reasons, and named warnings."""

    delivered: tuple[Scored, ...]
    rejected: tuple[Scored, ...]
    warnings: tuple[str, ...]


def rank_variants(variants: Sequence[VariantFigures], rules: RankingRules) -> RankedVariants:
    """Order `variants` by `rules`.

    Raises:
        ValueError: Two variants share an id, or fewer than one is to be delivered.
    """
    if len({figures.id for figures in variants}) != len(variants):
        raise ValueError(f"variant ids repeat: {sorted(figures.id for figures in variants)}")
    if rules.count < 1:
        raise ValueError(f"{rules.count} variants to deliver")
    court = _Court(rules, {figures.id: figures for figures in variants})
    court.reject_failed()
    court.drop_lookalikes()
    court.pick()
    return court.outcome()


class _Court:
    """One ranking in the making: `waiting` ids in order of merit, fates of the others."""

    def __init__(self, rules: RankingRules, figures: Mapping[str, VariantFigures]) -> None:
        self.rules, self.figures = rules, figures
        self.parts = {name: score_parts(one, rules.band) for name, one in figures.items()}
        self.scores = {
            name: round(weighted_score(parts, rules.weights), _DIGITS) for name, parts in self.parts.items()
        }
        self.waiting = sorted(figures, key=self.merit)
        self.picked: list[str] = []
        self.fates: dict[str, tuple[Literal["gate", "duplicate", "spare"], str]] = {}
        self.warnings: list[str] = []

    def merit(self, name: str) -> tuple[float, str]:
        """Sort key: best first, ties by id."""
        ssim = self.figures[name].style_ssim
        value = self.scores[name] if self.rules.rank_by == "score" else (-1.0 if ssim is None else ssim)
        return -value, name

    def reject_failed(self) -> None:
        for name in self.waiting:
            if self.figures[name].rejected:
                self.fates[name] = "gate", self.figures[name].rejected
        self._forget_decided()

    def drop_lookalikes(self) -> None:
        """Of variants that look alike the best stays."""
        if self.rules.keep_lookalikes:
            return
        kept: list[str] = []
        for name in self.waiting:
            twin = next((other for other in kept if self.alike(name, other)), None)
            if twin is None:
                kept.append(name)
            else:
                self.fates[name] = (
                    "duplicate",
                    f"Looks the same as {twin} ({self._likeness_told(name, twin)}).",
                )
        self._forget_decided()

    def pick(self) -> None:
        """Choose the variants to deliver, then refill with look-alikes that at least say something else."""
        while self.waiting and len(self.picked) < self.rules.count:
            best = min(self.waiting, key=self._marginal)
            self.picked.append(best)
            self.waiting.remove(best)
        for name in self.waiting:
            self.fates[name] = (
                "spare",
                f"Passed every gate; {self.rules.count} better or more different ones were taken.",
            )
        self._readmit()
        if len(self.picked) < self.rules.count:
            self.warnings.append(
                f"{len(self.picked)} of {self.rules.count} variants could be delivered; the others were rejected."
            )

    def _readmit(self) -> None:
        said = {self.figures[name].hook for name in self.picked}
        for name in sorted(
            (name for name, fate in self.fates.items() if fate[0] == "duplicate"), key=self.merit
        ):
            hook = self.figures[name].hook
            if len(self.picked) >= self.rules.count:
                return
            if not hook or hook in said:
                continue
            self.picked.append(name)
            said.add(hook)
            self.warnings.append(f"{name} is delivered for its words. {self.fates.pop(name)[1]}")

    def alike(self, a: str, b: str) -> bool:
        """Whether two variants are near-duplicates by both descriptor and perceptual hash."""
        return (
            self._cosine(a, b) >= self.rules.duplicate_cosine
            and self._bits(a, b) <= self.rules.duplicate_bits
        )

    def outcome(self) -> RankedVariants:
        delivered = [
            Scored(name, self.scores[name], self.figures[name].style_ssim, self.parts[name], rank)
            for rank, name in enumerate(sorted(self.picked, key=self.merit), 1)
        ]
        rejected = [
            Scored(
                name,
                self.scores[name],
                self.figures[name].style_ssim,
                self.parts[name],
                None,
                *self.fates[name],
            )
            for name in sorted(self.fates, key=self.merit)
        ]
        return RankedVariants(tuple(delivered), tuple(rejected), tuple(self.warnings))

    def _marginal(self, name: str) -> tuple[float, float, str]:
        value, tie = self.merit(name)
        if self.rules.rank_by == "ssim" or not self.picked:
            return value, value, tie
        nearest = max(max(0.0, self._cosine(name, other)) for other in self.picked)
        spread = self.rules.diversity
        return round((1 - spread) * value + spread * nearest, _DIGITS), value, tie

    def _cosine(self, a: str, b: str) -> float:
        first, second = self.figures[a].descriptor, self.figures[b].descriptor
        return 0.0 if first is None or second is None else cosine_similarity(first, second)

    def _bits(self, a: str, b: str) -> float:
        first, second = self.figures[a].hashes, self.figures[b].hashes
        return mean_hash_distance(first, second) if first and len(first) == len(second) else float("inf")

    def _likeness_told(self, a: str, b: str) -> str:
        return f"descriptor cosine {self._cosine(a, b):.3f}, hashes {self._bits(a, b):.1f} of 64 bits apart"

    def _forget_decided(self) -> None:
        self.waiting = [name for name in self.waiting if name not in self.fates]
