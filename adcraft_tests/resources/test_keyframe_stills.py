from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from adcraft_resources.errors import VideoUnreadable
from adcraft_resources.keyframe_stills import scan_shots, write_stills
from adcraft_tests.drawn_videos import montage, take, write_video


def test_one_pass_finds_shots_keyframes_and_times(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", montage([30, 45, 15], size=(160, 96)), 30)
    done: list[int] = []
    scan = scan_shots(path, on_frame=done.append)
    assert [shot.first_frame for shot in scan.shots] == [0, 30, 75]
    assert scan.shots[-1].end_s == pytest.approx(3.0)
    assert scan.frame_count == 90
    assert scan.pts == pytest.approx([i / 30 for i in range(90)])
    assert done == list(range(1, 91))
    assert scan.keyframes[0].frame == 0


def test_keyframe_times_follow_a_variable_rate(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 0.5, 0.9, 1.3, 1.34, 1.38, 1.9, 2.4]
    scan = scan_shots(write_video(tmp_path / "a.mp4", take(10), 25, pts_s=times))
    for key in scan.keyframes:
        assert key.pts_s == pytest.approx(times[key.frame], abs=1e-4)


def test_stills_show_their_frames_in_full_size(tmp_path: Path) -> None:
    drawn = montage([20, 20], size=(160, 96))
    path = write_video(tmp_path / "a.mp4", drawn, 30)
    scan = scan_shots(path)
    stills = write_stills(path, scan.keyframes, tmp_path / "stills")
    assert [still.name for still in stills] == [f"key_{key.frame:06d}.jpg" for key in scan.keyframes]
    for key, still in zip(scan.keyframes, stills, strict=True):
        shown = cv2.imread(str(still))[..., ::-1]
        assert shown.shape == (160, 96, 3)
        assert np.abs(shown.astype(int) - drawn[key.frame]).mean() < 6


def test_one_frame_is_one_shot_and_one_still(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", take(1))
    scan = scan_shots(path)
    assert [(shot.first_frame, shot.last_frame) for shot in scan.shots] == [(0, 0)]
    assert len(write_stills(path, scan.keyframes, tmp_path)) == 1


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no video at all")
    with pytest.raises(VideoUnreadable):
        scan_shots(path)


def test_scores_choose_among_sharp_frames(tmp_path: Path) -> None:
    """A lamp of steady brightness turns red beside where keyframes fall; who likes red gets the red ones."""
    drawn = take(120)
    red = [43 <= index <= 60 or 78 <= index <= 95 for index in range(120)]
    for is_red, frame in zip(red, drawn, strict=True):
        cv2.circle(frame, (32, 48), 14, (200, 60, 60) if is_red else (60, 110, 110), -1)
    path = write_video(tmp_path / "a.mp4", drawn, 30)
    asked: list[int] = []

    def redness(frames):
        asked.append(len(frames))
        return [float(frame[40:56, 24:40, 0].mean() - frame[40:56, 24:40, 2].mean()) for frame in frames]

    plain, liked = scan_shots(path), scan_shots(path, prefer=redness)
    assert len(asked) == 1
    assert liked.keyframes[0].frame == 0
    assert liked.shots == plain.shots
    assert (
        sum(red[key.frame] for key in plain.keyframes) < 2 <= sum(red[key.frame] for key in liked.keyframes)
    )
