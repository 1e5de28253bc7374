import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from adcraft_resources.algorithms.kept_matches import Matches


def test_what_fills_the_memory_first_stays_and_the_rest_passes():
    asked = []
    matches = Matches(most=3, near=2)
    for _ in range(2):  # two passes over a clip of ten frames
        for frame in range(10):
            assert matches.of(frame, lambda frame=frame: asked.append(frame) or -frame) == -frame
            matches.of(frame, lambda frame=frame: asked.append(frame) or -frame)  # who goes beside
    assert asked == [*range(10), *range(3, 10)]


def test_who_comes_while_a_match_is_found_waits_for_it():
    matches, begun, go, found = Matches(), threading.Event(), threading.Event(), []

    def find():
        begun.set()
        assert go.wait(30)
        found.append(1)
        return "match"

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(matches.of, "a", find)
        assert begun.wait(30)
        others = [pool.submit(matches.of, "a", find) for _ in range(2)]
        go.set()
        assert [one.result(30) for one in (first, *others)] == ["match"] * 3
    assert found == [1]


def test_an_error_is_not_kept():
    matches = Matches()
    with pytest.raises(ZeroDivisionError):
        matches.of("a", lambda: 1 // 0)
    assert matches.of("a", lambda: 2) == 2
