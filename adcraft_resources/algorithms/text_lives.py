"""One text (or emoji, sticker) through time: the record that tracking fills and masks and decisions read.

Belongs here: the record and its geometry. Does not: following (text_tracing), bookkeeping (text_tracks).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from adcraft_resources.algorithms.text_boxes import Box, quad_box
from adcraft_resources.algorithms.text_evidence import Surroundings
from adcraft_resources.algorithms.text_presence import Pose, TextTemplate
from adcraft_resources.algorithms.values import MaskSpan, Quad

HOME = Pose()


@dataclass(frozen=True, slots=True)
class Arrival:
    """One end of a life, told from frame `bare` without it and `at_rest` with it.

    `spans` mask its frames of coming (or going), `rest` the frame at rest (None: nothing came).
    `letters_share` of the text's box came; `known` says that beyond the spans the text was seen to be absent.
    """

    bare: int
    at_rest: int
    spans: tuple[MaskSpan, ...]
    rest: MaskSpan | None
    letters_share: float
    known: bool


@dataclass(slots=True)
class TextLife:
    """One text from its first to its last frame.

    `settled_first`/`settled_last` bound the frames at full strength; `poses` holds the frames away from home.
    `picture` marks an emoji, sticker or logo that was found by its sudden appearance, not by its letters;
    up to `loose_until` it may stand anywhere inside its outline.
    `bar` is the box of a plate over the whole width it stands on. Following goes on from `sure_to`, the last frame
    known at full strength: what fades or shrinks at the latest frame is followed again when more of it is known.
    """

    id: int
    template: TextTemplate
    score: float
    seen_at: int
    first_frame: int
    last_frame: int
    settled_first: int
    settled_last: int
    surroundings: Surroundings
    poses: dict[int, Pose] = field(default_factory=dict)
    quads: list[tuple[int, Quad]] = field(default_factory=list)
    pose: Pose = HOME
    scene_moves: list[tuple[float, float, float, float]] = field(default_factory=list)
    counted_to: int = -1
    closed: bool = False
    picture: bool = False
    loose_until: int = -1
    bar: Box | None = None
    came: Arrival | None = None
    went: Arrival | None = None
    riding_votes: int = 0
    standing_votes: int = 0
    voted_to: int = -1
    sure_to: int = -1

    @property
    def box(self) -> Box:
        """The upright box at home."""
        return self.template.box

    def box_at(self, frame: int, size: tuple[int, int]) -> Box:
        """Return the upright box at a frame of (h, w) `size`."""
        return quad_box(shift_quad(self.template.quad, self.poses.get(frame, HOME)), size)

    @property
    def moving(self) -> bool:
        """The text leaves its home for a good part of its life, not only while it pops in."""
        return len(self.poses) > 0.5 * (self.last_frame - self.first_frame + 1)

    def keep_to_arrivals(self) -> None:
        """Let the life begin and end where it was seen to: following a weak text may have run on into the scene."""
        if self.came is not None and self.came.known:
            frames = [span.first_frame for span in self.came.spans]
            self.first_frame = min([self.settled_first, *frames])
        if self.went is not None and self.went.known:
            frames = [span.last_frame for span in self.went.spans]
            self.last_frame = max([self.settled_last, *frames])


def shift_quad(quad: Quad, pose: Pose) -> Quad:
    """Return `quad` moved and scaled about its centre."""
    points = np.array(quad)
    center = points.mean(axis=0)
    moved = (points - center) * pose.scale + center + [pose.dx, pose.dy]
    (a, b), (c, d), (e, f), (g, h) = ((float(x), float(y)) for x, y in moved)
    return (a, b), (c, d), (e, f), (g, h)
