"""A variant's pictures before hook and grain: its look, the crop of its first shot, the opening's edits.

Belongs here: what every shape a variant is delivered in has in common. Does not: hook, grain, encoding, figures of
the look (variant_lanes), or laying a picture out in another shape (placements).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from adcraft_resources.algorithms.framing import Crop
from adcraft_resources.algorithms.looks import Look
from adcraft_resources.algorithms.values import Mask, Yuv420
from adcraft_resources.first_frames import FirstFrameSettings, OpeningEdit, cropped, frame_opening
from adcraft_resources.opening_surveys import OpeningSurvey
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import TimedPicture


@dataclass
class Dressing:
    """A plan on its way through the pictures of a video.

    `crop` is held until `first_shot_end`; `edit` does nothing until it is fitted.
    """

    plan: VariantPlan
    look: Look
    survey: OpeningSurvey
    first_shot_end: int
    settings: FirstFrameSettings
    crop: Crop = field(init=False)
    edit: OpeningEdit = field(default_factory=OpeningEdit)

    def __post_init__(self) -> None:
        survey = self.survey
        self.crop = frame_opening(survey.first, self.plan.opening, self.settings, survey.keep_boxes())

    def styled(self, timed: TimedPicture) -> Yuv420:
        """The whole picture in the variant's look."""
        return self.look.apply_yuv(timed.picture, timed.index, timed.pts_s)

    def crop_at(self, index: int) -> Crop:
        """What is cut off picture `index`."""
        return self.crop if index <= self.first_shot_end else Crop()

    def framed(self, styled: Yuv420, index: int) -> Yuv420:
        """The styled picture `index`, cropped while the first shot lasts."""
        return cropped(styled, self.crop_at(index))

    def after_cuts(self, end_s: float) -> list[tuple[TimedPicture, Yuv420]]:
        """A picture of each later shot that is seen before `end_s`, as framed: what a hook stands on there."""
        seen = self.survey.pictures_after_cuts(end_s)
        return [(timed, self.framed(self.styled(timed), timed.index)) for timed in seen]

    def fit(self, framed: Yuv420, index: int) -> None:
        """Find how strongly the opening may be enriched; `framed` is the first picture."""
        self.edit = OpeningEdit.fit(framed, self.plan.opening, self.settings, self.skin_at(index))

    def shown(self, framed: Yuv420, index: int, tick: int) -> Yuv420:
        """The framed picture with the opening's edits, `tick` pictures after the start."""
        if tick >= self.edit.fade_frames:
            return framed
        return self.edit.apply(framed, tick, self.skin_at(index))

    def skin_at(self, index: int) -> Mask | None:
        """Skin as framed; the first picture's serves the few frames of the opening."""
        skin = self.survey.skins.get(self.survey.opening[0])
        if skin is None or index > self.first_shot_end:
            return None
        x, y, w, h = self.crop.window(*skin.shape)
        part = skin[y : y + h, x : x + w].astype(np.uint8)
        size = skin.shape[1], skin.shape[0]
        return cv2.resize(part, size, interpolation=cv2.INTER_NEAREST).astype(np.bool_)
