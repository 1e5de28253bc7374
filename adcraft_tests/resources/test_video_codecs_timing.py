from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.video_codecs import (
    TimedPicture,
    VideoFacts,
    at_constant_rate,
    delivery_rate,
    resample_times,
    yuv_of,
)
from adcraft_tests.drawn_videos import take, write_video

RATES = st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30)])
STEPS = st.lists(st.floats(0.004, 1.5), min_size=0, max_size=60)


@pytest.mark.parametrize(
    ("source", "delivered"),
    [
        (Fraction(24), Fraction(24)),
        (Fraction(25), Fraction(25)),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (Fraction(30), Fraction(30)),
        (Fraction(48), Fraction(24)),
        (Fraction(50), Fraction(25)),
        (Fraction(60000, 1001), Fraction(30000, 1001)),
        (Fraction(60), Fraction(30)),
        (Fraction(120), Fraction(30)),
        (Fraction(5), Fraction(10)),
    ],
)
def test_delivered_rates(tmp_path: Path, source: Fraction, delivered: Fraction) -> None:
    assert delivery_rate(_facts(tmp_path, source, variable=False)) == delivered


def test_a_variable_rate_goes_to_the_nearest_standard_one(tmp_path: Path) -> None:
    assert delivery_rate(_facts(tmp_path, Fraction(2897, 100), variable=True)) == Fraction(30000, 1001)
    assert delivery_rate(_facts(tmp_path, Fraction(12), variable=True)) == Fraction(24000, 1001)
    assert delivery_rate(_facts(tmp_path, Fraction(5980, 100), variable=True)) == Fraction(30)


def _facts(folder: Path, fps: Fraction, *, variable: bool) -> VideoFacts:
    from adcraft_resources.video_codecs import probe_video

    facts = probe_video(write_video(folder / "a.mp4", take(2)))
    return dataclasses.replace(facts, fps=fps, variable_rate=variable)


def test_equal_rates_show_each_picture_once() -> None:
    assert list(resample_times([i / 30 for i in range(90)], Fraction(30), duration_s=3.0)) == list(range(90))


def test_a_doubled_rate_shows_every_other_picture() -> None:
    shown = list(resample_times([i / 60 for i in range(120)], Fraction(30), duration_s=2.0))
    assert shown == list(range(0, 120, 2))


def test_rounded_clocks_change_nothing() -> None:
    millis = [round(i * 1000 / 30) / 1000 for i in range(300)]
    assert list(resample_times(millis, Fraction(30), duration_s=10.0)) == list(range(300))


def test_jitter_of_a_third_of_a_tick_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    times = [0.0, *(i / 30 + rng.uniform(-1, 1) / 90 for i in range(1, 200))]
    assert list(resample_times(times, Fraction(30), duration_s=200 / 30)) == list(range(200))


def test_a_long_still_keeps_its_length() -> None:
    shown = list(resample_times([0.0, 2.0, 2.0 + 1 / 30], Fraction(30), duration_s=2.1))
    assert shown == [0] * 60 + [1, 2, 2]


def test_one_picture_fills_its_duration() -> None:
    assert list(resample_times([0.0], Fraction(30))) == [0]
    assert list(resample_times([5.0], Fraction(30), duration_s=0.1)) == [0, 0, 0]
    assert list(resample_times([], Fraction(30), duration_s=1.0)) == []


@given(STEPS, RATES, st.floats(-3, 3))
def test_what_shows_is_due_and_the_next_is_not(steps: list[float], fps: Fraction, start: float) -> None:
    times = list(itertools.accumulate(steps, initial=start))
    tick = 1 / float(fps)
    shown = list(resample_times(times, fps))
    assert shown == sorted(shown)
    assert shown[0] == 0 or times[shown[0]] - start < tick / 2
    for number, index in enumerate(shown):
        now = start + number * tick
        assert times[index] <= now + tick / 2
        if index + 1 < len(times):
            assert times[index + 1] > now - 1e-6


@given(STEPS, RATES, st.floats(0.01, 5))
def test_the_duration_sets_the_number_of_ticks(steps: list[float], fps: Fraction, extra: float) -> None:
    times = list(itertools.accumulate(steps, initial=0.0))
    duration = times[-1] + extra
    ticks = len(list(resample_times(times, fps, duration_s=duration)))
    assert abs(ticks - duration * float(fps)) <= 1.0


def test_items_come_with_the_ticks_they_fill() -> None:
    picture = yuv_of(take(1)[0])
    items = [TimedPicture(i, time, picture) for i, time in enumerate([0.0, 0.1, 0.2])]
    out = list(at_constant_rate(iter(items), Fraction(20), duration_s=0.25))
    assert [item.index for item in out] == [0, 0, 1, 1, 2]
