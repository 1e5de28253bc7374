from __future__ import annotations

import filecmp
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from adcraft_resources.algorithms.values import Shot, TextTracks
from adcraft_resources.errors import StoreDamaged, VideoUnreadable
from adcraft_resources.inpainters import EmbeddedInpainter
from adcraft_resources.keyframe_stills import scan_shots
from adcraft_resources.text_detectors import (
    EmbeddedTextDetector,
    Region,
    TextDetector,
    load_tracks,
    residual_text,
    save_tracks,
    write_mask_file,
)
from adcraft_resources.text_detectors.findings import TextFinding
from adcraft_resources.text_detectors.proof import is_left_text
from adcraft_tests.drawn_overlays import caption, put
from adcraft_tests.drawn_videos import take, write_video

SIZE, COUNT, RATE = (256, 448), 40, 25
SHOTS = [Shot(0, COUNT - 1, 0.0, COUNT / RATE)]
CAPTION, LEGAL = (
    caption("Summer sale", 30, outline=2),
    caption("Order today", 22, fill=(20, 20, 20), plate=(250, 250, 250)),
)
FIRST = 9


def scene() -> list[np.ndarray]:
    return [f // 2 + 40 for f in take(COUNT, size=SIZE, seed=21, speed=1.5)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[np.ndarray]]:
    """An ad, the same clip before the edit, and the pixels the edit added."""
    folder = tmp_path_factory.mktemp("clips")
    shown, truth = [], []
    for index, frame in enumerate(scene()):
        picture, added = put(frame, LEGAL, 150, 190)
        if index >= FIRST:
            picture, more = put(picture, CAPTION, 100, 50)
            added = added | more
        shown.append(picture)
        truth.append(added)
    write_video(folder / "ad.mp4", shown, fps=RATE)
    write_video(folder / "clean.mp4", scene(), fps=RATE)
    return folder / "ad.mp4", folder / "clean.mp4", truth


@pytest.fixture(scope="module")
def detector() -> EmbeddedTextDetector:
    return EmbeddedTextDetector()


@pytest.fixture(scope="module")
def tracks(clips: tuple[Path, Path, list[np.ndarray]], detector: TextDetector) -> TextTracks:
    return detector.track_text(clips[0], SHOTS)


def overlay_named(tracks: TextTracks, word: str):
    return next(t for t in tracks.overlays if word in t.text)


def test_both_texts_are_found_read_and_dated(tracks: TextTracks) -> None:
    sale, order = overlay_named(tracks, "sale"), overlay_named(tracks, "today")
    assert (sale.first_frame, sale.last_frame) == (FIRST, COUNT - 1)
    assert (order.first_frame, order.last_frame) == (0, COUNT - 1)
    assert all(track.reason for track in tracks.tracks)


def test_masks_cover_what_the_edit_added_and_little_else(tracks: TextTracks, clips) -> None:
    for index in (0, FIRST, COUNT // 2, COUNT - 1):
        mask = tracks.mask_at(index)
        assert mask is not None
        added = clips[2][index]
        assert (mask & added).sum() >= 0.98 * added.sum()
        assert mask.sum() <= 2.0 * added.sum()


def test_saved_tracks_come_back_equal_and_equal_bytes(tracks: TextTracks, tmp_path: Path) -> None:
    save_tracks(tracks, tmp_path / "a")
    loaded = load_tracks(tmp_path / "a")
    save_tracks(loaded, tmp_path / "b")
    assert (loaded.size, loaded.frame_count, len(loaded.tracks)) == (tracks.size, COUNT, len(tracks.tracks))
    assert all(np.array_equal(loaded.mask_at(i), tracks.mask_at(i)) for i in range(0, COUNT, 7))
    assert filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", ["tracks.json", "masks.npz"], shallow=False)[
        0
    ] == [
        "tracks.json",
        "masks.npz",
    ]


def test_the_same_clip_gives_the_same_bytes(clips, tracks: TextTracks, tmp_path: Path) -> None:
    save_tracks(tracks, tmp_path / "a")
    save_tracks(EmbeddedTextDetector().track_text(clips[0], SHOTS), tmp_path / "b")
    assert (tmp_path / "a" / "tracks.json").read_bytes() == (tmp_path / "b" / "tracks.json").read_bytes()
    assert (tmp_path / "a" / "masks.npz").read_bytes() == (tmp_path / "b" / "masks.npz").read_bytes()


def test_damaged_tracks_say_what_to_do(tracks: TextTracks, tmp_path: Path) -> None:
    save_tracks(tracks, tmp_path)
    (tmp_path / "masks.npz").write_bytes(b"cut short")
    with pytest.raises(StoreDamaged, match="ocr_masks"):
        load_tracks(tmp_path)


def test_the_mask_file_holds_every_frame_packed(tracks: TextTracks, tmp_path: Path) -> None:
    write_mask_file(tracks, tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as archive:
        packed, shape = archive["packed"], archive["shape"]
    assert shape.tolist() == [COUNT, *SIZE]
    assert shape.dtype == np.int64
    for index in (0, 15, COUNT - 1):
        mask = np.unpackbits(packed[index], count=SIZE[0] * SIZE[1]).reshape(SIZE).astype(np.bool_)
        assert np.array_equal(mask, tracks.mask_at(index))


def test_text_still_there_is_reported_and_text_gone_is_not(
    clips, detector: TextDetector, tracks: TextTracks
) -> None:
    left = residual_text(detector, clips[0], tracks)
    gone = residual_text(detector, clips[1], tracks)
    assert left.share > 0.8
    assert left.worst_frame is not None
    assert left.findings
    assert gone.share == 0
    assert gone.worst_frame is None


@pytest.mark.parametrize(
    ("text", "confidence", "left"),
    [
        ("Sumer sal", 0.6, True),  # its ghost
        ("mm", 0.55, True),
        ("Order", 0.9, True),  # another text, beyond doubt
        ("oI", 0.7, False),  # what readers see in a smear
        ("1l0", 0.6, False),
        ("S", 0.9, False),
        ("Summer", 0.3, False),
    ],
)
def test_a_smear_is_not_read_as_text_but_a_ghost_is(text: str, confidence: float, left: bool) -> None:
    corners = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
    assert is_left_text(TextFinding(corners, text, confidence), ["Summer sale"]) is left


def test_protected_text_stays(clips, detector: TextDetector) -> None:
    tracks = detector.track_text(clips[0], SHOTS, protected=["(?i)order"])
    kept = next(t for t in tracks.tracks if "today" in t.text)
    assert kept.kind == "label"
    assert kept.spans == ()
    assert overlay_named(tracks, "sale")


def test_regions_override_what_was_found(clips, detector: TextDetector) -> None:
    nowhere = Region(x=0.0, y=0.5, w=1.0, h=0.5)
    corner = Region(x=0.9, y=0.0, w=0.1, h=0.1, from_s=0.4, to_s=0.8)
    tracks = detector.track_text(clips[0], SHOTS, include=[corner], exclude=[nowhere])
    for index in range(0, COUNT, 3):
        mask = tracks.mask_at(index)
        below = mask is not None and mask[SIZE[0] // 2 :].any()
        added = mask is not None and mask[:20, 430:].all()
        assert not below
        assert added == (10 <= index < 20)


def test_a_clip_without_text_has_no_overlays(clips, detector: TextDetector) -> None:
    assert detector.track_text(clips[1], SHOTS).overlays == ()


def test_find_text_reads_one_picture(detector: TextDetector) -> None:
    picture, _ = put(scene()[0], CAPTION, 100, 50)
    (finding,) = detector.find_text(picture)
    assert "ummer" in finding.text
    assert finding.confidence > 0.8
    (unread,) = detector.find_text(picture, read=False)
    assert unread.text == ""


SERIES = """
import resource
import numpy as np
from adcraft_resources.allocator import return_freed_pictures
from adcraft_resources.text_detectors import EmbeddedTextDetector

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20

detector, picture = EmbeddedTextDetector(), np.zeros((960, 544, 3), np.uint8)
detector.find_text(picture)
return_freed_pictures()
print(resident_mb())
with detector.series():
    detector.find_text(picture)
    print(resident_mb())
return_freed_pictures()
print(resident_mb())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's account of memory")
def test_a_series_of_pictures_keeps_its_working_memory_and_then_gives_it_back() -> None:
    told = subprocess.run([sys.executable, "-c", SERIES], capture_output=True, text=True, check=True).stdout
    before, inside, after = map(float, told.split())
    assert inside > before + 40
    assert after < before + 20


def test_a_series_finds_what_single_pictures_give(detector: TextDetector) -> None:
    picture, _ = put(scene()[0], CAPTION, 100, 50)
    alone = detector.find_text(picture)
    with detector.series():
        assert detector.find_text(picture) == alone
        assert detector.find_text(picture) == alone


def test_progress_counts_every_frame(clips, detector: TextDetector) -> None:
    seen: list[int] = []
    detector.track_text(clips[1], SHOTS, on_frame=seen.append)
    assert seen == list(range(COUNT))


def test_an_unreadable_file_is_named(tmp_path: Path, detector: TextDetector) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"<html>")
    with pytest.raises(VideoUnreadable, match=r"bad\.mp4"):
        detector.track_text(tmp_path / "bad.mp4", SHOTS)


def test_a_region_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValidationError, match="must lie after"):
        Region(from_s=3, to_s=2)


def test_a_busy_machine_changes_no_byte_of_tracks_and_video(
    clips, detector: TextDetector, tmp_path: Path
) -> None:
    """Threads that meet in another order must hand over the same pictures in the same order."""
    source = clips[0]
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        loaded = _cleaned(source, detector, tmp_path / "loaded")
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert loaded == _cleaned(source, detector, tmp_path / "calm")


def _cleaned(source: Path, detector: TextDetector, folder: Path) -> list[bytes]:
    folder.mkdir()
    shots = scan_shots(source).shots
    tracks = detector.track_text(source, shots)
    save_tracks(tracks, folder)
    EmbeddedInpainter().clean(source, tracks, shots, folder / "clean.mp4")
    return [path.read_bytes() for path in sorted(folder.iterdir())]
