from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.shots import CutDetector, choose_keyframes, propose_keyframes
from adcraft_resources.algorithms.values import Shot
from adcraft_tests.drawn_videos import montage, take, texture

SIZE = (96, 54)


def _shots(frames: list[np.ndarray], fps: float = 30) -> list[Shot]:
    detector = CutDetector()
    for index, frame in enumerate(frames):
        detector.push(index, index / fps, frame)
    return detector.finish()


def _cuts(frames: list[np.ndarray]) -> list[int]:
    return [shot.first_frame for shot in _shots(frames)][1:]


@pytest.mark.parametrize("length", [5, 9, 14])
def test_every_cut_of_a_fast_montage_is_found(length: int) -> None:
    frames = montage([length] * 12, size=SIZE)
    assert _cuts(frames) == list(range(length, 12 * length, length))


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(6, 25), min_size=1, max_size=6), st.integers(0, 10**6))
def test_cuts_are_found_wherever_they_lie(lengths: list[int], seed: int) -> None:
    assert _cuts(montage(lengths, size=SIZE, seed=seed)) == np.cumsum(lengths)[:-1].tolist()


@pytest.mark.parametrize("size", [(54, 96), (64, 64), (180, 100)])
def test_any_shape_and_size_of_thumbnail_serves(size: tuple[int, int]) -> None:
    assert _cuts(montage([12, 9, 15], size=size, seed=5)) == [12, 21]


