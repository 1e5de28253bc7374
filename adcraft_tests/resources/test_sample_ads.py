from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from adcraft_resources.downloads import FetchedSource, SourceRequest
from adcraft_resources.errors import SourceMissing
from adcraft_resources.sample_ads import (
    SAMPLES,
    SampleDownloader,
    render_sample,
    render_spec,
    sample_version,
    serve_samples,
    truth_of,
    truth_of_spec,
)
from adcraft_resources.sample_ads.camera_moves import Move
from adcraft_resources.sample_ads.specs import FPS, SIZE
from adcraft_resources.sample_ads.stills import STILL_SIZE

NAME = "generic-coffee"
FULL = SAMPLES[NAME]
COFFEE, CARTON = FULL.shots[0], FULL.shots[2]
CAPTION, BURST, STICKER = FULL.overlays[0], FULL.overlays[3], FULL.overlays[4]
# The real drawing in 1.5 s: a photograph and a product shot, three overlays and some bare frames.
SHORT = replace(
    FULL,
    name="short",
    shots=(replace(COFFEE, end_s=0.5), replace(CARTON, end_s=1.5)),
    overlays=(
        replace(CAPTION, start_s=0.0, end_s=0.45),
        replace(BURST, start_s=0.7, end_s=1.5),
        replace(STICKER, start_s=0.8, end_s=1.5),
    ),
)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The short ad with its overlays and without, drawn once for this module."""
    folder = tmp_path_factory.mktemp("samples")
    render_spec(SHORT, folder / f"{NAME}.mp4")
    render_spec(SHORT, folder / "clean.mp4", overlays=False)
    return folder


def frame_at(time_s: float) -> int:
    return round(time_s * FPS)


def lumas(path: Path, wanted: set[int]) -> dict[int, NDArray[np.int16]]:
    with av.open(str(path)) as container:
        frames = enumerate(container.decode(video=0))
        return {n: frame.to_ndarray(format="gray").astype(np.int16) for n, frame in frames if n in wanted}


def test_there_are_three_ads_of_two_products() -> None:
    assert {"turmeric-hero", "turmeric-routine", "generic-coffee"} <= set(SAMPLES)
    assert len({spec.product for spec in SAMPLES.values()}) >= 2
    for spec in SAMPLES.values():
        assert 5 <= spec.duration_s <= 6
        assert {overlay.kind for overlay in spec.overlays} >= {"caption", "pill", "burst", "sticker"}


def test_a_sample_is_an_ordinary_upload_with_sound(rendered: Path) -> None:
    with av.open(str(rendered / f"{NAME}.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 720, 1280)
        assert video.average_rate == FPS
        assert video.codec_context.pix_fmt == "yuv420p"
        assert (audio.codec_context.name, audio.rate, audio.codec_context.layout.name) == (
            "aac",
            48_000,
            "stereo",
        )
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    seconds = np.array_split(sound[0, ::2], 10)
    assert all(np.sqrt(np.mean(second**2)) > 0.02 for second in seconds)
    assert 0.1 < np.abs(sound).max() <= 1.2
    assert abs(sound.shape[1] / 48_000 - SHORT.duration_s) < 0.05


def test_every_frame_is_there(rendered: Path) -> None:
    with av.open(str(rendered / f"{NAME}.mp4")) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert len(times) == truth_of_spec(SHORT).frame_count == round(1.5 * FPS)


def test_the_same_sample_has_the_same_bytes(rendered: Path, tmp_path: Path) -> None:
    render_spec(SHORT, tmp_path / "again.mp4")
    one, two = (
        (folder / name).read_bytes() for folder, name in ((rendered, f"{NAME}.mp4"), (tmp_path, "again.mp4"))
    )
    assert hashlib.sha256(one).hexdigest() == hashlib.sha256(two).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ["again.mp4"]


def test_the_truth_masks_are_where_the_edit_changed_the_footage(rendered: Path) -> None:
    truth = truth_of_spec(SHORT)
    seconds = (0, 0.1, 0.27, 0.4, 0.47, 0.67, 0.74, 0.88, 0.94, 1.17, 1.44, 1.48)
    wanted = {frame_at(time) for time in seconds}
    with_text, without = lumas(rendered / f"{NAME}.mp4", wanted), lumas(rendered / "clean.mp4", wanted)
    for number in wanted:
        changed = np.abs(with_text[number] - without[number])
        mask = truth.mask_at(number).astype(np.uint8)
        near = cv2.dilate(mask, np.ones((9, 9), np.uint8)).astype(bool)
        assert not ((changed > 40) & ~near).any(), number
        core = cv2.erode(mask, np.ones((5, 5), np.uint8)).astype(bool)
        if core.any():
            assert (changed > 4)[core].mean() > 0.5, number


def test_a_frame_without_overlays_has_an_empty_mask() -> None:
    truth = truth_of_spec(SHORT)
    lives = [range(overlay.first_frame, overlay.last_frame + 1) for overlay in truth.overlays]
    bare = [number for number in range(truth.frame_count) if not any(number in life for life in lives)]
    assert bare == list(range(frame_at(0.45) + 1, frame_at(0.7)))
    assert not truth.mask_at(frame_at(0.55)).any()
    assert truth.mask_at(frame_at(1)).shape == SIZE


def test_the_union_of_the_overlays_is_the_mask() -> None:
    truth = truth_of(NAME)
    frame = frame_at(4.35)
    parts = [truth.mask_at(frame, index) for index in range(len(truth.overlays))]
    assert (np.logical_or.reduce(parts) == truth.mask_at(frame)).all()
    assert sum(part.any() for part in parts) >= 3


def test_the_truth_tells_the_words_and_their_life() -> None:
    truth = truth_of("turmeric-hero")
    assert "The soap everyone keeps asking about" in truth.texts_at(frame_at(1))
    assert "TODAY ONLY -30% code GLOW" in truth.texts_at(frame_at(5))
    assert any(overlay.kind == "legal" and overlay.first_frame == 0 for overlay in truth.overlays)
    assert all(
        0 <= overlay.first_frame < overlay.last_frame < truth.frame_count for overlay in truth.overlays
    )


@pytest.mark.parametrize("name", list(SAMPLES))
def test_labels_stay_in_the_picture_move_with_it_and_are_never_covered(name: str) -> None:
    truth = truth_of(name)
    assert truth.labels
    for label in truth.labels:
        frames = sorted(label.quads)
        first, last = np.array(label.quads[frames[0]]), np.array(label.quads[frames[-1]])
        assert np.abs(first - last).max() > 8
        for number in frames[:: max(1, len(frames) // 6)]:
            quad = np.array(label.quads[number])
            assert (quad > 0).all()
            assert (quad[:, 0] < SIZE[1]).all()
            assert (quad[:, 1] < SIZE[0]).all()
            inside = np.zeros(SIZE, np.uint8)
            cv2.fillConvexPoly(inside, np.round(quad).astype(np.int32), 1)
            assert not (truth.mask_at(number) & inside.astype(bool)).any(), (label.texts, number)


def test_turmeric_soap_says_so_on_its_label() -> None:
    for name in ("turmeric-hero", "turmeric-routine"):
        words = {word for label in truth_of(name).labels for text in label.texts for word in text.split()}
        assert {"TURMERIC", "KOJIC", "SOAP"} <= words


def test_the_label_is_drawn_where_the_truth_says_with_and_without_overlays(rendered: Path) -> None:
    label = truth_of_spec(SHORT).labels[0]
    number = sorted(label.quads)[-5]
    quad = np.round(np.array(label.quads[number])).astype(np.int32)
    inside = np.zeros(SIZE, np.uint8)
    cv2.fillConvexPoly(inside, quad, 1)
    for file in (f"{NAME}.mp4", "clean.mp4"):
        luma = lumas(rendered / file, {number})[number]
        letters = (luma > 150) & inside.astype(bool)
        assert 0.08 < letters.sum() / inside.sum() < 0.6  # cream letters on a dark board
        ys, xs = np.nonzero(letters)
        left, right = quad[:, 0].min(), quad[:, 0].max()
        top, bottom = quad[:, 1].min(), quad[:, 1].max()
        assert xs.max() - xs.min() > 0.9 * (right - left)
        assert ys.max() - ys.min() > 0.85 * (bottom - top)


def test_cuts_are_where_the_truth_says(rendered: Path) -> None:
    truth = truth_of_spec(SHORT)
    wanted = {n + step for n in truth.cuts for step in (-2, -1, 0, 1)}
    found = lumas(rendered / "clean.mp4", wanted)
    for cut in truth.cuts:
        across = np.abs(found[cut] - found[cut - 1]).mean()
        within = max(
            np.abs(found[cut - 1] - found[cut - 2]).mean(), np.abs(found[cut + 1] - found[cut]).mean()
        )
        assert across > 4 * within


def test_the_camera_never_sees_past_a_still() -> None:
    for spec in SAMPLES.values():
        for frame in range(spec.frame_count):
            _, matrix = spec.camera_at(frame, STILL_SIZE)
            back = cv2.invertAffineTransform(matrix)
            corners = np.array(
                [[0, 0], [SIZE[1] - 1, 0], [0, SIZE[0] - 1], [SIZE[1] - 1, SIZE[0] - 1]], np.float64
            )
            seen = corners @ back[:, :2].T + back[:, 2]
            assert (seen > 0).all(), (spec.name, frame)
            assert (seen < np.array([STILL_SIZE[1] - 1, STILL_SIZE[0] - 1])).all(), (spec.name, frame)


def test_camera_moves_are_smooth_to_a_fraction_of_a_pixel() -> None:
    move = Move((1.0, 1.1), ((0.0, 0.0), (0.02, 0.0)), hand_px=2.0)
    corner = np.array([0.0, 0.0, 1.0])
    path = np.array([move.matrix(n / 60, n / 30, STILL_SIZE, SIZE) @ corner for n in range(61)])
    jerk = np.abs(np.diff(path, 2, axis=0))
    assert jerk.max() < 0.5
    assert np.abs(np.diff(path, axis=0)).max() > 0.2


def test_an_unknown_sample_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="turmeric-hero"):
        render_sample("nope", tmp_path / "x.mp4")
    with pytest.raises(SourceMissing, match="turmeric-hero"):
        truth_of("nope")
    assert list(tmp_path.iterdir()) == []


def test_samples_are_served_and_downloaded_for_real(rendered: Path, tmp_path: Path) -> None:
    with serve_samples(rendered) as base_url:
        downloader = SampleDownloader(sample_base_url=base_url)
        request = SourceRequest("ad", f"sample://{NAME}")
        first = downloader.fetch_all([request], tmp_path)["ad"]
        assert isinstance(first, FetchedSource)
        assert first.path is not None
        assert first.path.read_bytes() == (rendered / f"{NAME}.mp4").read_bytes()
        again = downloader.fetch_all([SourceRequest("ad", request.url, first.known)], tmp_path)["ad"]
        assert isinstance(again, FetchedSource)
        assert again.unchanged
        missing = downloader.fetch_all([SourceRequest("ad", "sample://nope")], tmp_path)["ad"]
        assert isinstance(missing, SourceMissing)


def test_the_sample_server_gives_parts_of_samples_and_nothing_else(rendered: Path) -> None:
    body = (rendered / f"{NAME}.mp4").read_bytes()

    def ask(path: str, **headers: str) -> tuple[int, bytes]:
        asked = urllib.request.Request(base_url + path, headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as fault:
            return fault.code, b""

    with serve_samples(rendered) as base_url:
        assert ask(f"/{NAME}.mp4") == (200, body)
        assert ask(f"/{NAME}.mp4", Range="bytes=100-") == (206, body[100:])
        assert ask(f"/{NAME}.mp4", Range="bytes=100-199") == (206, body[100:200])
        assert ask(f"/{NAME}.mp4", Range="bytes=100-", **{"If-Range": '"other"'}) == (200, body)
        assert ask(f"/{NAME}.mp4", Range=f"bytes={len(body)}-")[0] == 416
        for path in ("/clean.mp4", "/../clean.mp4", "/", f"/{NAME}", "/etc/passwd", f"/x/{NAME}.mp4"):
            assert ask(path)[0] == 404


def test_a_sample_is_drawn_where_nothing_serves_it_and_only_once(tmp_path: Path) -> None:
    class Counting(SampleDownloader):
        """Copies a stand-in instead of drawing, to keep this quick."""

        def draw_sample(self, name: str, path: Path) -> None:
            sample_version(name)
            path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))

    first = Counting().fetch_all([SourceRequest("ad", f"sample://{NAME}")], tmp_path)["ad"]
    assert isinstance(first, FetchedSource)
    assert first.etag == f'"{sample_version(NAME)}"'
    again = Counting().fetch_all([SourceRequest("ad", f"sample://{NAME}", first.known)], tmp_path / "two")[
        "ad"
    ]
    assert isinstance(again, FetchedSource)
    assert again.unchanged
    assert not (tmp_path / "two").exists()
    unknown = Counting().fetch_all([SourceRequest("ad", "sample://nope")], tmp_path)["ad"]
    assert isinstance(unknown, SourceMissing)
