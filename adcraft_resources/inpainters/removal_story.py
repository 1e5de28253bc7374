"""Collecting what a removal did while it runs, and measuring what it left untouched.

Belongs here: figures of the report. Does not: filling.
"""

from __future__ import annotations

from typing import Any

from adcraft_resources.algorithms.mask_windows import Window, plan_windows
from adcraft_resources.algorithms.values import TextTrack, TextTracks
from adcraft_resources.inpainters.chunk_removal import ChunkRemoval
from adcraft_resources.inpainters.removal_report import RemovalReport, TrackStory
from adcraft_resources.inpainters.scene_check import SceneSimilarity


class RemovalStory:
    """Adds up the figures of chunks; `told` closes the account."""

    def __init__(self, tracks: TextTracks) -> None:
        self._tracks = tracks
        self._areas: dict[int, float] = {}
        self._shares: list[tuple[Window, int, tuple[float, float, float], str]] = []
        self._stills = 0

    def add(self, chunk: ChunkRemoval) -> None:
        """Take the figures of a filled chunk."""
        plan = chunk.plan
        for frame in range(plan.first, plan.last + 1):
            self._areas[frame] = chunk.masked_share(frame)
        for window, figures in zip(plan.windows, chunk.figures, strict=True):
            self._stills += len(figures.stills)
            for place, shares in figures.shares.items():
                if plan.first <= place + plan.before <= plan.last:
                    self._shares.append((window, place + plan.before, shares, figures.motion))

    def untouched(self, version: str) -> RemovalReport:
        """Return the report of a clip that had nothing to remove."""
        return RemovalReport(
            {
                "frames": self._tracks.frame_count,
                "scene_ssim_p5": 1.0,
                "scene_ssim_min": 1.0,
                "scene_worst_frame": None,
                "scene_frames_compared": 0,
                "masked_area_max": 0.0,
                "masked_area_mean": 0.0,
            },
            method={"version": version, "copied": True},
        )

    def told(self, frames: int, scene: SceneSimilarity, method: dict[str, Any]) -> RemovalReport:
        """Return the report of the finished removal."""
        areas = list(self._areas.values())
        figures: dict[str, Any] = {
            "frames": frames,
            "scene_ssim_p5": round(scene.p5, 5),
            "scene_ssim_min": round(scene.least, 5),
            "scene_worst_frame": scene.worst_frame,
            "scene_frames_compared": scene.sampled,
            "masked_area_max": round(max(areas, default=0.0), 5),
            "masked_area_mean": round(sum(areas) / max(frames, 1), 5),
            "still_fills": self._stills,
        }
        return RemovalReport(figures, tuple(self._story(track) for track in self._tracks.overlays), method)

    def _story(self, track: TextTrack) -> TrackStory:
        boxes = plan_windows(track.spans, self._tracks.size)
        own = [
            (shares, motion)
            for window, frame, shares, motion in self._shares
            if track.first_frame <= frame <= track.last_frame and any(window.meets(box) for box in boxes)
        ]
        count = max(len(own), 1)
        means = [sum(shares[part] for shares, _ in own) / count for part in range(3)]
        area = sum(
            int(span.bitmap.sum()) * (span.last_frame - span.first_frame + 1) for span in track.spans
        ) / (max(1, track.last_frame - track.first_frame + 1) * self._tracks.size[0] * self._tracks.size[1])
        motions = tuple(sorted({motion for _, motion in own}))
        return TrackStory(
            track.id, track.text, track.first_frame, track.last_frame, area, *means, motion=motions
        )
