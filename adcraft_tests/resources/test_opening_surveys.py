"""What is found in an ad's opening before variants are rendered."""

import cv2
import numpy as np
import pytest
from skimage import data

from adcraft_resources.algorithms.values import Shot
from adcraft_resources.opening_surveys import survey_opening
from adcraft_resources.video_codecs import TimedPicture, yuv_of

SHOT = [Shot(0, 19, 0.0, 0.8)]
FACE = np.asarray(cv2.resize(data.astronaut(), (360, 360)), np.uint8)
SAND = np.full_like(FACE, (214, 190, 160))


def surveyed(pictures, prefer=None):
    head = [TimedPicture(index, index / 25, yuv_of(picture)) for index, picture in enumerate(pictures)]
    return survey_opening(head, SHOT, None, prefer)


def test_skin_of_a_face_that_is_there_from_the_start_is_found():
    assert set(surveyed([FACE] * 20).skins) == {0, 10, 19}


@pytest.mark.parametrize(("first", "rest"), [(FACE, SAND), (SAND, FACE)])
def test_a_face_at_the_start_or_in_two_samples_counts(first, rest):
    assert surveyed([first] * 5 + [rest] * 15).skins


def test_a_face_seen_in_one_later_sample_alone_gives_no_skin():
    assert surveyed([SAND] * 15 + [FACE] * 5).skins == {}


def test_scores_have_a_say_in_who_stands_for_the_video():
    pictures = [SAND] * 20
    assert surveyed(pictures).poster == 0
    assert surveyed(pictures, lambda shown: [float(place == 2) for place in range(len(shown))]).poster == 10
    assert surveyed(pictures, lambda shown: [1.0] * len(shown)).poster == 0
