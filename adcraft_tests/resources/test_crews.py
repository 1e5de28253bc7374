"""Work made ahead by shared threads: order, once each, bounded, errors in their place."""

import threading
import time

import cv2
import pytest

from adcraft_resources.crews import Crew


@pytest.fixture
def crew():
    made = Crew(3)
    yield made
    made.close()


def test_results_come_in_order_however_long_each_takes(crew):
    def slow_first(item):
        time.sleep(0.02 if item % 3 == 0 else 0)
        return item * item

    assert list(crew.ahead(range(20), slow_first)) == [(item, item * item) for item in range(20)]


def test_an_item_that_comes_again_at_once_is_made_once(crew):
    made = []

    class Picture:
        pass

    one, other = Picture(), Picture()
    found = list(crew.ahead([one, one, other, one], lambda item: made.append(item) or len(made)))
    assert [item for item, _ in found] == [one, one, other, one]
    assert len(made) == 3


def test_an_error_is_raised_in_its_items_place(crew):
    def broken(item):
        if item == 4:
            raise ValueError("the fifth")
        return item

    made = crew.ahead(range(10), broken)
    assert [next(made)[0] for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="the fifth"):
        next(made)
    assert len(list(crew.ahead(range(10), str))) == 10, "threads were lost with the error"


def test_a_single_caller_uses_all_threads_and_many_share_them(crew):
    at_work, most, lock = set(), [0], threading.Lock()

    def note(item):
        with lock:
            at_work.add(item)
            most[0] = max(most[0], len(at_work))
        time.sleep(0.01)
        with lock:
            at_work.discard(item)

    list(crew.ahead(range(12), note))
    assert most[0] == 3
    begun = []

    def counted(start):
        for item in range(start, start + 40):
            begun.append(item)
            yield item

    callers = [crew.ahead(counted(100 * place), note) for place in range(5)]
    for one in callers:
        next(one)
    assert len(begun) <= 5 + 3 + 5, "callers run ahead of what the threads can do"
    for one in callers:
        one.close()
    assert len(list(crew.ahead(range(10), str))) == 10


def test_opencv_has_its_threads_again_after_the_last_of_two_crews() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(4)
    try:
        first, second = Crew(1), Crew(1)
        for crew in (first, second):
            assert [made for _, made in crew.ahead([1, 2], str)] == ["1", "2"]
        first.close()
        assert cv2.getNumThreads() == 1
        second.close()
        assert cv2.getNumThreads() == 4
    finally:
        cv2.setNumThreads(before)
