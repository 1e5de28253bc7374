"""What is found in an ad's opening before variants are rendered."""

import cv2
import numpy as np
import pytest
from skimage import data

from adcraft_resources.algorithms.framing import Crop
from adcraft_resources.algorithms.values import Shot, TextTrack, TextTracks
from adcraft_resources.opening_surveys import survey_opening, survey_programme
from adcraft_resources.programmes import Programme, Stretch
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


def cut_clip(folder, shown, cut, labels=()):
    """A clip of two shots at 25 a second, opened, and its shots."""
    video = write_video(folder / "cut.mp4", shown, fps=25)
    shots = [Shot(0, cut - 1, 0.0, cut / 25), Shot(cut, len(shown) - 1, cut / 25, len(shown) / 25)]
    return SharedClip(video, shots, TextTracks((360, 360), len(shown), tuple(labels)))


@pytest.mark.parametrize(("end_s", "warned"), [(2.0, True), (1.2, False)])
def test_a_hook_that_outlives_a_cut_is_told_who_comes_after_it(tmp_path, end_s, warned):
    quad = ((30, 300), (90, 300), (90, 330), (30, 330))
    label = TextTrack("t", "label", "printed", "SOAP", 1.0, 30, 49, quads=((30, quad),))
    clip = cut_clip(tmp_path, [SAND] * 30 + [FACE] * 20, 30, [label])
    boxes = clip.survey().avoid_boxes(Crop(), 29, end_s)
    after = clip.survey().pictures_after_cuts(end_s)
    clip.close()
    assert [timed.index for timed in after] == ([32] if warned else [])
    assert bool(boxes) == warned
    for box, weight in boxes:
        x, y, w, h = box
        if weight < 1:
            assert (x, y, w, h) == pytest.approx((30 / 360, 300 / 360, 61 / 360, 31 / 360), abs=0.01)
        else:
            assert x < 0.44 < x + w  # the astronaut's face is left of the middle, near the top
            assert y < 0.2 < y + h
    assert {weight for _, weight in boxes} == ({0.8, 1.0} if warned else set())


@pytest.mark.parametrize("comes", [28, 40])
def test_somebody_who_comes_in_while_a_hook_stands_is_seen(tmp_path, comes):
    """At 1.1 s within the first shot, and at 1.6 s, well after the cut at 1.2 s."""
    cut = 30 if comes > 30 else 50
    clip = cut_clip(tmp_path, [SAND] * comes + [FACE] * (60 - comes), cut)
    early, late = (clip.survey().avoid_boxes(Crop(), cut - 1, end_s) for end_s in (comes / 25 - 0.1, 2.1))
    clip.close()
    assert early == []
    assert late


def test_a_teaser_is_looked_at_and_the_opening_in_its_place_after_it(tmp_path):
    """The face of 2.4 s is shown ahead for half a second; then comes the sand."""
    video = write_video(tmp_path / "teaser.mp4", [SAND] * 60 + [FACE] * 40, fps=25)
    shots = [Shot(0, 59, 0.0, 2.4), Shot(60, 99, 2.4, 4.0)]
    programme = Programme(0, 0.0, Stretch(60, 72, 2.4, 2.92))
    assert programme.cuts_s(shots) == pytest.approx((0.52, 2.92))
    survey = survey_programme(video, shots, None, programme)
    seen = [(view.shown_s, bool(view.faces)) for view in survey.views]
    assert [there for at_s, there in seen if at_s < 0.52] == [True, True]
    assert not any(there for at_s, there in seen if at_s >= 0.52)
    assert [timed.index for timed in survey.pictures_after_cuts(2.0)] == [62, 2]
    assert survey.views[0].picture.pts_s == pytest.approx(2.48)
