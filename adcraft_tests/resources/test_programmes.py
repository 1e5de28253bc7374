"""Where an ad opens: a better start within its first second, a later moment ahead of it, sound that goes along."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.algorithms.values import Shot
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.programmes import Programme, Stretch, choose_programme
from adcraft_resources.video_codecs import (
    CodedSound,
    DeliveryWriter,
    VideoReader,
    audio_offset_ms,
    shown_at_constant_rate,
)
from adcraft_tests.drawn_videos import Sound, clicks, flashes, sync_offsets_ms, take, write_video

FPS = 30
FRAMES = 120
CUT = 75
SHOTS = [Shot(0, CUT - 1, 0.0, CUT / FPS), Shot(CUT, FRAMES - 1, CUT / FPS, FRAMES / FPS)]
SIZE = (192, 128)


def faded_in(dark):
    """A take that comes up from black over `dark` frames."""
    frames = take(FRAMES, size=SIZE, seed=3)
    return [np.asarray(frame * min(1.0, at / dark), np.uint8) for at, frame in enumerate(frames)]


def plain(contrast=0.15):
    """A grey take, and after the cut a full one."""
    first = [np.asarray(118 + (frame - 118.0) * contrast, np.uint8) for frame in take(CUT, size=SIZE, seed=5)]
    return first + take(FRAMES - CUT, size=SIZE, seed=6)


@pytest.fixture(scope="module")
def fading(tmp_path_factory):
    sound = Sound(clicks(FRAMES / FPS, [1.0, 2.0, 3.0]))
    return write_video(tmp_path_factory.mktemp("fade") / "a.mp4", faded_in(18), FPS, sound=sound)


@pytest.fixture(scope="module")
def striking_later(tmp_path_factory):
    sound = Sound(clicks(FRAMES / FPS, [1.0, 2.0, 3.0]))
    return write_video(tmp_path_factory.mktemp("later") / "a.mp4", plain(), FPS, sound=sound)


def deliver(video, programme, out):
    """Write what a programme shows, as renderers do."""
    sound = programme.sound_of(video)
    with VideoReader(video) as reader:
        facts = reader.facts
        with DeliveryWriter(
            out,
            width=facts.width,
            height=facts.height,
            fps=Fraction(FPS),
            audio_source=None if sound is None else CodedSound(sound),
        ) as writer:
            count = 0
            for timed in shown_at_constant_rate(programme.pictures(reader), Fraction(FPS)):
                writer.write(timed.picture)
                count += 1
    return count


def test_an_ad_that_fades_in_begins_where_something_is_seen(fading):
    programme = choose_programme(fading, SHOTS, FirstFrameSettings())
    assert 9 <= programme.start_frame <= FPS
    assert programme.start_s == pytest.approx(programme.start_frame / FPS)
    assert programme.teaser is None


@pytest.mark.parametrize("settings", [{"start_within_s": 0}, {"enabled": False}])
def test_it_begins_at_its_first_picture_where_that_is_asked_for(fading, settings):
    assert choose_programme(fading, SHOTS, FirstFrameSettings(**settings)) == Programme()


def test_an_ad_that_opens_well_begins_at_its_first_picture(tmp_path):
    video = write_video(tmp_path / "a.mp4", take(FRAMES, size=SIZE, seed=3), FPS)
    assert choose_programme(video, SHOTS, FirstFrameSettings()) == Programme()


def test_scores_of_a_model_have_a_say(tmp_path):
    video = write_video(tmp_path / "a.mp4", take(FRAMES, size=SIZE, seed=3), FPS)
    chosen = choose_programme(
        video, SHOTS, FirstFrameSettings(), lambda shown: [float(at == 2) for at in range(len(shown))]
    )
    assert chosen.start_frame == 12


def test_it_never_begins_after_the_first_cut(tmp_path):
    video = write_video(tmp_path / "a.mp4", faded_in(18), FPS)
    shots = [Shot(0, 5, 0, 0.2), Shot(6, FRAMES - 1, 0.2, 4)]
    assert choose_programme(video, shots, FirstFrameSettings()).start_frame <= 5


def test_sound_is_cut_with_the_pictures(tmp_path):
    """White frames and clicks at 1, 2 and 3 s stay together when 0.4 s are left out in front."""
    video = write_video(
        tmp_path / "sync.mp4",
        flashes(FRAMES, [30, 60, 90], size=SIZE),
        FPS,
        sound=Sound(clicks(4, [1, 2, 3])),
    )
    programme = Programme(12, 0.4)
    assert deliver(video, programme, tmp_path / "out.mp4") == FRAMES - 12
    offsets = sync_offsets_ms(tmp_path / "out.mp4")
    assert len(offsets) == 3
    assert max(map(abs, offsets)) <= 10
    assert audio_offset_ms(programme.sound_of(video), tmp_path / "out.mp4") == pytest.approx(0, abs=1)


def test_the_strongest_later_moment_is_shown_ahead_with_its_sound(striking_later, tmp_path):
    settings = FirstFrameSettings(teaser_s=0.8, start_within_s=0)
    programme = choose_programme(striking_later, SHOTS, settings)
    teaser = programme.teaser
    assert teaser is not None
    assert CUT <= teaser.first_frame < teaser.last_frame <= FRAMES - 1
    assert teaser.length_s == pytest.approx(0.8, abs=0.001)
    assert deliver(striking_later, programme, tmp_path / "out.mp4") == FRAMES + 24
    with VideoReader(striking_later) as reader, VideoReader(tmp_path / "out.mp4") as shown:
        source = [timed.picture.y.astype(int) for timed in reader.pictures()]
        found = [timed.picture.y.astype(int) for timed in shown.pictures()]
    expected = [*source[teaser.first_frame : teaser.last_frame + 1], *source]
    assert max(np.abs(a - b).mean() for a, b in zip(found, expected, strict=True)) < 4
    assert audio_offset_ms(programme.sound_of(striking_later), tmp_path / "out.mp4") == pytest.approx(
        0, abs=1
    )


def test_without_a_later_moment_that_is_better_there_is_no_teaser(tmp_path):
    worse = take(CUT, size=SIZE, seed=6) + [np.full((*SIZE, 3), 90, np.uint8)] * (FRAMES - CUT)
    video = write_video(tmp_path / "a.mp4", worse, FPS)
    assert choose_programme(video, SHOTS, FirstFrameSettings(teaser_s=1)).teaser is None


def test_no_teaser_is_cut_across_shots(striking_later):
    shots = [Shot(at, at + 14, at / FPS, (at + 15) / FPS) for at in range(0, FRAMES, 15)]
    assert choose_programme(striking_later, shots, FirstFrameSettings(teaser_s=1)).teaser is None


def test_joins_of_sound_are_quiet(striking_later):
    programme = Programme(0, 0.0, Stretch(80, 103, 80 / FPS, 104 / FPS))
    line = np.concatenate(list(programme.sound_of(striking_later).blocks()), axis=1)
    join = round(0.8 * 48000)
    assert np.abs(line[:, join - 2 : join + 2]).max() < 0.01


@given(
    start=st.floats(0, 1),
    teaser=st.none() | st.tuples(st.floats(2, 5), st.floats(0.2, 2)),
    spans=st.lists(st.tuples(st.floats(0, 8), st.floats(0.1, 3)), max_size=5),
)
def test_spans_shown_lie_within_the_programme_and_keep_their_length(start, teaser, spans):
    stretch = None if teaser is None else Stretch(0, 0, teaser[0], teaser[0] + teaser[1])
    programme = Programme(0, start, stretch)
    asked = [(begin, min(12.0, begin + length)) for begin, length in spans]
    shown = programme.shown_spans(asked)
    assert all(0 <= a < b <= programme.length_s(12.0) + 1e-6 for a, b in shown)
    kept = sum(max(0.0, b - max(a, start)) for a, b in asked)
    ahead = 0.0
    if stretch is not None:
        ahead = sum(max(0.0, min(b, stretch.end_s) - max(a, stretch.start_s)) for a, b in asked)
    assert math.isclose(sum(b - a for a, b in shown), kept + ahead, abs_tol=1e-6)


@pytest.mark.parametrize("teaser", [None, Stretch(80, 103, 2.5, 3.3)])
def test_it_is_read_back_from_a_variants_figures(teaser):
    programme = Programme(6, 0.2, teaser)
    assert Programme.of_variant({"first_frame": {"programme": programme.to_dict()}}) == programme
    assert Programme.of_variant({"first_frame": {}}) == Programme()
