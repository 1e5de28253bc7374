"""Paths of moving windows: the bound on acceleration holds everywhere, whatever is followed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.window_paths import WindowPath, fit_path

shares = st.floats(0, 1, allow_nan=False)


@settings(max_examples=80, deadline=None)
@given(
    wanted=st.lists(shares, min_size=2, max_size=60),
    every_s=st.sampled_from([0.04, 1 / 6, 0.5]),
    bound=st.sampled_from([0.05, 0.5, 2.0]),
    room=st.sampled_from([0.1, 0.44, 0.9]),
)
def test_acceleration_is_bounded_at_every_frame_and_the_window_stays_in_the_picture(
    wanted, every_s, bound, room
):
    times = 3.0 + every_s * np.arange(len(wanted))
    aim = np.array(wanted) * room
    path = fit_path(
        times,
        aim,
        np.maximum(aim - 0.05, 0),
        np.minimum(aim + 0.05, room),
        room=room,
        most_acceleration=bound,
    )
    assert path.most_acceleration <= bound * (1 + 1e-9)
    step = 1 / 120
    at = np.array([path.at(t) for t in np.arange(times[0], times[-1], step)])
    assert (at >= -1e-9).all()
    assert (at <= room + 1e-9).all()
    if len(at) > 2:
        assert np.abs(np.diff(at, 2)).max() / step**2 <= bound * 1.001 + 1e-6


def test_a_slow_walk_is_followed_and_its_bounds_are_kept():
    times = np.arange(0, 6, 1 / 6)
    truth = 0.2 + 0.05 * times
    noisy = truth + np.random.default_rng(1).normal(0, 0.02, len(times))
    path = fit_path(times, noisy, truth - 0.06, truth + 0.06, room=0.6, most_acceleration=0.5)
    at = np.array([path.at(t) for t in times])
    assert np.abs(at - truth).max() < 0.03


def test_a_leap_faster_than_allowed_gives_way_to_smoothness():
    times = np.arange(0, 2, 1 / 6)
    wanted = np.where(times < 1, 0.0, 0.5)
    path = fit_path(times, wanted, wanted, wanted, room=0.5, most_acceleration=0.2)
    assert path.most_acceleration <= 0.2
    assert path.at(1.9) > path.at(0.1)


def test_one_knot_stands_still_and_ends_hold():
    assert WindowPath(0.0, (0.3,)).at(99.0) == 0.3
    path = fit_path(
        np.array([1.0, 2.0]), np.array([0.0, 0.2]), np.zeros(2), np.ones(2), room=1.0, most_acceleration=9.0
    )
    assert path.at(-5.0) == pytest.approx(path.at(1.0))
    assert path.at(50.0) == pytest.approx(path.at(2.0))
