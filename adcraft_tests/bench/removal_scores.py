"""Scores of a cleaned clip against drawn truth: fidelity and steadiness where text was, loss where none was.

R is the overlay truth grown by 3 px + 0.6 % of the short side. PSNR and SSIM (Gaussian 11x11, σ 1.5, luma) are taken
in R against the clip before the text; the warp ratio is the mean |frame - next frame moved by the clean clip's own
flow| in R over the clean clip's; the loss is how many dB the rest of the picture fell behind the upload's own.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from adcraft_resources.algorithms.similarity import similarity_map
from adcraft_resources.video_codecs import VideoReader, rgb_of

CUT_LEVELS = 18  # a mean residual above this is a cut, not motion
STEP = 2  # every second pair of frames is warped


@dataclass
class Case:
    name: str
    ad: Path
    clean: Path
    truth: Path

    @classmethod
    def of(cls, folder, name):
        told = json.loads((folder / "truth" / f"{name}.json").read_text())
        return cls(
            name,
            folder / "ads" / f"{name}.mp4",
            folder / "clean" / f"{told['clip']}.mp4",
            folder / "truth" / f"{name}.npz",
        )

    def masks(self):
        """Overlay truth frame by frame, (h, w) uint8."""
        with np.load(self.truth) as truth:
            _, height, width = truth["shape"]
            for row in truth["overlay"]:
                yield np.unpackbits(row, count=height * width).reshape(height, width)


def grown(mask, radius):
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))


def halved(picture):
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def frames_of(path):
    with VideoReader(path) as reader:
        for item in reader.pictures():
            yield rgb_of(item.picture)


class Mean:
    def __init__(self):
        self.total, self.count = 0.0, 0

    def add(self, values):
        self.total += float(values.sum(dtype=np.float64))
        self.count += values.size

    @property
    def value(self):
        return self.total / max(self.count, 1)

    @property
    def decibels(self):
        return 10 * np.log10(255**2 / max(self.value, 1e-9))


class Steadiness:
    """Warp error of two clips by the flow of the first."""

    def __init__(self):
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._last = None
        self.clean, self.cleaned = Mean(), Mean()

    def push(self, index, region, clean, cleaned):
        now = region, *(halved(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)) for one in (clean, cleaned))
        if self._last is not None and index % STEP == 1:
            self._compare(now)
        self._last = now

    def _compare(self, now):
        here = halved((self._last[0] | now[0]) * np.uint8(255)) > 127
        flow = self._flow.calc(self._last[1], now[1], None)
        y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
        errors = [
            np.abs(
                before - cv2.remap(after.astype(np.float32), x + flow[..., 0], y + flow[..., 1], 1, None, 1)
            )
            for before, after in ((self._last[1], now[1]), (self._last[2], now[2]))
        ]
        if here.any() and errors[0].mean() < CUT_LEVELS:
            self.clean.add(errors[0][here])
            self.cleaned.add(errors[1][here])


def score(case, cleaned):
    """Return the figures of one cleaned file as a dict."""
    inside, outside, upload, alike, steady = Mean(), Mean(), Mean(), Mean(), Steadiness()
    streams = zip(case.masks(), frames_of(case.clean), frames_of(case.ad), frames_of(cleaned), strict=True)
    for index, (mask, true, ad, out) in enumerate(streams):
        region = grown(mask, 3 + int(0.006 * min(mask.shape)))
        rest = grown(region, 8) == 0
        inside.add(np.square(out[region > 0].astype(np.float32) - true[region > 0]))
        outside.add(np.square(out[rest].astype(np.float32) - true[rest]))
        upload.add(np.square(ad[rest].astype(np.float32) - true[rest]))
        if index % 3 == 0 and region.any():
            lumas = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (out, true))
            alike.add(similarity_map(*lumas)[region > 0])
        steady.push(index, region, true, out)
    return {
        "psnr": inside.decibels,
        "ssim": alike.value,
        "warp": steady.cleaned.value / max(steady.clean.value, 1e-6),
        "loss": upload.decibels - outside.decibels,
        "bytes": cleaned.stat().st_size / case.ad.stat().st_size,
    }
