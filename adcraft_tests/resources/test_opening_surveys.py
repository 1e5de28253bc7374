"""What is found in an ad's opening before variants are rendered."""

import cv2
import numpy as np
import pytest
from skimage import data

from adcraft_resources.algorithms.framing import Crop
from adcraft_resources.algorithms.values import Shot, TextTrack, TextTracks
from adcraft_resources.opening_surveys import survey_opening
from adcraft_resources.shared_clips import SharedClip
from adcraft_resources.video_codecs import TimedPicture, yuv_of
from adcraft_tests.drawn_videos import write_video

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


@pytest.mark.parametrize(("cut", "warned"), [(30, True), (80, False)])
def test_a_hook_that_outlives_a_cut_is_told_who_comes_after_it(tmp_path, cut, warned):
    """25 a second: a hook may stand over a cut at 1.2 s, but none is left at 3.2 s."""
    pictures = [SAND] * cut + [FACE] * 20
    video = write_video(tmp_path / "cut.mp4", pictures, fps=25)
    shots = [Shot(0, cut - 1, 0.0, cut / 25), Shot(cut, cut + 19, cut / 25, (cut + 20) / 25)]
    quad = ((30, 300), (90, 300), (90, 330), (30, 330))
    label = TextTrack("t", "label", "printed", "SOAP", 1.0, cut, cut + 19, quads=((cut, quad),))
    clip = SharedClip(video, shots, TextTracks((360, 360), len(pictures), (label,)))
    boxes = clip.survey().avoid_boxes(Crop(), cut - 1)
    clip.close()
    assert len(boxes) == (2 if warned else 0)
    if warned:
        (face, _), ((x, y, w, h), _) = boxes
        assert (x, y, w, h) == pytest.approx((30 / 360, 300 / 360, 61 / 360, 31 / 360), abs=0.01)
        assert face[0] < 0.44 < face[0] + face[2]  # the astronaut's face is left of the middle, near the top
        assert face[1] < 0.2 < face[1] + face[3]
