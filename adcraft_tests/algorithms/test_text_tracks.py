from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from adcraft_resources.algorithms.text_kinds import moves_with_scene, nature_of, sudden_ends
from adcraft_resources.algorithms.text_lives import TextLife
from adcraft_resources.algorithms.text_tracks import TextTracker
from adcraft_tests.drawn_overlays import caption, disc, found, noisy, put, yuv
from adcraft_tests.drawn_videos import take, texture

SIZE = (180, 320)
HELLO = caption("Hello there", 26, outline=2)
X, Y = 70, 90


def track(
    frames: list[np.ndarray],
    looks: Iterable[int],
    seen: Callable[[int], list],
    *,
    cuts: Iterable[int] = (),
) -> list[TextLife]:
    tracker = TextTracker(SIZE, cuts, memory=60)
    looks, lives = set(looks), []
    for index, frame in enumerate(noisy(frames)):
        tracker.push(index, yuv(frame))
        if index in looks:
            tracker.see(seen(index))
            tracker.looked()
            lives += tracker.take_closed()
    return sorted(lives + tracker.finish(), key=lambda life: life.first_frame)


def still_scene(count: int, seed: int = 3) -> list[np.ndarray]:
    return [texture(*SIZE, seed)] * count


def moving_scene(count: int, seed: int = 4) -> list[np.ndarray]:
    return take(count, size=SIZE, seed=seed, speed=2.0)


@pytest.mark.parametrize("scene", [still_scene, moving_scene])
def test_a_caption_found_in_mid_life_gets_its_exact_first_and_last_frame(scene: Callable) -> None:
    frames = [put(f, HELLO, X, Y)[0] if 7 <= i <= 32 else f for i, f in enumerate(scene(45))]
    (life,) = track(frames, range(0, 45, 12), lambda i: [found(HELLO, X, Y)] if 7 <= i <= 32 else [])
    assert (life.first_frame, life.last_frame) == (7, 32)
    assert not life.poses


def test_captions_that_follow_one_another_at_one_place_are_parted_at_the_frame() -> None:
    other = caption("Good night", 26, outline=2)
    shown = [HELLO if i < 19 else other for i in range(40)]
    frames = [put(f, shown[i], X, Y)[0] for i, f in enumerate(still_scene(40))]
    lives = track(frames, range(0, 40, 12), lambda i: [found(shown[i], X, Y)])
    assert [(life.first_frame, life.last_frame) for life in lives] == [(0, 18), (19, 39)]


def test_a_fade_belongs_to_the_life() -> None:
    def strength(i: int) -> float:
        return float(np.clip(min(i - 9, 37 - i) / 8, 0, 1))

    frames = [put(f, HELLO, X, Y, strength(i))[0] for i, f in enumerate(still_scene(48))]
    (life,) = track(frames, range(0, 48, 12), lambda i: [found(HELLO, X, Y)] if strength(i) > 0.5 else [])
    assert 8 <= life.first_frame <= 10
    assert 36 <= life.last_frame <= 38
    assert life.settled_first >= 13


def test_a_text_first_seen_half_faded_is_one_life() -> None:
    def strength(i: int) -> float:
        return float(np.clip((i - 9) / 8, 0, 1))

    frames = [put(f, HELLO, X, Y, strength(i))[0] for i, f in enumerate(still_scene(48))]
    lives = track(frames, range(2, 48, 12), lambda i: [found(HELLO, X, Y)] if strength(i) > 0.5 else [])
    assert len(lives) == 1
    assert 8 <= lives[0].first_frame <= 10
    assert lives[0].last_frame == 47


def test_a_sliding_caption_is_followed_pixel_by_pixel() -> None:
    def place(i: int) -> int:
        return X - max(0, 18 - i) * 5

    frames = [put(f, HELLO, place(i), Y)[0] if i >= 8 else f for i, f in enumerate(moving_scene(40))]
    (life,) = track(frames, [0, 24, 36], lambda i: [found(HELLO, X, Y)] if i >= 8 else [])
    assert life.first_frame == 8
    for frame in range(8, 18):
        assert abs(life.poses[frame].dx - (place(frame) - X)) <= 1
    assert 20 not in life.poses