def test_dark_takes_are_cut_too() -> None:
    frames = [(frame // 7).astype(np.uint8) for frame in montage([12, 12, 12], size=SIZE, seed=2)]
    assert _cuts(frames) == [12, 24]


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("level", [255, 0])
def test_a_flash_is_no_cut(length: int, level: int) -> None:
    frames = take(40, size=SIZE)
    frames[20 : 20 + length] = [np.full_like(frames[0], level)] * length
    assert _cuts(frames) == []


def test_a_burst_of_flashes_is_no_cut() -> None:
    frames = take(40, size=SIZE)
    for at in (15, 17, 19, 22):
        frames[at] = np.clip(frames[at].astype(int) + 150, 0, 255).astype(np.uint8)
    assert _cuts(frames) == []


def test_a_flash_over_a_cut_hides_it_no_further_than_itself() -> None:
    frames = montage([20, 20], size=SIZE)
    frames[19] = np.full_like(frames[0], 255)
    frames[20] = np.full_like(frames[0], 255)
    cuts = _cuts(frames)
    assert len(cuts) == 1
    assert 19 <= cuts[0] <= 21


@pytest.mark.parametrize("speed", [0.3, 1.0, 3.0, 6.0, 12.0])
def test_pans_are_no_cut(speed: float) -> None:
    assert _cuts(take(30, size=SIZE, seed=7, speed=speed)) == []


@pytest.mark.parametrize("growth", [1.01, 1.04, 1.08])
def test_zooms_are_no_cut(growth: float) -> None:
    world = texture(960, 540, 8)
    frames = []
    for index in range(25):
        scale = growth**index
        patch = cv2.getRectSubPix(world, (int(540 / scale), int(960 / scale)), (270, 480))
        frames.append(cv2.resize(patch, (54, 96), interpolation=cv2.INTER_AREA))
    assert _cuts(frames) == []


def test_shake_is_no_cut() -> None:
    rng = np.random.default_rng(9)
    world = texture(140, 100, 9)
    frames = [
        np.ascontiguousarray(world[y : y + 96, x : x + 54]) for y, x in rng.integers(18, 26, (40, 2)).tolist()
    ]
    assert _cuts(frames) == []


def test_captions_and_plates_popping_in_are_no_cut() -> None:
    frames = [frame.copy() for frame in take(45, size=SIZE)]
    for index, frame in enumerate(frames):
        if index >= 12:
            frame[70:88] = (255, 220, 0)
        if index >= 24:
            frame[8:26, 4:50] = (250, 250, 250)
    assert _cuts(frames) == []


def test_exposure_that_drifts_is_no_cut() -> None:
    frames = take(60, size=SIZE)
    drift = [cv2.convertScaleAbs(f, alpha=0.35 + 0.65 * i / 59) for i, f in enumerate(frames)]
    assert _cuts(drift) == []


def test_noise_is_no_cut() -> None:
    rng = np.random.default_rng(1)
    frames = [np.clip(f + rng.normal(0, 25, f.shape), 0, 255).astype(np.uint8) for f in take(30, size=SIZE)]
    assert _cuts(frames) == []


def test_shots_hold_every_frame_and_meet_in_time() -> None:
    shots = _shots(montage([10, 20, 13], size=SIZE))
    assert [(shot.first_frame, shot.last_frame) for shot in shots] == [(0, 9), (10, 29), (30, 42)]
    assert [shot.end_s for shot in shots[:-1]] == [shot.start_s for shot in shots[1:]]
    assert shots[-1].end_s == pytest.approx(43 / 30)


def test_clips_of_no_or_one_frame() -> None:
    assert _shots([]) == []
    assert _shots(take(1)) == [Shot(0, 0, 0.0, 0.0)]


shot_lengths = st.lists(st.integers(1, 300), min_size=1, max_size=8)


def _shot_list(lengths: list[int], fps: float) -> list[Shot]:
    shots, start = [], 0
    for length in lengths:
        shots.append(Shot(start, start + length - 1, start / fps, (start + length) / fps))
        start += length
    return shots


@given(shot_lengths, st.sampled_from([24.0, 25.0, 30.0, 60.0]), st.booleans(), st.integers(0, 99))
def test_keyframes_cover_every_shot_and_two_seconds(
    lengths: list[int], fps: float, weighed: bool, seed: int
) -> None:
    shots = _shot_list(lengths, fps)
    sharpness = np.random.default_rng(seed).random(sum(lengths)).tolist() if weighed else None
    keys = choose_keyframes(shots, fps, sharpness=sharpness)
    frames = [key.frame for key in keys]
    assert frames[0] == 0
    assert frames == sorted(set(frames))
    assert {key.shot for key in keys} == set(range(len(shots)))
    for key in keys:
        assert shots[key.shot].first_frame <= key.frame <= shots[key.shot].last_frame
        assert key.pts_s == pytest.approx(key.frame / fps)
    assert max(b - a for a, b in zip(frames, [*frames[1:], sum(lengths)], strict=True)) <= 2.0 * fps


def test_blurred_frames_are_passed_over() -> None:
    sharpness = [1.0] * 90
    sharpness[45:50] = [9.0] * 5
    sharpness[2], sharpness[86] = 5.0, 7.0
    frames = [key.frame for key in choose_keyframes(_shot_list([90], 30), 30, sharpness=sharpness)]
    assert frames[0] == 0
    assert frames[-1] == 86
    assert 45 <= frames[1] <= 49


def test_keyframes_take_the_times_they_are_given() -> None:
    times = [0.0, 0.1, 0.5, 0.55, 2.0]
    keys = choose_keyframes([Shot(0, 4, 0.0, 2.1)], 25, pts_s=times)
    assert [key.pts_s for key in keys] == [times[key.frame] for key in keys]


def _dissolve(length: int, seed: int, speed: float = 0.3) -> list[np.ndarray]:
    """Twenty frames of one take, `length` frames of both, twenty of the next."""
    old = take(20 + length, size=SIZE, seed=seed, speed=speed)
    new = take(20 + length, size=SIZE, seed=seed + 1, speed=speed)
    mixed = [
        cv2.addWeighted(old[20 + i], 1 - (i + 1) / (length + 1), new[i], (i + 1) / (length + 1), 0)
        for i in range(length)
    ]
    return [*old[:20], *mixed, *new[length:]]


@pytest.mark.parametrize("length", [6, 10, 16])
@pytest.mark.parametrize("seed", [11, 30])
def test_a_dissolve_is_cut_once_near_its_middle(length: int, seed: int) -> None:
    cuts = _cuts(_dissolve(length, seed))
    assert len(cuts) == 1
    assert abs(cuts[0] - (20 + length / 2)) <= max(3, length / 3)


def test_a_fade_through_black_is_cut_in_the_dark() -> None:
    old, new = take(25, size=SIZE, seed=3), take(25, size=SIZE, seed=4)
    out = [cv2.convertScaleAbs(frame, alpha=1 - i / 10) for i, frame in enumerate(old[15:])]
    into = [cv2.convertScaleAbs(frame, alpha=(i + 1) / 10) for i, frame in enumerate(new[:10])]
    cuts = _cuts([*old[:15], *out, *[np.zeros_like(old[0])] * 3, *into, *new[10:]])
    assert cuts
    assert all(15 <= cut <= 36 for cut in cuts)


def test_a_fade_from_black_is_no_cut() -> None:
    frames = [
        cv2.convertScaleAbs(f, alpha=min(1, i / 20)) for i, f in enumerate(take(50, size=SIZE, speed=0.3))
    ]
    assert _cuts(frames) == []


def test_proposals_stand_apart_are_sharp_and_keep_the_gap_whichever_is_chosen():
    fps, shots = 30, _shot_list([150, 40, 8], 30)
    sharpness = np.random.default_rng(3).uniform(0.5, 1.0, 198).tolist()
    proposed = propose_keyframes(shots, fps, sharpness=sharpness)
    assert [key.frame for key in proposed[0]] == [0]
    assert max(len(keys) for keys in proposed) == 3
    assert {keys[0].shot for keys in proposed} == {0, 1, 2}
    assert all(len({key.shot for key in keys}) == 1 for keys in proposed)
    for before, after in itertools.pairwise(proposed):
        assert before[-1].frame < after[0].frame
        if before[0].shot == after[0].shot:
            assert after[-1].frame - before[0].frame <= 2 * fps


def test_soft_frames_are_not_proposed():
    sharpness = [1.0 if frame % 7 == 0 else 0.1 for frame in range(120)]
    proposed = propose_keyframes(_shot_list([120], 30), 30, sharpness=sharpness)
    assert all(key.frame % 7 == 0 for keys in proposed[1:-1] for key in keys)
