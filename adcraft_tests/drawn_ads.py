"""Little ads with drawn truth: photographs under a gliding or still camera, overlays of any script and form on them.

Belongs here: scenes, sprites of letters, and what a removal is held against. Does not: assertions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from adcraft_resources.algorithms.values import Frame, Mask, TextTracks
from adcraft_resources.inpainters import EmbeddedInpainter
from adcraft_resources.keyframe_stills import scan_shots
from adcraft_resources.sample_ads.stills import still_named
from adcraft_resources.text_detectors import EmbeddedTextDetector
from adcraft_resources.typography.fonts import font_file, load_font
from adcraft_resources.video_codecs import VideoReader, rgb_of
from adcraft_tests.drawn_overlays import Sprite, put
from adcraft_tests.drawn_videos import write_video

SIZE = (480, 270)
BOLD = 700
# Characters of straight strokes: no installed font has any of theirs.
_STROKES = {
    "日": ("20-80-8a-2a-20", "25-85"),
    "田": ("10-90-9a-1a-10", "15-95", "50-5a"),
    "王": ("11-91", "15-85", "09-a9", "51-59"),
    "中": ("12-92-97-17-12", "50-5a"),
    "目": ("20-80-8a-2a-20", "23-83", "27-87"),
    "山": ("50-5a", "14-1a-9a-94"),
    "土": ("14-94", "09-a9", "50-59"),
    "回": ("00-a0-aa-0a-00", "33-73-77-37-33"),
}


@cache
def _photograph(name: str) -> Frame:
    return still_named(name)


def glide(
    name: str, count: int, size: tuple[int, int] = SIZE, *, zoom: float = 0.003, drift: float = 0.5
) -> list[Frame]:
    """A camera that closes in on a photograph and drifts; `zoom` and `drift` are per frame."""
    still = _photograph(name)
    height, width = size
    large = 1.15 * max(height / still.shape[0], width / still.shape[1])
    frames = []
    for index in range(count):
        scale = large * (1 + zoom * index)
        left = (width - scale * still.shape[1]) / 2 + drift * index
        top = (height - scale * still.shape[0]) / 2 - 0.6 * drift * index
        matrix = np.array([[scale, 0, left], [0, scale, top]])
        moved = cv2.warpAffine(still, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        frames.append(moved.astype(np.uint8))
    return frames


def rest(name: str, count: int) -> list[Frame]:
    """A still camera before which a ball rolls by."""
    frames = glide(name, count, zoom=0, drift=0)
    for index, frame in enumerate(frames):
        place = (54 + 135 * index // count, 400)
        cv2.circle(frame, place, 19, (190, 120, 60), -1, cv2.LINE_AA)
    return frames


def grainy(frames: Sequence[Frame], sigma: float, seed: int = 0) -> list[Frame]:
    """Frames with noise of their own each."""
    rng = np.random.default_rng(seed)
    return [np.clip(f + rng.normal(0, sigma, f.shape), 0, 255).astype(np.uint8) for f in frames]


def letters(
    text: str,
    height: int,
    *,
    script: str = "Latin",
    fill: tuple[int, int, int] = (255, 255, 255),
    outline: int = 0,
    plate: tuple[int, int, int] | None = None,
    pad: int = 10,
    spacing: int = 6,
) -> Sprite:
    """Lines of text in a bold Noto Sans of a script, with a black outline or on a rounded plate."""
    file = font_file(script)
    assert file is not None, script
    font = load_font(file, height, BOLD, 100)
    style: dict[str, Any] = {"font": font, "align": "center", "spacing": spacing, "stroke_width": outline}
    box = ImageDraw.Draw(Image.new("L", (8, 8))).multiline_textbbox((0, 0), text, **style)
    x0, y0, x1, y1 = (int(v) for v in box)
    width, tall = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
    picture = Image.new("RGBA", (width, tall), (*(plate or fill), 0))
    draw = ImageDraw.Draw(picture)
    if plate is not None:
        draw.rounded_rectangle((0, 0, width - 1, tall - 1), 9, fill=(*plate, 255))
    draw.multiline_text((pad - x0, pad - y0), text, fill=(*fill, 255), stroke_fill=(0, 0, 0, 255), **style)
    return Sprite(np.array(picture), (pad, pad, width - pad, tall - pad))


def handwriting(text: str) -> Sprite:
    """Joined letters as by a pen (Hershey's script)."""
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.0, 3)
    alpha = np.zeros((height + below + 24, width + 24), np.uint8)
    place = (12, height + 10)
    cv2.putText(alpha, text, place, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.0, 255, 3, cv2.LINE_AA)
    return _inked(alpha)


