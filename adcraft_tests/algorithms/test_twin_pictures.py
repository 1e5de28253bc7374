"""Before-and-after pairs drawn beside, above and after each other, and the pictures that only look like one."""

import cv2
import numpy as np
import pytest

from adcraft_resources.algorithms.twin_pictures import find_split, framed_alike, halves
from adcraft_tests.drawn_videos import texture


def scene(seed, *, height=320, width=180):
    """A picture with things in it: no two seeds hold the same."""
    rng = np.random.default_rng(seed)
    frame = (60 + 0.3 * texture(height, width, seed, detail=4)).astype(np.uint8)
    for _ in range(14):
        at = int(rng.integers(0, width)), int(rng.integers(0, height))
        cv2.circle(frame, at, int(rng.integers(8, 30)), [int(one) for one in rng.integers(30, 230, 3)], -1)
    return frame


def lit(frame, gain=1.25, lift=12):
    return np.clip(frame.astype(np.float32) * gain + lift, 0, 255).astype(np.uint8)


def moved(frame, pixels):
    return np.roll(frame, pixels, axis=1)


PAIRS = {
    "lit": lit,
    "lit and moved": lambda one: moved(lit(one), 7),
    "darker": lambda one: lit(one, 0.75, -5),
    "in other colours": lambda one: np.ascontiguousarray(lit(one)[..., ::-1]),
}


@pytest.mark.parametrize("change", PAIRS)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["beside", "above"])
def test_two_views_of_one_scene_are_found_with_their_seam(change, seed, kind):
    one = scene(seed, height=320 if kind == "beside" else 180, width=180 if kind == "beside" else 320)
    frame = np.concatenate([one, PAIRS[change](one)], axis=1 if kind == "beside" else 0)
    found = find_split(np.ascontiguousarray(frame))
    assert found is not None
    assert found.kind == kind
    assert abs(found.at - 0.5) < 0.03
    first, second = halves(frame, found)
    assert abs(first.shape[0] * first.shape[1] - second.shape[0] * second.shape[1]) < 0.08 * first.size / 3


def test_a_divider_between_the_views_hides_nothing():
    one = scene(5)
    frame = np.hstack([one, lit(one)])
    frame[:, 177:183] = 255
    assert find_split(frame) is not None


def two_scenes():
    return np.hstack([scene(1), lit(scene(2))])


def two_toned_wall():
    frame = np.full((320, 360, 3), (200, 190, 170), np.uint8)
    frame[:, 180:] = (120, 140, 160)
    cv2.circle(frame, (180, 170), 60, (60, 50, 40), -1)
    return frame


def tiles():
    frame = np.full((320, 360, 3), 215, np.uint8)
    frame[::40] = 150
    frame[:, ::40] = 150
    return frame


def mirrored():
    one = scene(3)
    return np.hstack([one, one[:, ::-1]])


def window_frame():
    frame = scene(6, width=360)
    frame[:, 172:188] = 30
    return frame


@pytest.mark.parametrize("draw", [two_scenes, two_toned_wall, tiles, mirrored, window_frame])
def test_what_only_looks_like_a_pair_is_none(draw):
    assert find_split(np.ascontiguousarray(draw())) is None


@pytest.mark.parametrize("seed", range(12))
def test_an_ordinary_picture_is_no_pair(seed):
    assert find_split(scene(seed, width=360)) is None
    assert find_split(texture(320, 180, seed)) is None


def test_a_flat_picture_is_no_pair():
    assert find_split(np.full((64, 64, 3), 128, np.uint8)) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_cut_between_two_views_of_one_scene_is_told_from_a_cut_to_another(seed):
    one = scene(seed)
    assert framed_alike(one, moved(lit(one), 5))
    assert not framed_alike(one, scene(seed + 20))
