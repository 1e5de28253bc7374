"""Which part of a shot another shape shows, on scenes whose subject is known."""

import numpy as np
import pytest

from adcraft_resources.algorithms.framing import Crop
from adcraft_resources.algorithms.window_choice import Sighting, choose_window

WIDE, TALL, SQUARE, FEED = 16 / 9, 9 / 16, 1.0, 4 / 5
RULES = {"most_loss": 0.15, "most_acceleration": 0.5}


def seen(at_s, x, *, faces=(), labels=(), spread=0.03, shape=(36, 64)):
    """A picture whose attention lies around `x`."""
    columns = (np.arange(shape[1]) + 0.5) / shape[1]
    profile = np.exp(-(((columns - x) / spread) ** 2))
    saliency = np.tile(profile, (shape[0], 1)).astype(np.float32)
    return Sighting(round(at_s * 30), at_s, faces, labels, saliency / saliency.sum())


def inside(window, sightings):
    """The share of boxes that stand wholly in the window at their time."""
    found = []
    for one in sightings:
        x, y, w, h = window.window(one.time_s)
        for bx, by, bw, bh in one.keep:
            found.append(
                bx >= x - 0.005 and bx + bw <= x + w + 0.005 and by >= y - 0.005 and by + bh <= y + h + 0.005
            )
    return np.mean(found)


def test_the_same_shape_shows_everything():
    window = choose_window([seen(0, 0.5)], TALL, TALL, **RULES)
    assert window.share == 1.0
    assert not window.filled


def test_a_still_subject_gets_a_still_window_of_the_target_s_shape():
    shot = [seen(t / 6, 0.75, faces=((0.7, 0.3, 0.1, 0.2),)) for t in range(12)]
    window = choose_window(shot, WIDE, SQUARE, **RULES)
    assert window.path.is_still
    assert not window.filled
    assert window.share == pytest.approx(SQUARE / WIDE)
    assert inside(window, shot) == 1.0


def test_a_walking_face_is_followed_smoothly():
    shot = [seen(t / 6, 0.15 + 0.7 * t / 35, faces=((0.1 + 0.7 * t / 35, 0.3, 0.1, 0.2),)) for t in range(36)]
    window = choose_window(shot, WIDE, SQUARE, **RULES)
    assert not window.path.is_still
    assert not window.filled
    assert inside(window, shot) == 1.0
    assert window.path.most_acceleration <= 0.5


def test_a_leaping_face_gets_a_border_rather_than_a_jerk():
    shot = [
        seen(t / 6, 0.1 if t % 2 else 0.9, faces=((0.05 if t % 2 else 0.85, 0.3, 0.1, 0.2),))
        for t in range(24)
    ]
    window = choose_window(shot, WIDE, TALL, **RULES)
    assert window.filled
    assert inside(window, shot) == 1.0


def test_two_faces_too_far_apart_for_a_crop_both_stay():
    shot = [seen(t / 6, 0.5, faces=((0.02, 0.3, 0.1, 0.2), (0.88, 0.3, 0.1, 0.2))) for t in range(6)]
    window = choose_window(shot, WIDE, TALL, **RULES)
    assert window.filled
    assert inside(window, shot) == 1.0


@pytest.mark.parametrize(("spread", "filled"), [(0.05, False), (5.0, True)])
def test_a_crop_that_loses_more_than_allowed_is_refused(spread, filled):
    window = choose_window([seen(0, 0.5, spread=spread)], WIDE, TALL, **RULES)
    assert window.filled is filled
    assert window.loss <= 0.15


def test_product_text_counts_like_a_face_and_tall_pictures_move_up_and_down():
    shot = [
        Sighting(t, t / 6, (), ((0.2, 0.8, 0.6, 0.1),), np.full((64, 36), 1 / (64 * 36), np.float32))
        for t in range(6)
    ]
    window = choose_window(shot, TALL, FEED, most_loss=0.5, most_acceleration=0.5)
    assert window.axis == 1
    assert inside(window, shot) == 1.0


def test_a_crop_moves_what_was_seen_with_it():
    crop = Crop(0.1, 0.0, 0.1, 0.2)
    one = seen(0, 0.3, faces=((0.1, 0.0, 0.4, 0.4), (0.0, 0.0, 0.05, 0.1))).framed(crop)
    assert one.faces == (pytest.approx((0.0, 0.0, 0.5, 0.5)),)
    assert one.saliency.sum() == pytest.approx(1)
    assert np.argmax(one.saliency.sum(0)) == pytest.approx(0.25 * 64, abs=1)
