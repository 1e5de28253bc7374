"""Verdicts, reviews, plans and scores as the gallery's cards show them.

Belongs here: wording one record for a card. Does not: choosing what is shown (deliveries), or how a card looks.
"""

from collections.abc import Mapping
from typing import Any

from adcraft_assets.policy_reviews import claims_told
from adcraft_resources.gallery import GateCard, PartBar
from adcraft_resources.gates import Verdict


def gate_card(verdict: Verdict) -> GateCard:
    """Return a verdict as the gallery shows it."""
    figures = tuple(
        (name, str(value), "") for name, value in verdict.evidence.items() if not isinstance(value, dict)
    )
    return GateCard(verdict.gate.replace("_", " "), verdict.passed, verdict.reason, figures)


def policy_card(review: Mapping[str, Any]) -> GateCard:
    """Return what the policy rules say of a variant's texts as the gallery shows it."""
    found = [*claims_told(review), *(one["told"] for one in review.get("pairs", ()))]
    verdict = review.get("verdict", "not reviewed")
    return GateCard("policy rules", verdict != "block", "; ".join(found) or "no rule objects to any text")


def experiment_line(plan: Mapping[str, Any]) -> str:
    """Return what experiment.json plans, in a line."""
    if not plan["ready"]:
        return f"none: {'; '.join(plan['why_not'])}"
    size = plan["sample_size"]
    return f"{len(plan['cells'])} cells, {size['per_cell']:,} impressions each, {size['days']} days or more"


def part_bar(part: Mapping[str, Any], weight: float) -> PartBar:
    """Return a part of a score as the gallery shows it, with its share of the weights."""
    evidence = tuple((rule["holds"], rule["reason"]) for rule in part["rules"])
    return PartBar(part["title"], part["value"], part["sentence"], weight, part["formula"], evidence)