def characters(text: str, height: int, *, column: bool = False) -> Sprite:
    """Chinese characters drawn stroke by stroke, white with a dark outline, in a line or a column."""
    step, pad = round(1.25 * height), 8
    shape = (len(text) * step if column else height, height if column else len(text) * step)
    fill, edge = (np.zeros((shape[0] + 2 * pad, shape[1] + 2 * pad), np.uint8) for _ in range(2))
    for index, character in enumerate(text):
        corner = np.array([pad, pad + index * step] if column else [pad + index * step, pad])
        for stroke in _STROKES[character]:
            points = (
                np.array([[int(p[0], 16), int(p[1], 16)] for p in stroke.split("-")]) * height / 10 + corner
            )
            line = [np.round(points).astype(np.int32)]
            cv2.polylines(fill, line, False, 255, max(2, height // 9), cv2.LINE_AA)
            cv2.polylines(edge, line, False, 255, max(2, height // 9) + 4, cv2.LINE_AA)
    sprite = _inked(np.maximum(fill, edge))
    sprite.rgba[..., :3] = fill[..., None]
    return sprite


def heart(side: int = 60) -> Sprite:
    """A red heart with a white rim."""
    angles = np.linspace(0, 2 * np.pi, 200)
    x = 16 * np.sin(angles) ** 3
    y = 13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles) - np.cos(4 * angles)
    outline = np.column_stack([2 * side + 0.115 * side * x, 1.9 * side - 0.115 * side * y]).astype(np.int32)
    large = np.zeros((4 * side, 4 * side, 4), np.uint8)
    cv2.fillPoly(large, [outline], (230, 30, 70, 255))
    cv2.polylines(large, [outline], True, (255, 255, 255, 255), 16)
    small = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA)
    return Sprite(small.astype(np.uint8), (0, 0, side, side))


def upright(sprite: Sprite) -> Sprite:
    """The overlay turned by a quarter."""
    turned = np.ascontiguousarray(np.rot90(sprite.rgba))
    return Sprite(turned, (8, 8, turned.shape[1] - 8, turned.shape[0] - 8))


def _inked(alpha: np.ndarray) -> Sprite:
    rgba = np.full((*alpha.shape, 4), 255, np.uint8)
    rgba[..., 3] = alpha
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    return Sprite(rgba, (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))


@dataclass(frozen=True)
class Shown:
    """An overlay at height `y` (or at (x, y)) from frame `first` to `last`, both included; last -1 is the ad's last."""

    sprite: Sprite
    y: int
    first: int = 0
    last: int = -1
    x: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a removal left, over all frames: `recall` and `precision` of its masks, `psnr` in and around the overlays.

    `before` is the PSNR there before the removal. `pictures` are the cleaned frames, `truth` the overlays' pixels.
    """

    recall: float
    precision: float
    psnr: float
    before: float
    pictures: list[Frame]
    truth: list[Mask]
    tracks: TextTracks


def lay(frames: Sequence[Frame], overlays: Sequence[Shown]) -> tuple[list[Frame], list[Mask]]:
    """Return the frames with the overlays on them, and the pixels these cover."""
    shown, truth = list(frames), [np.zeros(f.shape[:2], np.bool_) for f in frames]
    for one in overlays:
        x = (frames[0].shape[1] - one.sprite.rgba.shape[1]) // 2 if one.x is None else one.x
        for index in range(one.first, one.last % len(frames) + 1):
            shown[index], covered = put(shown[index], one.sprite, x, one.y)
            truth[index] |= covered
    return shown, truth


def remove(
    folder: Path,
    clean: Sequence[Frame],
    shown: Sequence[Frame],
    truth: Sequence[Mask],
    fps: Fraction | int = 25,
    *,
    crf: int = 14,
    **form: Any,
) -> Outcome:
    """Write the ad, remove its texts, and compare with the same clip written without them; `form` is write_video's."""
    form |= {"matrix": "bt709", "options": {"crf": str(crf), "preset": "veryfast"}}
    ad = write_video(folder / "ad.mp4", shown, fps, **form)
    bare = write_video(folder / "clean.mp4", clean, fps, **form)
    shots = scan_shots(ad).shots
    tracks = EmbeddedTextDetector().track_text(ad, shots)
    EmbeddedInpainter().clean(ad, tracks, shots, folder / "out.mp4")
    found = [
        mask if (mask := tracks.mask_at(i)) is not None else np.zeros(tracks.size, np.bool_)
        for i in range(tracks.frame_count)
    ]
    real = [cv2.resize(m.astype(np.uint8), tracks.size[::-1]) > 0 for m in truth]
    hit = sum(int((a & b).sum()) for a, b in zip(found, real, strict=True))
    pictures, without = frames_of(folder / "out.mp4"), frames_of(bare)
    return Outcome(
        recall=hit / sum(int(m.sum()) for m in real),
        precision=hit / max(1, sum(int(m.sum()) for m in found)),
        psnr=_psnr(pictures, without, real),
        before=_psnr(frames_of(ad), without, real),
        pictures=pictures,
        truth=real,
        tracks=tracks,
    )


def frames_of(path: Path) -> list[Frame]:
    """Decode a video to RGB frames."""
    with VideoReader(path) as reader:
        return [rgb_of(item.picture) for item in reader.pictures()]


def _psnr(first: Sequence[Frame], second: Sequence[Frame], truth: Sequence[Mask]) -> float:
    kernel = np.ones((9, 9), np.uint8)
    total = count = 0.0
    for a, b, mask in zip(first, second, truth, strict=True):
        around = cv2.dilate(mask.astype(np.uint8), kernel) > 0
        total += float(np.square(a[around].astype(np.float64) - b[around]).sum())
        count += 3 * int(around.sum())
    return 10 * float(np.log10(255**2 / max(total / count, 1e-9)))
