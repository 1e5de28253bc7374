"""What makes a variant good, part by part: a documented formula, a value from 0 to 1 and a sentence each.

Belongs here: turning measured figures into parts and creative rules with their evidence. Does not: measuring, weights
or the order of variants (ranking). None of it predicts clicks; it is what can be checked before spending money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

OPENING_S: Final = 3.0  # the window in which most viewers decide to stay
EARLY_S: Final = 5.0  # brand or product by then (Google's ABCDs of effective ads)
FIRST_CUT_S: Final = 3.0  # ABCDs: dynamic start
MEAN_SHOT_S: Final = 2.0  # ABCDs: quick pacing
MAX_TEXT_AREA: Final = 0.20  # share of the frame; Meta's former hard rule, still its advice
UNSTEADY_RATIO: Final = 1.5  # warp error or flicker this many times the source's scores nothing
CLEAR_SALIENCY: Final = 0.5
CRISP: Final = 0.6
AS_STEADY: Final = 1.02  # ratios are measured to about 2 %
SAME_FIT: Final = 0.01  # below what the formulas resolve
BLAND: Final = 0.25  # share of the band at each end in which the structure part falls to nothing


@dataclass(frozen=True, slots=True)
class VariantFigures:
    """Everything measured of one variant; None means it was not measured, and its part is left out.

    Attributes:
        id: Variant id; settles ties.
        prompt_fit: Encoder score of its keyframes, 0..1, and `baseline_fit` the same for the cleaned ad.
        scorer: The encoder's name, "heuristic" for formulas.
        saliency: First frame: how concentrated attention is, 0..1.
        sharpness: First frame: 0..1.
        warp_ratio: Warp error over the source's own; 1 is as steady as the source.
        flicker_ratio: Flicker over the source's own.
        product_seen: Spans (from, to) in seconds in which the product or its label is on screen.
        style_ssim: Mean luma SSIM of the look against the cleaned ad.
        shots: (start, end) in seconds of every shot.
        duration_s: Of the clip.
        text_area: Largest share of a frame that burnt-in text covers.
        hook: The on-screen words, to tell look-alikes with other words apart.
        hashes: Perceptual hashes at agreed places of the clip.
        descriptor: Unit vector of its looks.
        rejected: Why a gate forbids it, or "".
    """

    id: str
    duration_s: float
    shots: tuple[tuple[float, float], ...] = ()
    prompt_fit: float | None = None
    baseline_fit: float | None = None
    scorer: str = "heuristic"
    saliency: float | None = None
    sharpness: float | None = None
    warp_ratio: float | None = None
    flicker_ratio: float | None = None
    product_seen: tuple[tuple[float, float], ...] | None = None
    style_ssim: float | None = None
    text_area: float | None = None
    hook: str = ""
    hashes: tuple[int, ...] = ()
    descriptor: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    rejected: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A creative rule: whether it holds, the time stamp of the evidence and the reason in words."""

    id: str
    holds: bool
    at_s: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One part of a score: `value` 0..1 or None where it was not measured, `sentence` says it in plain words."""

    id: str
    title: str
    value: float | None
    sentence: str
    formula: str
    rules: tuple[Rule, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The part as plain JSON values."""
        return {**asdict(self), "rules": [asdict(rule) for rule in self.rules]}


def score_parts(figures: VariantFigures, band: tuple[float, float]) -> tuple[ScorePart, ...]:
    """The six parts of a variant's score; `band` holds the allowed SSIM of a look, lower and upper."""
    return (
        prompt_part(figures),
        first_frame_part(figures),
        steadiness_part(figures),
        visibility_part(figures),
        structure_part(figures, band),
        rules_part(figures),
    )