def test_a_caption_that_slides_over_the_rim_is_covered_while_it_is_cut_off() -> None:
    def place(i: int) -> int:
        return X - max(0, 14 - i) * 32

    frames = [put(f, HELLO, place(i), Y)[0] if place(i) > -170 else f for i, f in enumerate(moving_scene(40))]
    (life,) = track(frames, [0, 20, 32], lambda i: [found(HELLO, X, Y)] if i >= 14 else [])
    shown = next(i for i in range(40) if place(i) + HELLO.rgba.shape[1] > 4)
    assert place(shown) < -60
    assert life.first_frame <= shown
    assert abs(life.poses[life.first_frame].dx - (place(life.first_frame) - X)) <= 32
    assert sudden_ends(life, SIZE)[0]


def test_a_text_that_comes_at_once_and_fades_out_is_told_so() -> None:
    def strength(i: int) -> float:
        return float(np.clip((37 - i) / 8, 0, 1)) if i >= 9 else 0.0

    frames = [put(f, HELLO, X, Y, strength(i))[0] for i, f in enumerate(still_scene(48))]
    (life,) = track(frames, range(0, 48, 12), lambda i: [found(HELLO, X, Y)] if strength(i) > 0.5 else [])
    assert sudden_ends(life, SIZE) == (True, False)


