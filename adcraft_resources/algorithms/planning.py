"""Choosing combinations of factors for an A/B test: spread out for exploring, one at a time for isolating.

Belongs here: index arithmetic over named levels of factors. Does not: what a style, hook or opening is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import product

Combination = tuple[str, ...]
"""One level name per factor, in the order of the factors."""


def seed_of(*parts: object) -> int:
    """Return a seed in [0, 2³¹) that depends on `parts` alone, the same in every process."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def spread_combinations(
    levels: Mapping[str, Sequence[str]],
    weights: Mapping[str, float],
    lead: str,
    count: int,
    *,
    seed: object,
) -> list[Combination]:
    """Return up to `count` distinct combinations, each as unlike the earlier ones as can be.

    The `lead` factor goes round its levels in the order given, so the first ones differ in it wherever it has
    levels enough, and appending a level changes nothing before the first round is over. The other factors are
    chosen greedily: the candidate with the least weighted agreement with what is there, ties broken by a
    hash of `seed` and the level names (never by process state).

    Args:
        levels: Factor name → its distinct level names; every factor has at least one.
        weights: Factor name → what agreeing in it costs.
        lead: The factor that goes round.
        count: How many combinations are wanted.
        seed: Anything printable.
    """
    factors = list(levels)
    at = factors.index(lead)
    chosen: list[Combination] = []
    spent: set[Combination] = set()
    total = 1
    for names in levels.values():
        total *= len(names)
    turn = 0
    while len(chosen) < min(count, total):
        level = levels[lead][turn % len(levels[lead])]
        turn += 1
        free = [c for c in product(*levels.values()) if c[at] == level and c not in spent]
        if not free:
            continue
        costs = {c: _agreement(c, chosen, factors, weights) for c in free}
        least = min(costs.values())
        best = min((c for c in free if costs[c] == least), key=lambda c: (seed_of(seed, *c), c))
        chosen.append(best)
        spent.add(best)
    return chosen


def _agreement(
    candidate: Combination,
    chosen: Sequence[Combination],
    factors: Sequence[str],
    weights: Mapping[str, float],
) -> float:
    """Sum over `chosen` of the squared weight of the factors in which `candidate` agrees with it."""
    cost, costs = 0.0, [weights[factor] for factor in factors]
    for other in chosen:
        same = sum(w for w, a, b in zip(costs, candidate, other, strict=True) if a == b)
        cost += same * same
    return round(cost, 9)


def isolate_combinations(
    levels: Mapping[str, Sequence[str]],
    turns: Sequence[str],
    count: int,
    *,
    shuffled: Sequence[str] = (),
    seed: object,
) -> list[tuple[str, Combination]]:
    """Return a control and up to `count - 1` combinations that differ from it in exactly one factor.

    Args:
        levels: Factor name → its level names; the control has the first level of each.
        turns: Factor names, in the order in which they take turns at being changed.
        count: How many are wanted, the control included.
        shuffled: Factors whose levels are tried in an order decided by `seed`; the others keep theirs.
        seed: Anything printable.

    Returns:
        (changed factor, combination) pairs; the control's factor is "control".
    """
    factors = list(levels)
    control = tuple(levels[f][0] for f in factors)
    queues = {f: list(levels[f][1:]) for f in turns}
    for factor in shuffled:
        queues[factor].sort(key=lambda name, factor=factor: seed_of(seed, factor, name))
    found = [("control", control)]
    while len(found) < count and any(queues.values()):
        for factor in turns:
            if queues[factor] and len(found) < count:
                changed = list(control)
                changed[factors.index(factor)] = queues[factor].pop(0)
                found.append((factor, tuple(changed)))
    return found