def prompt_part(figures: VariantFigures) -> ScorePart:
    """Fit to the product's prompt set, as the encoder scored it."""
    value, base = figures.prompt_fit, figures.baseline_fit
    if value is None:
        sentence = "No encoder scored this variant."
    else:
        against = "" if base is None else f", {_compared(value, base)} the cleaned ad's {base:.2f}"
        sentence = f"Colours, light and subject suit the product {_grade(value)}: {value:.2f}{against}."
    formula = f"mean over keyframes of the {figures.scorer} encoder's score"
    title = "Fit to the product" + (" (heuristic)" if figures.scorer == "heuristic" else "")
    return ScorePart("prompt_fit", title, _unit(value), sentence, formula)


def first_frame_part(figures: VariantFigures) -> ScorePart:
    """0.6 · saliency + 0.4 · sharpness of the first frame."""
    formula = "0.6 × saliency + 0.4 × sharpness of the first frame"
    if figures.saliency is None or figures.sharpness is None:
        return ScorePart("first_frame", "First frame", None, "The first frame was not measured.", formula)
    value = 0.6 * figures.saliency + 0.4 * figures.sharpness
    eye = (
        "has one clear place for the eye"
        if figures.saliency >= CLEAR_SALIENCY
        else "spreads attention over the picture"
    )
    sharp = "is crisp" if figures.sharpness >= CRISP else "is rather soft"
    return ScorePart(
        "first_frame", "First frame", _unit(value), f"The opening picture {eye} and {sharp}.", formula
    )


def steadiness_part(figures: VariantFigures) -> ScorePart:
    """1 at the source's own unsteadiness or below, falling to 0 at 1.5 times of it; the worse of warp and flicker."""
    formula = f"1 − (worse ratio − 1) / {UNSTEADY_RATIO - 1:g}, the ratio being warp error or flicker over the source's"
    ratios = [ratio for ratio in (figures.warp_ratio, figures.flicker_ratio) if ratio is not None]
    if not ratios:
        return ScorePart("steadiness", "Steadiness", None, "Steadiness was not measured.", formula)
    worse = max(ratios)
    value = 1 - (worse - 1) / (UNSTEADY_RATIO - 1)
    told = "as steady as the source" if worse <= AS_STEADY else f"{worse - 1:.0%} less steady than the source"
    return ScorePart("steadiness", "Steadiness", _unit(value), f"The look is {told}.", formula)


def visibility_part(figures: VariantFigures) -> ScorePart:
    """Share of the first 3 s in which the product or its label is on screen."""
    formula = f"seconds of the first {OPENING_S:g} s with the product on screen, over {OPENING_S:g}"
    title = "Product in the first 3 s"
    if figures.product_seen is None:
        return ScorePart("product_visibility", title, None, "Nobody looked for the product.", formula)
    window = min(OPENING_S, figures.duration_s) or OPENING_S
    seen = covered_s(figures.product_seen, window)
    if seen > 0:
        first = min(start for start, end in figures.product_seen if end > start)
        sentence = (
            f"The product is on screen for {seen:.1f} of the first {window:.1f} s, first at {first:.1f} s."
        )
    else:
        sentence = f"The product was not found in the first {window:.1f} s."
    return ScorePart("product_visibility", title, _unit(seen / window), sentence, formula)


def structure_part(figures: VariantFigures, band: tuple[float, float]) -> ScorePart:
    """1 in the middle half of the band, falling to 0 at its ends and outside."""
    formula = "1 in the middle half of the SSIM band, falling to 0 at either end"
    ssim, (low, high) = figures.style_ssim, band
    if ssim is None:
        return ScorePart("structure", "Structure", None, "Structure was not measured.", formula)
    edge = BLAND * (high - low)
    value = min(ssim - low, high - ssim) / edge if edge > 0 else 0.0
    if value <= 0:
        told = "hardly changes the picture" if ssim >= high else "changes the picture beyond recognition"
    elif value < 1:
        told = "is close to the original" if ssim > (low + high) / 2 else "goes far from the original"
    else:
        told = "is clearly new and still the same scene"
    return ScorePart("structure", "Structure", _unit(value), f"The look {told} (SSIM {ssim:.2f}).", formula)


