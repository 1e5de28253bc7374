"""Plans over factors: distinct, spread out, and one change at a time."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.algorithms.planning import isolate_combinations, seed_of, spread_combinations

WEIGHTS = {"style": 3.0, "hook": 2.0, "design": 1.0}
sizes = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))


def levels_of(size):
    return {name: [f"{name}{i}" for i in range(n)] for name, n in zip(WEIGHTS, size, strict=True)}


@given(sizes, st.integers(1, 12), st.integers(0, 99))
def test_spread_combinations_are_distinct_and_as_many_as_there_can_be(size, count, seed):
    found = spread_combinations(levels_of(size), WEIGHTS, "style", count, seed=seed)
    assert len(set(found)) == len(found) == min(count, size[0] * size[1] * size[2])


@given(sizes, st.integers(1, 5), st.integers(0, 99))
def test_the_first_round_shows_each_level_of_the_lead_once(size, count, seed):
    found = spread_combinations(levels_of(size), WEIGHTS, "style", count, seed=seed)
    first = found[: size[0]]
    assert [c[0] for c in first] == [f"style{i}" for i in range(len(first))]


@given(sizes, st.integers(0, 99))
def test_appending_a_lead_level_keeps_the_first_round(size, seed):
    levels = levels_of(size)
    more = {**levels, "style": [*levels["style"], "added"]}
    before = spread_combinations(levels, WEIGHTS, "style", size[0], seed=seed)
    after = spread_combinations(more, WEIGHTS, "style", size[0] + 1, seed=seed)
    assert after[: size[0]] == before


@given(st.integers(0, 99))
def test_hooks_differ_too_while_there_are_hooks_enough(seed):
    found = spread_combinations(levels_of((4, 4, 3)), WEIGHTS, "style", 4, seed=seed)
    assert len({c[1] for c in found}) == 4
    assert len({c[2] for c in found}) == 3


def test_seeds_mix_differently():
    plans = {tuple(spread_combinations(levels_of((4, 4, 3)), WEIGHTS, "style", 4, seed=s)) for s in range(8)}
    assert len(plans) > 4


@given(sizes, st.integers(1, 12), st.integers(0, 99))
def test_isolated_combinations_differ_from_the_control_in_the_factor_they_name(size, count, seed):
    levels = levels_of(size)
    found = isolate_combinations(levels, ("hook", "style", "design"), count, shuffled=("design",), seed=seed)
    assert found[0] == ("control", tuple(names[0] for names in levels.values()))
    assert len({c for _, c in found}) == len(found) == min(count, sum(size) - 2)
    for factor, combination in found[1:]:
        pairs = zip(levels, combination, found[0][1], strict=True)
        assert [name for name, a, b in pairs if a != b] == [factor]


def test_plans_do_not_depend_on_the_hash_seed_of_the_process():
    code = (
        "from adcraft_resources.algorithms.planning import spread_combinations as s;"
        "print(s({'a': 'xyz', 'b': 'pq', 'c': 'mn'}, {'a': 3, 'b': 2, 'c': 1}, 'a', 6, seed=(7, 'k')))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": s}
        ).stdout
        for s in ("0", "1", "77")
    }
    assert len(printed) == 1


def test_a_seed_is_the_number_it_has_always_been():
    assert seed_of(7, "turmeric-soap__hero") == seed_of(7, "turmeric-soap__hero")
    assert seed_of("a", "b") != seed_of("ab")
    assert 0 <= seed_of() < 2**31
