"""The whole remover on little ads with drawn truth: scripts no reader knows, odd forms of text, odd footage."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from adcraft_resources.video_codecs import probe_video
from adcraft_tests.drawn_ads import (
    Outcome,
    Shown,
    characters,
    glide,
    grainy,
    handwriting,
    heart,
    lay,
    letters,
    remove,
    rest,
    upright,
)
from adcraft_tests.drawn_overlays import Sprite, disc

COUNT = 40
PART = {"first": 9, "last": 31}  # a life that other frames of the shot show the scene of
SALE, ORDER = (
    letters("Summer sale", 30, outline=2),
    letters("Order today", 22, fill=(20, 20, 20), plate=(250, 250, 250)),
)
LINES = "Everything you\nneed to know\nabout this cup\nin one place\nbefore it cools"


def cleaned(folder: Path, frames: list[np.ndarray], *overlays: Shown, **form: object) -> Outcome:
    return remove(folder, frames, *lay(frames, overlays), **form)


def assert_gone(outcome: Outcome, psnr: float) -> None:
    assert outcome.recall >= 0.98
    assert outcome.psnr >= max(psnr, outcome.before + 5)


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("Arabic", "عرض اليوم فقط"),
        ("Hebrew", "מבצע מיוחד היום"),
        ("Devanagari", "आज ही खरीदें"),
        ("Khmer", "បញ្ចុះតម្លៃ"),
        ("Cyrillic", "Только сегодня"),
    ],
)
def test_a_script_no_reader_knows_is_removed_where_the_camera_moves(tmp_path: Path, script, text) -> None:
    words = letters(text, 26, script=script, outline=2)
    assert_gone(cleaned(tmp_path, glide("coffee", COUNT), Shown(words, 110, **PART)), 31)


def test_pale_letters_no_reader_knows_are_removed_where_they_come_at_once(tmp_path: Path) -> None:
    pale = [(frame // 5 + 190).astype(np.uint8) for frame in rest("astronaut", COUNT)]
    words = letters("ลดราคาวันนี้", 26, script="Thai")
    assert_gone(cleaned(tmp_path, pale, Shown(words, 110, **PART)), 36)


@pytest.mark.parametrize(
    ("sprite", "place"),
    [
        (lambda: characters("日田王中", 26), {"y": 110}),
        (lambda: characters("日田王中目", 26, column=True), {"y": 120, "x": 195}),
        (lambda: upright(letters("LIMITED OFFER", 26, outline=2)), {"y": 120, "x": 30}),
        (lambda: handwriting("Love this cup"), {"y": 110}),
    ],
    ids=["characters", "column", "upright", "handwriting"],
)
def test_text_of_another_form_is_removed(
    tmp_path: Path, sprite: Callable[[], Sprite], place: dict[str, int]
) -> None:
    assert_gone(cleaned(tmp_path, glide("coffee", COUNT), Shown(sprite(), **place, **PART)), 31)


def test_white_letters_on_white_are_removed(tmp_path: Path) -> None:
    white = [(225 + (frame.astype(int) - 128) // 9).astype(np.uint8) for frame in glide("cat-card", COUNT)]
    assert_gone(cleaned(tmp_path, white, Shown(letters("pure & gentle", 30), 110, **PART)), 40)


def test_huge_letters_are_removed(tmp_path: Path) -> None:
    huge = letters("HUGE\nSALE\nNOW", 88, outline=3, pad=4)
    outcome = cleaned(tmp_path, glide("cat-card", COUNT), Shown(huge, 80, **PART))
    assert_gone(outcome, 30)


@pytest.mark.parametrize("ground", ["dark", "alike"])
def test_a_plate_under_many_lines_is_removed_whole(tmp_path: Path, ground: str) -> None:
    frames = glide("coffee", COUNT)
    if ground == "alike":
        frames = [(frame // 6 + 175).astype(np.uint8) for frame in frames]
    sign = letters(LINES, 25, fill=(20, 20, 20), plate=(250, 248, 240), pad=22, spacing=18)
    outcome = cleaned(tmp_path, frames, Shown(sign, 120))
    assert float(outcome.truth[0].mean()) > 0.4  # of the picture
    assert outcome.recall >= 0.98
    assert outcome.precision >= 0.85


def test_text_over_cuts_is_removed(tmp_path: Path) -> None:
    frames = [*glide("coffee", 14), *glide("rocket", 10), *glide("astronaut", 16)]
    assert_gone(cleaned(tmp_path, frames, Shown(SALE, 110, 6, 33)), 20)


def test_sixty_frames_a_second_are_cleaned_frame_by_frame(tmp_path: Path) -> None:
    frames = glide("coffee", 72, zoom=0.0015, drift=0.25)
    outcome = cleaned(tmp_path, frames, Shown(SALE, 110, 20, 55), fps=60)
    assert len(outcome.pictures) == 72
    (track,) = outcome.tracks.overlays
    assert (track.first_frame, track.last_frame) == (20, 55)
    assert_gone(outcome, 32)


def test_interlaced_fields_are_cleaned_as_they_are_shown(tmp_path: Path) -> None:
    fields = glide("coffee", 2 * COUNT, (480, 480), zoom=0.001, drift=0.8)
    shown, truth = lay(fields, [Shown(SALE, 110, 18, 65)])

    def woven(pictures: list[np.ndarray]) -> list[np.ndarray]:
        rows = np.arange(480)[:, None, None] % 2 == 0
        return [np.where(rows, pictures[k], pictures[k + 1]) for k in range(0, 2 * COUNT, 2)]

    either = [truth[k] | truth[k + 1] for k in range(0, 2 * COUNT, 2)]
    assert_gone(remove(tmp_path, woven(fields), woven(shown), either, interlaced=True), 32)


def test_anamorphic_pictures_are_cleaned_in_their_shown_shape(tmp_path: Path) -> None:
    frames = glide("coffee", COUNT)
    outcome = cleaned(tmp_path, frames, Shown(SALE, 110, **PART), sample_aspect=Fraction(3, 2))
    assert probe_video(tmp_path / "out.mp4").sample_aspect == Fraction(3, 2)
    assert_gone(outcome, 32)


def test_four_thousand_pixels_are_cleaned(tmp_path: Path) -> None:
    frames = [
        cv2.resize(f, (2160, 3840), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        for f in glide("coffee", 8, (960, 540))
    ]
    sign = letters("Order today", 170, fill=(20, 20, 20), plate=(250, 250, 250), pad=60)
    outcome = cleaned(tmp_path, frames, Shown(sign, 2700, 3))
    assert outcome.precision >= 0.85
    assert_gone(outcome, 30)


def test_a_fill_in_film_grain_carries_grain(tmp_path: Path) -> None:
    frames = grainy([frame // 2 + 60 for frame in rest("astronaut", COUNT)], 9)
    outcome = cleaned(tmp_path, frames, Shown(ORDER, 300), crf=8)
    assert outcome.recall >= 0.98
    covered = outcome.truth[0].astype(np.uint8)
    within = cv2.erode(covered, np.ones((9, 9), np.uint8)) > 0
    near, far = (cv2.dilate(covered, np.ones((side, side), np.uint8)) > 0 for side in (17, 41))
    lumas = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in outcome.pictures]
    flicker = np.stack(lumas).astype(np.float32).std(axis=0)
    assert 0.6 < flicker[within].mean() / flicker[far & ~near].mean() < 1.3


def test_dark_noisy_footage_of_a_phone_is_cleaned(tmp_path: Path) -> None:
    dark = grainy([frame // 6 + 6 for frame in glide("astronaut", COUNT)], 5)
    grey = letters("Summer sale", 30, fill=(120, 120, 120))
    assert_gone(cleaned(tmp_path, dark, Shown(grey, 110, **PART), crf=23), 29)


@pytest.mark.parametrize(
    ("camera", "sprite", "life"),
    [
        (glide, heart, (12, 31)),
        (glide, disc, (0, 27)),
        (glide, heart, (14, -1)),
        (rest, heart, (0, 27)),
        (rest, disc, (12, 31)),
    ],
)
def test_a_sticker_that_comes_or_goes_is_removed(tmp_path: Path, camera, sprite, life) -> None:
    frames = camera("coffee" if camera is glide else "astronaut", COUNT)
    assert_gone(cleaned(tmp_path, frames, Shown(sprite(56), 90, *life, x=180)), 34)
