"""One variant laid out in every shape: dressed once, then for each shape its window, hook, grain and encoder.

Belongs here: everything done to each picture for one shape. Does not: decoding (rendering), or the decisions about
windows (algorithms.window_choice).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from adcraft_resources.algorithms.framing import Box
from adcraft_resources.algorithms.picture_layout import PictureLayout
from adcraft_resources.algorithms.values import Shot, Yuv420
from adcraft_resources.algorithms.window_choice import Sighting, choose_window
from adcraft_resources.errors import CopyRefused
from adcraft_resources.placements.safe_zones import draw_zones, measure_zones
from adcraft_resources.placements.settings import Placement, PlacementSettings
from adcraft_resources.placements.subjects import of_shot
from adcraft_resources.programmes import Programme
from adcraft_resources.thumbnails import write_picture
from adcraft_resources.typography.lives import HookLife
from adcraft_resources.typography.overlay import HookOverlay
from adcraft_resources.typography.typesetter import PlacedHook, Typesetter, count_drawn_words
from adcraft_resources.variant_dressing import Dressing
from adcraft_resources.video_codecs import CodedSound, DeliveryWriter, TimedPicture, rgb_of, yuv_of

LEAST_EM: Final = 0.04  # of the width: 43 px at 1080, about what a caption on a phone needs
_UPSCALED: Final = 1.02
_WEIGHTS: Final = {True: 1.0, False: 0.8}  # of a face, of product text, in what a hook should not cover


@dataclass(frozen=True)
class Stage:
    """What all shapes of all variants of an ad share."""

    shots: Sequence[Shot]
    programme: Programme
    sightings: Sequence[Sighting]
    size: tuple[int, int]
    fps: Fraction
    duration_s: float
    sound: CodedSound
    settings: PlacementSettings

    def shot_of(self, index: int) -> int:
        """The number of the shot a picture belongs to."""
        return next(
            (at for at, shot in enumerate(self.shots) if index <= shot.last_frame), len(self.shots) - 1
        )


def file_names(placement: str) -> dict[str, str]:
    """Return the files of one shape: video, poster, and the picture of its clear box."""
    return {
        "video": f"{placement}.mp4",
        "poster": f"{placement}.jpg",
        "zones": f"{placement}.clear-box.jpg",
    }


@dataclass
class PlacedLane:
    """A variant in one shape, being written into a folder."""

    placement: Placement
    dressing: Dressing
    stage: Stage
    folder: Path
    layouts: list[PictureLayout] = field(init=False)
    figures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._files = {kind: self.folder / name for kind, name in file_names(self.placement.name).items()}
        self._framed = [one.framed(self.dressing.crop_at(one.index)) for one in self.stage.sightings]
        self.layouts = [self._layout_of(shot) for shot in self.stage.shots]
        self._typesetter = Typesetter(self.placement.size, self.placement.clear_box)
        text, stage = self.dressing.plan.hook.on_screen, self.stage
        cuts_s = stage.programme.cuts_s(stage.shots)
        self._life = HookLife.of(count_drawn_words(text), stage.duration_s, cuts_s)
        self._placed = self._place_hook(text)
        self._overlay: HookOverlay | None = None
        self._worst: int | None = None
        self._writer: DeliveryWriter | None = None

    def writer(self) -> DeliveryWriter:
        """The encoder of this shape, to be entered by the caller."""
        settings = self.stage.settings
        self._writer = DeliveryWriter(
            self._files["video"],
            width=self.placement.width,
            height=self.placement.height,
            fps=self.stage.fps,
            audio_source=self.stage.sound,
            crf=settings.crf,
            max_bit_rate=settings.max_bit_rate,
        )
        return self._writer

    def write(self, shown: Yuv420, timed: TimedPicture, tick: int) -> None:
        """Lay out and queue the dressed picture of a tick."""
        laid = self._laid(shown, timed.index, timed.pts_s)
        if tick == 0:
            self._open(laid)
        assert self._overlay is not None and self._writer is not None  # noqa: S101, PT018  # the first tick sets both
        finished = self.dressing.look.finish_yuv(self._overlay.lay(laid, tick), tick)
        self._overlay.measure(finished, tick)
        if self._worst is not None and timed.index >= self._worst:  # a halved rate may skip the very picture
            self._show_zones(finished)
            self._worst = None
        self._writer.write(finished)

    def pose(self, opened: Yuv420, timed: TimedPicture) -> None:
        """Write the poster: the opening at its strongest with the hook at rest."""
        assert self._overlay is not None  # noqa: S101  # the poster is never before the first picture
        rested = self._overlay.rest(self._laid(opened, timed.index, timed.pts_s))
        write_picture(rgb_of(self.dressing.look.finish_yuv(rested, 0)), self._files["poster"])

    def note_figures(self) -> dict[str, Any]:
        """Return what is known of this shape once it is written, but for the probe of its file."""
        assert self._overlay is not None  # noqa: S101  # a video without a picture was refused before
        told = self._overlay.figures(self.placement.size)
        scale = max(layout.scale for layout in self.layouts)
        self.figures |= {
            "asked": {"width": self.placement.width, "height": self.placement.height},
            "scale": round(scale, 3),
            "upscaled": scale > _UPSCALED,
            "windows": [
                self._told(layout, shot) for layout, shot in zip(self.layouts, self.stage.shots, strict=True)
            ],
            "hook": {
                "text": self.dressing.plan.hook.on_screen,
                **told,
                "covers": round(self._placed.covered, 4),
            },
        }
        return self.figures

    def _layout_of(self, shot: Shot) -> PictureLayout:
        height, width = self.stage.size
        settings = self.stage.settings
        window = choose_window(
            of_shot(self._framed, shot),
            width / height,
            self.placement.width / self.placement.height,
            most_loss=settings.saliency_loss,
            most_acceleration=settings.acceleration,
            margins=self.placement.clear,
        )
        _, top, _, bottom = self.placement.clear
        layout = PictureLayout(self.stage.size, self.placement.size, window, (top + 1 - bottom) / 2)
        boxes = [
            layout.map_box(box, one.time_s)
            for one in self._framed
            if shot.first_frame <= one.index <= shot.last_frame
            for box in one.keep
        ]
        return layout.shifted(boxes, self.placement.clear_box)

    def _laid(self, picture: Yuv420, index: int, pts_s: float) -> Yuv420:
        return self.layouts[self.stage.shot_of(index)].apply(picture, pts_s)

    def _place_hook(self, text: str) -> PlacedHook:
        """Set the hook anew for this shape, clear of faces and labels as they stand in it while it is there."""
        survey, dressing, end_s = self.dressing.survey, self.dressing, self._life.end_s
        height, width = self.placement.size
        first = self.layouts[0]
        frames = [
            first.apply(dressing.framed(yuv_of(_even(survey.frames[at])), at), 0.0) for at in survey.opening
        ]
        frames += [
            self._laid(dressing.framed(timed.picture, timed.index), timed.index, timed.pts_s)
            for timed in survey.pictures_after_cuts(end_s)
        ]
        avoid = []
        for one in self._framed:
            met = any(at_s < end_s for at_s in self.stage.programme.moments_shown(one.time_s))
            for box in one.keep if met else ():
                x, y, w, h = self._mapped(one, box)
                avoid.append(((x / width, y / height, w / width, h / height), _WEIGHTS[box in one.faces]))
        return self._typesetter.place(text, dressing.plan.treatment, [rgb_of(one) for one in frames], avoid)

    def _open(self, laid: Yuv420) -> None:
        """On the first picture: draw the hook, look where it stands, and know which picture shows the worst."""
        stage = self.stage
        later = self.dressing.after_cuts(self._life.end_s)
        ground = [laid, *(self._laid(framed, timed.index, timed.pts_s) for timed, framed in later)]
        self._overlay = self._typesetter.render_hook(
            self._placed, [rgb_of(one) for one in ground], float(stage.fps), self._life
        )
        em = self._overlay.art.face.size
        if em < LEAST_EM * self.placement.width:
            raise CopyRefused(
                f"The hook {self.dressing.plan.hook.on_screen!r} would be set {em:.0f} px high in "
                f"{self.placement.name}, too small to read.",
                remedy="Shorten it, or give that placement a larger clear box.",
            )
        zones = measure_zones(
            self._framed, self._mapped, self.placement.size, self.placement.clear_box, self._overlay.life_box
        )
        self.figures["zones"] = zones
        self._worst = (
            zones["worst_frame"] if zones["worst_frame"] is not None else self.stage.shots[0].first_frame
        )

    def _mapped(self, one: Sighting, box: Box) -> Box:
        return self.layouts[self.stage.shot_of(one.index)].map_box(box, one.time_s)

    def _show_zones(self, picture: Yuv420) -> None:
        assert self._overlay is not None  # noqa: S101  # set on the first picture
        found = [one for one in self._framed if one.index == self._worst]
        boxes = {
            name: [self._mapped(one, box) for one in found for box in getattr(one, kind)]
            for name, kind in (("face", "faces"), ("product text", "labels"))
        }
        told = {"hook": [self._overlay.life_box], **boxes}
        write_picture(draw_zones(rgb_of(picture), self.placement.clear_box, told), self._files["zones"])

    def _told(self, layout: PictureLayout, shot: Shot) -> dict[str, Any]:
        window = layout.window
        return {
            "from_s": round(shot.start_s, 3),
            "share": round(window.share, 4),
            "saliency_lost": window.loss,
            "border": window.filled,
            "moves": not window.path.is_still,
            "acceleration": round(window.path.most_acceleration, 4),
        }


def _even(frame: Any) -> Any:
    return frame[: frame.shape[0] & ~1, : frame.shape[1] & ~1]
