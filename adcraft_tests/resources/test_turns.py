"""Turns by size: what is at work together stays within the budget, and nobody waits for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.turns import Turns

WAIT_S = 10


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 15), min_size=1, max_size=12), budget=st.integers(5, 12))
def test_work_together_never_passes_the_budget_but_for_one_alone(sizes, budget):
    turns, lock, at_work, seen = Turns(budget), threading.Lock(), [], []

    def work(size):
        with turns.of(size):
            with lock:
                at_work.append(size)
                seen.append(list(at_work))
            with lock:
                at_work.remove(size)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, sizes, timeout=WAIT_S))
    assert len(seen) == len(sizes)
    assert all(sum(together) <= budget or len(together) == 1 for together in seen)


def test_two_that_fit_are_at_work_at_the_same_time():
    turns, both = Turns(10), threading.Barrier(2, timeout=WAIT_S)

    def work(size):
        with turns.of(size):
            both.wait()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, [4, 6]))


def test_a_failure_gives_the_turn_back():
    turns = Turns(1)
    with pytest.raises(RuntimeError, match="broke"), turns.of(1):
        raise RuntimeError("broke")
    with turns.of(1):
        pass