def rules_part(figures: VariantFigures) -> ScorePart:
    """Share of the creative rules that hold, among those that can be judged."""
    rules = creative_rules(figures)
    formula = "rules that hold, over rules that could be judged"
    if not rules:
        return ScorePart("rules", "Creative rules", None, "No rule could be judged.", formula)
    held = sum(rule.holds for rule in rules)
    broken = [rule.reason for rule in rules if not rule.holds]
    sentence = f"{held} of {len(rules)} creative rules hold." + (f" {broken[0]}" if broken else "")
    return ScorePart("rules", "Creative rules", held / len(rules), sentence, formula, rules)


def creative_rules(figures: VariantFigures) -> tuple[Rule, ...]:
    """Every rule that the figures can judge, each with its evidence."""
    judged = (_early_cut(figures), _quick_pace(figures), _little_text(figures), _early_product(figures))
    return tuple(rule for rule in judged if rule is not None)


def covered_s(spans: Sequence[tuple[float, float]], until_s: float) -> float:
    """Seconds of [0, `until_s`] that lie in at least one of `spans`."""
    total, reached = 0.0, 0.0
    for start, end in sorted(spans):
        since, to = max(start, reached, 0.0), min(end, until_s)
        if to > since:
            total += to - since
            reached = to
    return total


def _early_cut(figures: VariantFigures) -> Rule | None:
    if not figures.shots:
        return None
    cuts = sorted(start for start, _ in figures.shots if start > 0)
    if not cuts:
        return Rule("first_cut", False, None, "There is no cut at all.")
    told = "in time" if cuts[0] < FIRST_CUT_S else f"after the {FIRST_CUT_S:g} s in which viewers decide"
    return Rule(
        "first_cut", cuts[0] < FIRST_CUT_S, cuts[0], f"The first cut comes at {cuts[0]:.1f} s, {told}."
    )


def _quick_pace(figures: VariantFigures) -> Rule | None:
    if not figures.shots:
        return None
    mean = sum(end - start for start, end in figures.shots) / len(figures.shots)
    count = f"{len(figures.shots)} shot{'s' if len(figures.shots) > 1 else ''}"
    return Rule(
        "shot_length",
        mean <= MEAN_SHOT_S,
        None,
        f"{count} of {mean:.1f} s on average; at most {MEAN_SHOT_S:g} s keeps a feed ad lively.",
    )


def _little_text(figures: VariantFigures) -> Rule | None:
    if figures.text_area is None:
        return None
    reason = f"Text covers at most {figures.text_area:.0%} of the picture; up to {MAX_TEXT_AREA:.0%} is good."
    return Rule("text_area", figures.text_area <= MAX_TEXT_AREA, None, reason)


def _early_product(figures: VariantFigures) -> Rule | None:
    if figures.product_seen is None:
        return None
    spans = [start for start, end in figures.product_seen if end > start]
    if not spans:
        return Rule("early_product", False, None, "The product or brand was never found on screen.")
    first = max(0.0, min(spans))
    return Rule(
        "early_product", first <= EARLY_S, first, f"The product or brand first shows at {first:.1f} s."
    )


def _unit(value: float | None) -> float | None:
    return None if value is None else min(1.0, max(0.0, float(value)))


def _grade(value: float) -> str:
    for floor, word in ((0.75, "very well"), (0.6, "well"), (0.45, "fairly well")):
        if value >= floor:
            return word
    return "poorly"


def _compared(value: float, base: float) -> str:
    if abs(value - base) < SAME_FIT:
        return "like"
    return "better than" if value > base else "below"


def weighted_score(parts: Sequence[ScorePart], weights: Mapping[str, float]) -> float:
    """Weighted mean of the parts that were measured, 0..1; 0.0 where none was."""
    known: list[tuple[float, float]] = [
        (part.value, weights.get(part.id, 0.0)) for part in parts if part.value is not None
    ]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total > 0 else 0.0


PART_IDS: Final = ("prompt_fit", "first_frame", "steadiness", "product_visibility", "structure", "rules")
