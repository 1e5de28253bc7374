from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from adcraft_resources.algorithms.rates import (
    average_ranks,
    permutation_p,
    refit_weights,
    spearman,
    wilson_interval,
)


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (1, 40), (250, 1000), (10, 10), (3_000, 1_000_000)])
def test_wilson_is_scipys(hits: int, trials: int):
    theirs = stats.binomtest(hits, trials).proportion_ci(method="wilson")
    assert wilson_interval(hits, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_ranks_and_their_correlation_are_scipys_with_ties_too():
    rng = np.random.default_rng(2)
    one, other = rng.integers(0, 6, 40).astype(float), rng.integers(0, 6, 40).astype(float)
    assert average_ranks(one) == pytest.approx(stats.rankdata(one))
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)
    assert spearman(np.ones(4), np.arange(4.0)) is None


def test_chance_alone_is_told_from_an_order():
    rng = np.random.default_rng(0)
    up = np.arange(12.0)
    assert permutation_p(up, up, rounds=2000, rng=rng) < 0.01
    assert permutation_p(up, rng.permutation(up), rounds=2000, rng=rng) > 0.05


def made_up(true: np.ndarray, noise: float, ads: int = 12, each: int = 6):
    rng = np.random.default_rng(5)
    parts = rng.random((ads * each, len(true)))
    groups = np.repeat(np.arange(ads), each)
    outcomes = parts @ true + rng.normal(0, 3, ads)[groups] + rng.normal(0, noise, len(parts))
    return parts, outcomes, np.full(len(parts), 1000.0), groups


def test_a_refit_finds_the_part_that_tells_though_ads_differ_more_than_variants():
    true, old = np.array([0.0, 1.0, 0.0]), np.array([0.4, 0.3, 0.3])
    new = refit_weights(*made_up(true, 0.05), old, shrinkage=1.0)
    assert new.sum() == pytest.approx(old.sum())
    assert (new >= 0).all()
    assert new[1] > 0.7


def test_more_shrinkage_keeps_more_of_the_old_weights():
    true, old = np.array([0.0, 1.0, 0.0]), np.array([0.4, 0.3, 0.3])
    moved = [
        np.abs(refit_weights(*made_up(true, 0.3), old, shrinkage=pull) - old).sum() for pull in (1, 20, 1e6)
    ]
    assert moved[0] > moved[1] > moved[2]
    assert moved[2] < 1e-3


def test_outcomes_that_do_not_differ_change_nothing():
    parts, _, trials, groups = made_up(np.ones(3), 0.0)
    old = np.array([0.5, 0.3, 0.2])
    assert refit_weights(parts, np.zeros(len(parts)), trials, groups, old, shrinkage=5) == pytest.approx(old)
