"""A text's letters held against a frame: found at their place, size and strength, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from adcraft_resources.algorithms.channels import largest_channel
from adcraft_resources.algorithms.text_presence import Pose, cut_template, measure_presence
from adcraft_resources.algorithms.values import Yuv420


def written(scale=1.0, shift=(0, 0), strength=1.0):
    """A frame with a word whose middle lies at (320, 180) moved by `shift`."""
    rng = np.random.default_rng(4)
    ground = cv2.GaussianBlur(rng.integers(60, 140, (360, 640)).astype(np.float32), (0, 0), 6)
    ink = np.zeros((360, 640), np.float32)
    cv2.putText(ink, "GLOW BAR", (170, 200), cv2.FONT_HERSHEY_DUPLEX, 2.0, 1.0, 5, cv2.LINE_AA)
    x, y = 320 * (1 - scale) + shift[0], 180 * (1 - scale) + shift[1]
    ink = cv2.warpAffine(ink, np.array([[scale, 0, x], [0, scale, y]], np.float32), (640, 360))
    luma = ground + (235 - ground) * ink * strength
    grey = np.full((180, 320), 128, np.uint8)
    return Yuv420(np.rint(luma).astype(np.uint8), grey, grey.copy(), "bt709", "limited")


HOME = ((164, 140), (480, 140), (480, 216), (164, 216))


@pytest.fixture(scope="module")
def template():
    return cut_template(written(), HOME)


@pytest.mark.parametrize(("shift", "scale"), [((0, 0), 1.0), ((14, -6), 1.0), ((0, 0), 0.8), ((4, 2), 1.2)])
def test_letters_are_there_at_their_pose_and_not_beside_it(template, shift, scale):
    frame = written(scale, shift)
    there = measure_presence(template, frame, Pose(*shift, scale))
    beside = measure_presence(template, frame, Pose(shift[0] + 24, shift[1], scale))
    assert there.full
    assert there.strength == pytest.approx(1, abs=0.12)
    assert not beside.full
    assert beside.correlation < 0.5


def test_a_fade_shows_in_the_strength(template):
    half = measure_presence(template, written(strength=0.5))
    assert half.faint
    assert half.strength == pytest.approx(0.5, abs=0.06)


def test_a_place_off_the_screen_repeats_the_edge(template):
    away = measure_presence(template, written(), Pose(900, 0, 0.9))
    assert away.match < 0.2 or away.correlation < 0.3


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_the_largest_channel_is_that_of_every_pixel(kind):
    values = (
        np.random.default_rng(1).integers(-40 if kind is not np.uint8 else 0, 200, (37, 53, 3)).astype(kind)
    )
    assert np.array_equal(largest_channel(values), values.max(axis=2))
    assert largest_channel(values[:0]).shape == (0, 53)
