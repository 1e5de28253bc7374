"""Variants rendered while later looks are still made: at the same time, to the same bytes, and ended together."""

import threading
from fractions import Fraction

import cv2
import numpy as np
import pytest

from adcraft_resources.algorithms.looks import Look, RefusedLook
from adcraft_resources.algorithms.values import Shot
from adcraft_resources.errors import VideoUnwritable
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.variant_flow import render_as_developed
from adcraft_resources.variant_renderer import render_variants
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import DeliveryWriter, yuv_of

SIZE = (320, 180)
FRAMES = 30
SHOTS = [Shot(0, FRAMES - 1, 0.0, 1.0)]
WAIT_S = 30


class Brighter(Look):
    """Adds a little light; slow in being made sure of, so several frames may be worked on."""

    costly = True

    def __init__(self, by, *, breaks=False):
        self.by, self.breaks, self.seen = by, breaks, threading.Event()

    def apply(self, frame, index, pts_s):
        return cv2.add(frame, self.by)

    def finish(self, frame, index):
        return frame

    def apply_yuv(self, picture, index, pts_s):
        self.seen.set()
        if self.breaks and index == 10:
            raise VideoUnwritable("The look broke.")
        return type(picture)(cv2.add(picture.y, self.by), picture.u, picture.v, "bt709", "limited")

    def finish_yuv(self, picture, index):
        return picture


def draw(index):
    frame = np.full((*SIZE, 3), 110, np.uint8)
    frame += (np.linspace(0, 40, SIZE[0])[:, None, None]).astype(np.uint8)
    cv2.circle(frame, (40 + 3 * index, 200), 24, (220, 80, 30), -1)
    return frame


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("cleaned") / "cleaned.mp4"
    with DeliveryWriter(
        path, width=SIZE[1], height=SIZE[0], fps=Fraction(30), audio_source=None, crf=10
    ) as writer:
        for index in range(FRAMES):
            writer.write(yuv_of(draw(index)))
    return path


PLANS = [
    VariantPlan(
        name, "plain", 7, HookSet("h1", f"Glow {name}", "", "", "en", "template", "p"), "plate", "punchy"
    )
    for name in ("a", "b", "c")
]


def options(folder):
    for plan in PLANS:
        (folder / plan.id).mkdir(parents=True)
    return {
        "shots": SHOTS,
        "folder_of": lambda plan: folder / plan.id,
        "first_frame": FirstFrameSettings(),
    }


def test_a_look_is_rendered_while_the_next_is_made(video, tmp_path):
    looks = {plan.id: Brighter(place) for place, plan in enumerate(PLANS)}
    told = []

    def developed():
        yield {"b": looks["b"]}
        assert looks["b"].seen.wait(WAIT_S), "nothing was rendered while the next look was made"
        yield {"c": looks["c"], "a": looks["a"]}

    made = render_as_developed(
        video, None, PLANS, developed(), on_frame=told.append, **options(tmp_path / "flow")
    )
    assert [one.plan.id for one in made] == ["a", "b", "c"]
    assert max(told) == FRAMES
    whole = render_variants(video, None, PLANS, looks, **options(tmp_path / "whole"))
    for one, other in zip(made, whole, strict=True):
        assert (one.folder / "video.mp4").read_bytes() == (other.folder / "video.mp4").read_bytes()
        assert {**one.figures, "timing": 0} == {**other.figures, "timing": 0}


def test_a_pass_that_fails_ends_the_others_and_the_making_of_looks(video, tmp_path):
    made, closed = [], []

    def developed():
        try:
            for plan in PLANS:
                made.append(Brighter(1, breaks=plan.id == "a"))
                yield {plan.id: made[-1]}
                made[0].seen.wait(WAIT_S)
                for thread in threading.enumerate():  # until the first pass has ended
                    if thread.name.startswith("lane a"):
                        thread.join(WAIT_S)
        finally:
            closed.append(True)

    with pytest.raises(VideoUnwritable, match="The look broke"):
        render_as_developed(video, None, PLANS, developed(), **options(tmp_path))
    assert closed
    assert not list(tmp_path.glob("*/video.mp4"))


def test_a_look_that_cannot_be_made_ends_the_passes_before_it(video, tmp_path):
    first = Brighter(1)

    def developed():
        yield {"a": first}
        first.seen.wait(WAIT_S)
        raise RuntimeError("out of memory")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="out of memory"):
        render_as_developed(video, None, PLANS, developed(), **options(tmp_path))
    assert threading.active_count() <= before + 1


def test_a_refused_plan_is_left_out_with_its_reason(video, tmp_path):
    refused = {}
    groups = iter(
        [{"a": Brighter(4), "b": RefusedLook("sexual: the prompt says 'nude'")}, {"c": RefusedLook("gore")}]
    )
    made = render_as_developed(video, None, PLANS, groups, **options(tmp_path), refused=refused)
    assert [one.plan.id for one in made] == ["a"]
    assert refused == {"b": "sexual: the prompt says 'nude'", "c": "gore"}
