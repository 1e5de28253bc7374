"""Overlays on a scene that a camera glides over: told from labels, and masked from nothing to rest to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np
import pytest

from adcraft_resources.algorithms.frame_memory import FrameMemory
from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.mask_spans import spans_of_life
from adcraft_resources.algorithms.scene_alignment import SceneAlignment, aligned_crop, stray_levels
from adcraft_resources.algorithms.text_boxes import FoundQuad, order_quad
from adcraft_resources.algorithms.text_kinds import nature_of, sudden_ends
from adcraft_resources.algorithms.text_lives import TextLife
from adcraft_resources.algorithms.text_tracks import TextTracker
from adcraft_resources.algorithms.values import Frame, Mask, MaskSpan
from adcraft_tests.drawn_overlays import Sprite, caption, found, letters_quad, noisy, put, yuv
from adcraft_tests.drawn_videos import texture

SIZE = (240, 400)
CENTER = (200.0, 120.0)
WORDS = caption("NEW PRICE", 24, fill=(250, 240, 90))
CENTER_OF_BADGE = np.array([130 + (2 * 62 + 24 - 1) / 2, 45 + (2 * 62 + 24 - 1) / 2])
ROLL = cv2.getRotationMatrix2D((0, 0), -12, 1.0)[:, :2]


def camera(index: int) -> np.ndarray:
    """From the first frame to frame `index`: a slow zoom with a drift and a little roll."""
    matrix = cv2.getRotationMatrix2D(CENTER, 0.08 * index, 1 + 0.004 * index)
    matrix[:, 2] += (0.35 * index, -0.2 * index)
    return matrix


def glide(count: int, scene: Frame | None = None) -> list[Frame]:
    scene = texture(*SIZE, 8) if scene is None else scene
    flags = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REFLECT}
    return [cv2.warpAffine(scene, camera(i), SIZE[::-1], **flags).astype(np.uint8) for i in range(count)]


def carried(sprite: Sprite, x: int, y: int, index: int) -> FoundQuad:
    """Where a detector finds letters that are printed on the scene."""
    corners = np.array(letters_quad(sprite, x, y)) @ camera(index)[:, :2].T + camera(index)[:, 2]
    return FoundQuad(order_quad(corners), 0.9)


def track(
    frames: Sequence[Frame], looks: Iterable[int], seen: Callable[[int], list[FoundQuad]]
) -> list[TextLife]:
    tracker, looks, lives = TextTracker(SIZE, (), memory=50), set(looks), []
    for index, frame in enumerate(noisy(frames)):
        tracker.push(index, yuv(frame))
        if index in looks:
            tracker.see(seen(index))
            tracker.looked()
            lives += tracker.take_closed()
    return sorted(lives + tracker.finish(), key=lambda life: life.first_frame)


def mask_at(spans: Iterable[MaskSpan], frame: int) -> Mask:
    mask = np.zeros(SIZE, np.bool_)
    for span in spans:
        if span.first_frame <= frame <= span.last_frame:
            height, width = span.bitmap.shape
            mask[span.y : span.y + height, span.x : span.x + width] |= span.bitmap
    return mask


def rosette(radius: int = 62, points: int = 9) -> Sprite:
    """A pointed badge with a soft shadow and words on it."""
    side = 2 * radius + 24
    angles = np.arange(2 * points) * np.pi / points
    reach = np.where(np.arange(2 * points) % 2, 0.72, 1.0) * radius
    star = np.column_stack([side / 2 + reach * np.cos(angles), side / 2 + reach * np.sin(angles)])
    shape = np.zeros((side, side), np.uint8)
    cv2.fillPoly(shape, [np.round(star).astype(np.int32)], 255, cv2.LINE_AA)
    shadow = cv2.GaussianBlur(np.roll(shape, 5, axis=0), (0, 0), 4) * 0.5
    alpha = np.maximum(shape, shadow)
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[..., :3] = np.array([30, 90, 160]) * (shape[..., None] / np.maximum(alpha, 1)[..., None])
    rgba[..., 3] = alpha
    words = caption("HALF OFF", 18)
    x, y = (side - words.rgba.shape[1]) // 2, (side - words.rgba.shape[0]) // 2
    rgba[..., :3], _ = put(rgba[..., :3], words, x, y)
    left, top, right, bottom = words.letters
    return Sprite(rgba, (x + left, y + top, x + right, y + bottom))


def turned(sprite: Sprite, scale: float, degrees: float) -> Sprite:
    height, width = sprite.rgba.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    rgba = cv2.warpAffine(sprite.rgba, matrix, (width, height))
    return Sprite(rgba.astype(np.uint8), sprite.letters)


def test_a_frame_brought_to_another_ones_place_shows_the_same_scene() -> None:
    memory = FrameMemory(30, ())
    for index, frame in enumerate(noisy(glide(25))):
        memory.push(index, yuv(frame))
    transform = SceneAlignment(memory).between(2, 22)
    assert transform is not None
    box = (60, 40, 340, 200)
    scene, known = aligned_crop(memory.picture(2), box, transform)
    shown = yuv(noisy(glide(25))[22])
    assert known.all()
    assert float(np.percentile(stray_levels(scene, crop_yuv(shown, box)), 99)) < 8
    assert float(np.percentile(stray_levels(crop_yuv(memory.picture(2), box), crop_yuv(shown, box)), 90)) > 12


def test_frames_of_different_shots_are_not_aligned() -> None:
    memory = FrameMemory(30, (5,))
    for index, frame in enumerate(glide(8)):
        memory.push(index, yuv(frame))
    assert SceneAlignment(memory).between(2, 7) is None


def test_print_on_a_slowly_zooming_scene_is_a_label_and_a_caption_on_it_is_not() -> None:
    printed, _ = put(texture(*SIZE, 8), WORDS, 60, 60)
    shown = caption("read this", 24, outline=2)
    frames = [put(frame, shown, 200, 150)[0] for frame in glide(48, printed)]
    lives = track(frames, range(0, 48, 12), lambda i: [carried(WORDS, 60, 60, i), found(shown, 200, 150)])
    kinds = {
        kind: [life for life in lives if nature_of(life, "words", 0.9, (), 0, SIZE).kind == kind]
        for kind in ("label", "overlay")
    }
    assert kinds["label"]
    assert all(life.box[0] < 150 for life in kinds["label"])
    assert kinds["overlay"]
    assert all(life.box[0] > 180 for life in kinds["overlay"])


def test_a_plate_that_slides_in_over_a_gliding_scene_is_an_overlay() -> None:
    sign = caption("just in", 24, fill=(250, 250, 250), plate=(16, 16, 20))

    def place(i: int) -> int:
        return 140 - round(110 * max(0.0, 1 - (i - 8) / 8) ** 3)

    frames = [put(f, sign, place(i), 90)[0] if i >= 8 else f for i, f in enumerate(glide(48))]
    lives = track(frames, range(0, 48, 12), lambda i: [found(sign, place(i), 90)] if i >= 8 else [])
    assert lives
    assert all(nature_of(life, "just in", 0.9, (), 0, SIZE).kind == "overlay" for life in lives)


@pytest.fixture(scope="module")
def badge() -> tuple[list[TextLife], list[Mask]]:
    """A badge that spins in with an overshoot, stands, and fades away, over a gliding scene."""
    sprite, frames, truth = rosette(), [], []
    for index, frame in enumerate(glide(56)):
        share, left = (index - 11) / 8, (44 - index) / 4
        if share <= 0 or left <= 0:
            frames.append(frame)
            truth.append(np.zeros(SIZE, np.bool_))
            continue
        size = 1.0 if share >= 1 else 0.4 + 0.75 * share - 0.15 * share**2
        turn = -12 - 20 * max(0.0, 1 - share)
        shown, covered = put(frame, turned(sprite, size, turn), 130, 45, min(1.0, 2 * share, left))
        frames.append(shown)
        truth.append(covered)
    words = order_quad((np.array(letters_quad(sprite, 130, 45)) - CENTER_OF_BADGE) @ ROLL.T + CENTER_OF_BADGE)
    return track(frames, range(0, 56, 8), lambda i: [FoundQuad(words, 0.9)] if 19 <= i < 42 else []), truth


def test_a_badge_is_masked_with_its_points_and_shadow_while_it_spins_in_and_at_rest(badge) -> None:
    lives, truth = badge
    spans = [span for life in lives for span in spans_of_life(life, SIZE)]
    for frame in range(13, 44):
        mask = mask_at(spans, frame)
        assert float(mask[truth[frame]].mean()) > 0.97, frame
        near = cv2.dilate(truth[frame].astype(np.uint8), np.ones((25, 25))) > 0
        assert float(near[mask].mean()) > (0.9 if frame >= 19 else 0.6), frame


def test_frames_before_and_after_the_badge_are_left_alone_and_its_ends_are_known(badge) -> None:
    lives, _ = badge
    spans = [span for life in lives for span in spans_of_life(life, SIZE)]
    assert not any(mask_at(spans, frame).any() for frame in (*range(9), *range(48, 56)))
    first = min(lives, key=lambda life: life.first_frame)
    assert sudden_ends(first, SIZE)[0]


def propeller(side: int = 64) -> Sprite:
    """Two thin crossed blades: a picture that hardly fills its hull."""
    rgba = np.zeros((side, side, 4), np.uint8)
    for a, b in (((6, 12), (side - 7, side - 13)), ((12, side - 9), (side - 12, 9))):
        cv2.line(rgba, a, b, (20, 20, 20, 255), 13, cv2.LINE_AA)
        cv2.line(rgba, a, b, (240, 60, 140, 255), 8, cv2.LINE_AA)
    return Sprite(rgba, (0, 0, side, side))


def stickers_of(frames: Sequence[Frame]) -> list[tuple[int, int, tuple[MaskSpan, ...]]]:
    tracker, found_ = TextTracker(SIZE, (), memory=50), []
    for index, frame in enumerate(noisy(frames)):
        tracker.push(index, yuv(frame))
        if index % 12 == 0 or index == len(frames) - 1:
            tracker.see([])
            tracker.looked()
            found_ += tracker.stickers.take()
    return found_ + tracker.stickers.take(everything=True)


def test_a_sticker_that_bounces_in_and_rocks_on_a_gliding_scene_is_masked_to_its_end() -> None:
    frames, truth = [], []
    for index, frame in enumerate(glide(64)):
        share, here = (index - 15) / 6, 14 <= index - 1 < 50
        size = min(1.1, max(0.4, 0.4 + 0.7 * share)) if share < 1.2 else 1.0
        turn = 9 * np.sin(index / 4)
        shown, covered = put(frame, turned(propeller(), size, turn), 270, 60, 1.0 if here else 0.0)
        frames.append(shown)
        truth.append(covered & here)
    ((first, last, spans),) = stickers_of(frames)
    shown_in = [index for index in range(64) if truth[index].any()]
    assert abs(first - shown_in[0]) <= 1
    assert abs(last - shown_in[-1]) <= 1
    for frame in shown_in[1:]:
        assert float(mask_at(spans, frame)[truth[frame]].mean()) > 0.97, frame


def test_a_thing_that_comes_in_from_the_side_of_a_gliding_scene_is_no_sticker() -> None:
    ball = turned(propeller(), 0.8, 30)
    frames = [put(f, ball, min(400 - 7 * i, 400), 100)[0] for i, f in enumerate(glide(40))]
    assert stickers_of(frames) == []


def test_a_gliding_scene_alone_has_no_stickers() -> None:
    assert stickers_of(glide(40)) == []


def test_a_caption_that_fades_in_after_a_cut_does_not_begin_before_it() -> None:
    sign = caption("after the cut", 24, outline=2)
    other = texture(*SIZE, 21)
    frames = [*glide(20, other), *glide(44)]
    for index in range(24, 64):
        frames[index] = put(frames[index], sign, 120, 150, min(1.0, (index - 23) / 5))[0]
    tracker, lives = TextTracker(SIZE, (20,), memory=50), []
    for index, frame in enumerate(noisy(frames)):
        tracker.push(index, yuv(frame))
        if index % 12 == 0:
            tracker.see([found(sign, 120, 150)] if index >= 28 else [])
            tracker.looked()
    lives = tracker.take_closed() + tracker.finish()
    assert [24 <= life.first_frame <= 25 for life in lives] == [True]
    assert sudden_ends(lives[0], SIZE)[0]
