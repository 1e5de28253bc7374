"""The inpainter role: overlay text leaves a clip, with one seam for what no frame reveals.

Belongs here: the abstract role and the temporal machinery every inpainter shares. Does not: one way of filling a
still (`embedded`, and later FLUX), or the arithmetic (`algorithms`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from adcraft_resources.algorithms.mask_windows import plan_chunks
from adcraft_resources.algorithms.values import Frame, Mask, MaskSpan, Shot, TextTracks, Yuv420
from adcraft_resources.algorithms.window_clip import WindowClip
from adcraft_resources.inpainters.chunk_removal import Masks
from adcraft_resources.inpainters.removal_report import RemovalReport
from adcraft_resources.inpainters.removal_story import RemovalStory
from adcraft_resources.inpainters.scene_check import SceneCheck
from adcraft_resources.inpainters.streaming_removal import remove_streaming
from adcraft_resources.inpainters.veil_finding import find_veils
from adcraft_resources.video_codecs import probe_video, rgb_of, stream_copy, yuv_of

CHUNK_BYTES = 110_000_000  # window crops of one chunk; up to three chunks are alive at a time
FADE_S = 0.25  # how long before and after its mask a text may still be fading
LONG_FADE_S = 0.5  # ... where the shot is long enough
SUDDEN_S = 0.08  # ... where it was seen to come or go at once: a coder needs some frames to forget it
CONTEXT_S = 1.0  # how far before and after a text's life other frames are asked what it hides


class Inpainter(dg.ConfigurableResource, ABC):  # type: ignore[misc]
    """Removes overlay text: real pixels of other frames first, `fill` only for what none reveals."""

    at_once: ClassVar[int] = 1
    """Ads it may clean side by side."""

    crf: float = Field(default=13.0, ge=0, le=30, description="x264 quality of the mezzanine.")

    @property
    @abstractmethod
    def version(self) -> str:
        """Enters digests: changes whenever the pictures change."""

    @property
    def filtered_by(self) -> str:
        """Which content filter looks at what a model fills in; nothing where no model fills."""
        return ""

    @abstractmethod
    def fill(self, frame: Frame, mask: Mask) -> Frame:
        """Return one still, (h, w, 3) RGB uint8, with the masked pixels replaced and all others untouched."""

    def clean(
        self,
        source: Path,
        tracks: TextTracks,
        shots: Sequence[Shot],
        out: Path,
        *,
        on_frame: Callable[[int], None] | None = None,
    ) -> RemovalReport:
        """Write `source` without its overlay tracks to `out` (the mezzanine), and report.

        A clip without overlays is copied bit by bit. Pictures handed to the encoder equal the source's outside the
        masks: luma pixel by pixel; a chroma sample is replaced when one of its four luma pixels is masked.

        Raises:
            VideoUnreadable: `source` is no video.
            VideoUnwritable: `out` cannot be written.
            ValueError: The tracks belong to another picture size.
        """
        facts = probe_video(source)
        if tracks.size != (facts.height, facts.width):
            raise ValueError(f"tracks are for {tracks.size}, {source} is {(facts.height, facts.width)}")
        spans = [span for track in tracks.overlays for span in track.spans if span.bitmap.any()]
        story = RemovalStory(tracks)
        check = SceneCheck(tracks)
        if not spans:
            stream_copy(source, out)
            return story.untouched(self.version)
        takes = list(shots) or [Shot(0, tracks.frame_count - 1, 0.0, float(facts.duration_s or 0))]
        capacity = int(CHUNK_BYTES / WindowClip.bytes_per_pixel())
        context = round(CONTEXT_S * float(facts.fps))
        chunks = plan_chunks(spans, takes, tracks.size, context=context, capacity_px=capacity)
        frames = remove_streaming(
            source,
            out,
            Masks(spans, _guards_of(tracks, takes, float(facts.fps)), find_veils(source, tracks)),
            chunks,
            self._fill_still,
            crf=self.crf,
            on_chunk=story.add,
            on_source=check.see,
            on_frame=on_frame,
        )
        return story.told(frames, check.measured(out), self._method())

    def _method(self) -> dict[str, Any]:
        return {"inpainter": type(self).__name__, "version": self.version, "crf": self.crf}

    def _fill_still(self, clip: WindowClip, frame: int, mask: NDArray[np.bool_]) -> None:
        """Fill pixels of one clip frame through `fill`, in place; the clip stays untouched outside the mask."""
        luma, chroma = clip.luma(frame), clip.chroma(frame)
        crop = Yuv420(luma, chroma[..., 0], chroma[..., 1])
        filled = yuv_of(self.fill(rgb_of(crop), mask))
        luma[mask] = filled.y[mask]
        blocks = mask.reshape(luma.shape[0] // 2, 2, luma.shape[1] // 2, 2).any(axis=(1, 3))
        chroma[..., 0][blocks] = filled.u[blocks]
        chroma[..., 1][blocks] = filled.v[blocks]


def _guards_of(tracks: TextTracks, takes: Sequence[Shot], fps: float) -> list[MaskSpan]:
    """Return where texts may be fading just before and after their masks."""
    guards = []
    for track in tracks.overlays:
        spans = sorted((span for span in track.spans if span.bitmap.any()), key=lambda span: span.first_frame)
        if not spans:
            continue
        first, last = spans[0], spans[-1]
        free_before = first.first_frame - _take_at(takes, first.first_frame).first_frame
        free_after = _take_at(takes, last.last_frame).last_frame - last.last_frame
        guard = round(LONG_FADE_S * fps)
        if guard >= max(free_before, free_after):  # nothing of the shot would be left to take from
            guard = round(FADE_S * fps)
        short = round(SUDDEN_S * fps)
        early, late = (
            min(short, max(0, free - 1)) if sudden else guard
            for sudden, free in zip(track.sudden, (free_before, free_after), strict=True)
        )
        before = {"first_frame": first.first_frame - early, "last_frame": first.first_frame - 1}
        after = {"first_frame": last.last_frame + 1, "last_frame": last.last_frame + late}
        # A text that pops in or out is small at its ends; what fades beside them may be its full size.
        widest = max(spans, key=lambda span: int(span.bitmap.sum()))
        guards += [replace(span, **before) for span in (first, widest)]
        guards += [replace(span, **after) for span in (last, widest)]
        guards += _guards_of_unrest(spans)
    return guards


def _guards_of_unrest(spans: Sequence[MaskSpan]) -> list[MaskSpan]:
    """While a text pops or slides, its place is known less well than at rest: guard where it will stand."""
    home = max(spans, key=lambda span: span.last_frame - span.first_frame)
    restless = [span for span in spans if span is not home]
    rest = home.last_frame - home.first_frame + 1
    if rest < sum(span.last_frame - span.first_frame + 1 for span in restless):
        return []  # a ticker never comes to rest
    return [replace(home, first_frame=span.first_frame, last_frame=span.last_frame) for span in restless]


def _take_at(takes: Sequence[Shot], frame: int) -> Shot:
    return next((take for take in takes if take.first_frame <= frame <= take.last_frame), takes[-1])