def test_letters_cut_out_of_a_pop_make_room_for_those_at_rest() -> None:
    sizes = {10: 0.4, 11: 0.75, 12: 1.15, 13: 1.08}
    frames = []
    for i, frame in enumerate(still_scene(50)):
        sprite = HELLO.at_size(sizes.get(i, 1.0))
        grow = [(a - b) // 2 for a, b in zip(HELLO.rgba.shape[:2], sprite.rgba.shape[:2], strict=True)]
        frames.append(put(frame, sprite, X + grow[1], Y + grow[0])[0] if i >= 10 else frame)
    large = HELLO.at_size(1.08)
    seen = {13: [found(large, X - 6, Y - 2)]}
    (life,) = track(frames, [0, 13, 25, 37], lambda i: seen.get(i, [found(HELLO, X, Y)] if i > 13 else []))
    assert life.first_frame <= 11
    assert life.last_frame == 49
    assert 30 not in life.poses


def test_a_pop_with_overshoot_is_covered_from_its_first_frame() -> None:
    sizes = {10: 0.5, 11: 0.8, 12: 1.1, 13: 1.05}
    frames = []
    for i, frame in enumerate(still_scene(36)):
        if i < 10:
            frames.append(frame)
            continue
        sprite = HELLO.at_size(sizes.get(i, 1.0))
        grow = [(a - b) // 2 for a, b in zip(HELLO.rgba.shape[:2], sprite.rgba.shape[:2], strict=True)]
        frames.append(put(frame, sprite, X + grow[1], Y + grow[0])[0])
    (life,) = track(frames, [0, 20, 32], lambda i: [found(HELLO, X, Y)] if i >= 14 else [])
    assert life.first_frame <= 11
    assert life.poses[11].scale == pytest.approx(0.8, abs=0.1)


def test_a_caption_lives_on_over_a_cut() -> None:
    frames = [put(f, HELLO, X, Y)[0] for f in still_scene(20, 1) + still_scene(20, 2)]
    (life,) = track(frames, range(0, 40, 12), lambda i: [found(HELLO, X, Y)], cuts=[20])
    assert (life.first_frame, life.last_frame) == (0, 39)


def test_a_word_between_two_looks_is_looked_for_and_found() -> None:
    words = [caption(w, 26, outline=2) for w in ("first", "second", "third")]
    shown = [words[0]] * 8 + [words[1]] * 8 + [words[2]] * 9
    tracker = TextTracker(SIZE, (), memory=60)
    for i, frame in enumerate(still_scene(25)):
        tracker.push(i, yuv(put(frame, shown[i], X, Y)[0]))
        if i in (0, 24):
            tracker.see([found(shown[i], X, Y)])
            for frame_index, _ in tracker.gaps():
                tracker.look_back(frame_index, [found(shown[frame_index], X, Y)])
            tracker.looked()
    spans = sorted((life.first_frame, life.last_frame) for life in tracker.finish())
    assert spans == [(0, 7), (8, 15), (16, 24)]


def label_life(speed: float, text_speed: float) -> TextLife:
    world = texture(SIZE[0], SIZE[1] + 220, 9)
    frames = []
    for i in range(36):
        window = world[:, round(speed * i) : round(speed * i) + SIZE[1]].copy()
        frames.append(put(window, HELLO, X + 60 - round(text_speed * i), Y)[0])
    lives = track(frames, range(0, 36, 6), lambda i: [found(HELLO, X + 60 - round(text_speed * i), Y)])
    return max(lives, key=lambda life: life.last_frame - life.first_frame)


def test_text_that_moves_with_the_scene_is_a_label() -> None:
    life = label_life(3.0, 3.0)
    assert moves_with_scene(life)
    nature = nature_of(life, "Hello there", 0.99, (), 0, SIZE)
    assert nature is not None
    assert (nature.kind, nature.motion) == ("label", "scene")


def test_text_that_moves_against_the_scene_is_an_overlay() -> None:
    life = label_life(3.0, -2.0)
    assert not moves_with_scene(life)
    nature = nature_of(life, "Hello there", 0.99, (), 0, SIZE)
    assert nature is not None
    assert nature.kind == "overlay"


def test_protected_text_is_a_label_and_the_reason_names_the_pattern() -> None:
    frames = [put(f, HELLO, X, Y)[0] for f in still_scene(20)]
    (life,) = track(frames, [0, 12], lambda i: [found(HELLO, X, Y)])
    nature = nature_of(life, "Hello there", 0.99, ["(?i)hello"], 0, SIZE)
    assert nature is not None
    assert nature.kind == "label"
    assert "(?i)hello" in nature.reason


def test_an_emoji_that_pops_up_on_a_calm_scene_is_followed_to_its_end() -> None:
    face = disc(36)
    frames = [put(f, face, 200, 40)[0] if 12 <= i <= 33 else f for i, f in enumerate(still_scene(48))]
    (life,) = track(frames, range(0, 48, 12), lambda i: [])
    assert life.picture
    assert (life.first_frame, life.last_frame) == (12, 33)


def test_a_thing_that_moves_through_the_scene_is_no_picture() -> None:
    face = disc(36)
    frames = [put(f, face, 10 + 4 * min(i, 20), 40)[0] for i, f in enumerate(still_scene(48))]
    assert track(frames, range(0, 48, 12), lambda i: []) == []


def test_an_emoji_that_pops_in_with_a_caption_is_found_beside_it() -> None:
    face, x, y = disc(40), 130, 82
    sizes = {10: 0.5, 11: 0.8, 12: 1.1}
    frames = []
    for i, frame in enumerate(moving_scene(48)):
        sprite = face.at_size(sizes.get(i, 1.0))
        side = (40 - sprite.rgba.shape[0]) // 2
        shown = put(put(frame, HELLO, X, 30)[0], sprite, x + side, y + side)[0]
        frames.append(shown if i >= 10 else frame)
    lives = track(frames, range(0, 48, 12), lambda i: [found(HELLO, X, 30)] if i >= 10 else [])
    (emoji,) = [life for life in lives if life.picture]
    assert (emoji.first_frame, emoji.last_frame) == (10, 47)
    left, top, right, bottom = emoji.box
    assert left <= x < x + 40 <= right
    assert top <= y < y + 40 <= bottom


def test_a_ticker_is_followed_along_its_bar() -> None:
    words = caption("Fresh pasta every evening", 22)
    frames = []
    for i, frame in enumerate(moving_scene(30)):
        barred = frame.copy()
        barred[110:156] = (180, 20, 30)
        frames.append(put(barred, words, 40 - 3 * i, 112)[0])
    lives = track(frames, range(0, 30, 10), lambda i: [found(words, 40 - 3 * i, 112)])
    life = max(lives, key=lambda item: item.last_frame - item.first_frame)
    assert life.moving
    assert (life.first_frame, life.last_frame) == (0, 29)
    assert life.bar is not None
    assert life.bar[0] == 0
    assert life.bar[2] == SIZE[1]
    assert abs(life.bar[1] - 110) <= 2
    assert abs(life.bar[3] - 156) <= 2


def test_a_plate_that_ends_on_the_screen_is_no_bar() -> None:
    plated = caption("Hello there", 26, plate=(20, 40, 160))
    (life,) = track(
        [put(f, plated, X, Y)[0] for f in still_scene(14)], [0, 12], lambda i: [found(plated, X, Y)]
    )
    assert life.bar is None
