"""Texts through time: detections of sampled frames joined into lives whose ends are exact to the frame.

Belongs here: following known texts forwards and backwards through a short memory of frames. Does not: finding text
in a picture, pixels of masks (mask_growth), overlay or label (text_kinds).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.text_boxes import (
    Box,
    FoundQuad,
    box_area,
    box_overlap,
    clip_box,
    line_height,
    quad_box,
    quad_sides,
)
from adcraft_resources.algorithms.text_evidence import Step, Surroundings, surroundings_box, unrest_between
from adcraft_resources.algorithms.text_presence import (
    Pose,
    Presence,
    TextTemplate,
    cut_template,
    find_pose,
    measure_presence,
)
from adcraft_resources.algorithms.values import Quad, Yuv420

HOME = Pose()
ABSENT = Presence(0.0, 0.0, 0.0)
MIN_SCORE = 0.6  # a detector's mean probability; scenery drawn in strokes scores less
COVERED = 0.75  # share of a detection under known texts that makes it known
POP_STEPS = (
    0.45,
    0.55,
    0.65,
    0.75,
    0.86,
    0.94,
    1.0,
    1.07,
    1.16,
    1.3,
    1.45,
)  # size changes from frame to frame
EVIDENCE_STEP = 3  # frames between two that count as evidence


@dataclass(slots=True)
class TextLife:
    """One text from its first to its last frame.

    `settled_first`/`settled_last` bound the frames at full strength; `poses` holds the frames away from home.
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

    @property
    def moving(self) -> bool:
        """The text leaves its home for a good part of its life, not only while it pops in."""
        return len(self.poses) > 0.5 * (self.last_frame - self.first_frame + 1)


@dataclass(frozen=True, slots=True)
class Trace:
    """Following a text frame by frame: the last frame it was seen in, the last at full strength, its poses."""

    end: int
    settled: int
    poses: dict[int, Pose]
    lost: bool


def shift_quad(quad: Quad, pose: Pose) -> Quad:
    """Return `quad` moved and scaled about its centre."""
    points = np.array(quad)
    center = points.mean(axis=0)
    moved = (points - center) * pose.scale + center + [pose.dx, pose.dy]
    (a, b), (c, d), (e, f), (g, h) = ((float(x), float(y)) for x, y in moved)
    return (a, b), (c, d), (e, f), (g, h)


class TextTracker:
    """Streaming: `push` every frame, `see` the detections of some of them, `take_closed` finished lives.

    Args:
        size: Height and width of the frames.
        cuts: First frames of the shots after the first.
        memory: Frames remembered; a text found late can be traced back that far.
    """

    def __init__(self, size: tuple[int, int], cuts: Iterable[int], *, memory: int) -> None:
        self.size = size
        self._cuts = frozenset(cuts)
        self._ring: deque[tuple[int, Yuv420]] = deque(maxlen=memory)
        self._open: list[TextLife] = []
        self._closed: list[TextLife] = []
        self._recent: deque[TextLife] = deque(maxlen=24)
        self._seen_at = self._looked_to = -1
        self._tried: set[int] = set()
        self._next_id = 0

    def push(self, index: int, picture: Yuv420) -> None:
        """Remember the next frame."""
        self._ring.append((index, picture))

    def see(self, found: Sequence[FoundQuad]) -> None:
        """Take in what a detector found in the latest frame."""
        now, picture = self._ring[-1]
        for life in list(self._open):
            self._continue(life, now, picture)
        for item in found:
            if item.score >= MIN_SCORE and not self._known(item.quad, now):
                self._begin(item, now)
        for life in self._open:
            self._gather(life, now)
        self._seen_at = now

    def finish(self) -> list[TextLife]:
        """Close everything at the last frame and return what was not taken yet."""
        if self._ring:
            now, picture = self._ring[-1]
            if now != self._seen_at:
                for life in list(self._open):
                    self._continue(life, now, picture)
                    self._gather(life, now)
            for life in list(self._open):
                self._close(life)
        return self.take_closed()

    def cuts_in(self, life: TextLife) -> int:
        """Return how many cuts a life outlasts."""
        return sum(life.first_frame < cut <= life.last_frame for cut in self._cuts)

    def take_closed(self) -> list[TextLife]:
        """Hand over the lives that ended since the last call."""
        closed, self._closed = self._closed, []
        return closed

    def picture(self, index: int) -> Yuv420 | None:
        """Return a remembered frame."""
        first = self._ring[0][0]
        return self._ring[index - first][1] if 0 <= index - first < len(self._ring) else None

    @property
    def open_lives(self) -> Sequence[TextLife]:
        """The texts that stand in the latest frame."""
        return tuple(self._open)

    # -- beginnings and ends -------------------------------------------------------------------------------------

    def _known(self, quad: Quad, frame: int) -> bool:
        box = quad_box(quad, self.size)
        standing = [o for o in (*self._open, *self._recent) if o.first_frame <= frame <= o.last_frame]
        boxes = [quad_box(shift_quad(o.template.quad, o.poses.get(frame, HOME)), self.size) for o in standing]
        return sum(box_overlap(box, other) for other in boxes) >= COVERED * box_area(box)

    def _begin(self, item: FoundQuad, at: int) -> None:
        """Start a life from a detection in the remembered frame `at`, traced both ways."""
        picture = self.picture(at)
        if picture is None:
            return
        template = cut_template(picture, item.quad)
        back = trace_text(template, [(i, p) for i, p in reversed(self._ring) if i < at], at, HOME)
        ahead = trace_text(template, [(i, p) for i, p in self._ring if i > at], at, HOME)
        life = TextLife(
            id=self._next_id,
            template=template,
            score=item.score,
            seen_at=at,
            first_frame=back.end,
            last_frame=ahead.end,
            settled_first=back.settled,
            settled_last=ahead.settled,
            surroundings=Surroundings(surroundings_box(item.quad, self.size)),
            poses=back.poses | ahead.poses,
            quads=[(at, item.quad)],
            counted_to=back.settled - 1,
        )
        self._next_id += 1
        life.pose = life.poses.get(life.last_frame, HOME)
        life.surroundings.appears = self._step(life, life.first_frame - 1, life.settled_first, -1)
        self._replace_shorter(life)
        if ahead.lost or life.settled_last < self._ring[-1][0]:
            self._close(life)
        else:
            self._open.append(life)

    def gaps(self) -> list[tuple[int, Box]]:
        """Return (frame, area) worth a look: frames between a text's end and the next one at its place.

        Captions that change faster than the looks leave such gaps.
        """
        now = self._ring[-1][0]
        found = []
        for life in self._recent:
            if life.last_frame < self._looked_to or life.first_frame > now or life.moving:
                continue
            found.extend(self._gaps_around(life, now))
        return found

    def _gaps_around(self, life: TextLife, now: int) -> list[tuple[int, Box]]:
        area = self._caption_area(life)
        others = [o for o in (*self._open, *self._recent) if o is not life and self._near(o, area)]
        result = []
        after = min((o.first_frame for o in others if o.last_frame > life.last_frame), default=now + 1)
        if life.last_frame + 1 < after:
            result.append(((life.last_frame + after) // 2, area))
        before = max(
            (o.last_frame for o in others if o.first_frame < life.first_frame), default=self._looked_to
        )
        if before + 1 < life.first_frame:
            result.append(((before + life.first_frame) // 2, area))
        return [
            (frame, box)
            for frame, box in result
            if frame not in self._tried and self.picture(frame) is not None
        ]

    def _caption_area(self, life: TextLife) -> Box:
        tall = line_height(life.template.quad)
        left, top, right, bottom = quad_box(life.template.quad, self.size, pad=0.8 * tall)
        wide = round(max(0.5 * (right - left), 2 * tall))
        return clip_box((left - wide, top, right + wide, bottom), self.size)

    def _near(self, life: TextLife, area: Box) -> bool:
        box = quad_box(life.template.quad, self.size)
        return box_overlap(box, area) >= 0.5 * box_area(box)

    def look_back(self, frame: int, found: Sequence[FoundQuad]) -> None:
        """Take in what a detector found in a remembered frame."""
        self._tried.add(frame)
        for item in found:
            if item.score >= MIN_SCORE and not self._known(item.quad, frame):
                self._begin(item, frame)

    def looked(self) -> None:
        """Forget the gaps up to the latest frame."""
        self._looked_to = self._ring[-1][0]
        self._tried.clear()

    def _replace_shorter(self, life: TextLife) -> None:
        """Drop closed lives that were only an earlier stage (a pop, a fade) of the new one."""
        box = quad_box(life.template.quad, self.size)
        for old in list(self._closed):
            inside = life.first_frame <= old.first_frame and old.last_frame <= life.last_frame
            old_box = quad_box(old.template.quad, self.size)
            if inside and box_overlap(box, old_box) >= COVERED * box_area(old_box):
                self._closed.remove(old)

    def _continue(self, life: TextLife, now: int, picture: Yuv420) -> None:
        start = life.last_frame
        if measure_presence(life.template, picture, life.pose).full and life.pose.scale == 1.0:
            if life.pose != HOME:
                life.poses.update(dict.fromkeys(range(start + 1, now + 1), life.pose))
            life.last_frame = life.settled_last = now
            return
        frames = [(index, frame) for index, frame in self._ring if index > start]
        trace = trace_text(life.template, frames, start, life.pose)
        life.poses.update(trace.poses)
        life.last_frame, life.settled_last = trace.end, trace.settled
        if trace.lost or trace.settled < now:
            self._close(life)
        else:
            life.pose = trace.poses.get(now, HOME)
            life.quads.append((now, shift_quad(life.template.quad, life.pose)))

    def _close(self, life: TextLife) -> None:
        self._gather(life, life.settled_last)
        life.surroundings.vanishes = self._step(life, life.last_frame + 1, life.settled_last, 1)
        life.closed = True
        if life in self._open:
            self._open.remove(life)
        self._closed.append(life)
        self._recent.append(life)

    # -- evidence ------------------------------------------------------------------------------------------------

    def _gather(self, life: TextLife, now: int) -> None:
        for index, picture in self._ring:
            due = index - life.counted_to >= EVIDENCE_STEP or life.surroundings.count < 6
            if (
                life.settled_first <= index <= now
                and index > life.counted_to
                and due
                and index not in life.poses
            ):
                life.surroundings.add(picture)
                if life.surroundings.count % 4 == 1:
                    life.surroundings.add_colour(picture)
                life.counted_to = index

    def _step(self, life: TextLife, outside: int, inside: int, away: int) -> Step | None:
        """Compare the frame just outside a life with the first settled one, unless a cut lies between."""
        without, shown = self.picture(outside), self.picture(inside)
        if without is None or shown is None or self._cut_between(outside, inside):
            return None
        gap = max(1, abs(outside - inside))
        pairs = [(outside + away * k, outside + away * (k + gap)) for k in range(3)]
        pairs += [(inside - away * k, inside - away * (k + gap)) for k in range(3)]
        box = life.surroundings.box
        unrest = unrest_between([p for a, b in pairs if (p := self._pair(a, b)) is not None], box)
        clean = self._clear_of_others(life, outside)
        return Step(crop_yuv(without, box), crop_yuv(shown, box), unrest, clean)

    def _pair(self, a: int, b: int) -> tuple[Yuv420, Yuv420] | None:
        first, second = self.picture(a), self.picture(b)
        return None if first is None or second is None or self._cut_between(a, b) else (first, second)

    def _cut_between(self, a: int, b: int) -> bool:
        return any(cut in self._cuts for cut in range(min(a, b) + 1, max(a, b) + 1))

    def _clear_of_others(self, life: TextLife, frame: int) -> bool:
        """Say whether no other text stood at the life's place in `frame`."""
        box = quad_box(life.template.quad, self.size)
        others = [
            o
            for o in (*self._open, *self._recent)
            if o is not life and o.first_frame <= frame <= o.last_frame
        ]
        return not any(box_overlap(box, quad_box(o.template.quad, self.size)) for o in others)


def trace_text(template: TextTemplate, frames: Iterable[tuple[int, Yuv420]], start: int, pose: Pose) -> Trace:
    """Follow a text through neighbouring frames until it is gone.

    Args:
        template: The letters.
        frames: (index, picture) in the order to follow, forwards or backwards, from the neighbour of `start`.
        start: A frame where the text stands fully at `pose`.
        pose: Its place there.
    """
    end = settled = start
    poses: dict[int, Pose] = {}
    velocity = (0, 0)
    strength, fading, lost = 1.0, False, False
    for index, picture in frames:
        here = measure_presence(template, picture, pose) if pose.scale == 1.0 else ABSENT
        if here.full and not fading:
            end = settled = index
            velocity = (0, 0)
            if pose != HOME:
                poses[index] = pose
            continue
        near = Pose(pose.dx + velocity[0], pose.dy + velocity[1], pose.scale)
        found = None if fading else _follow(template, picture, near, here)
        if found is not None:
            velocity = (found.dx - pose.dx, found.dy - pose.dy)
            pose, end, settled = found, index, settled if found.scale != 1.0 else index
        elif pose.scale == 1.0 and here.faint and here.match < 0.7 and here.strength <= strength + 0.04:
            end, strength, fading = index, here.strength, True
        else:
            lost = True
            break
        if pose != HOME:
            poses[index] = pose
    return Trace(end, settled, poses, lost)


def _follow(template: TextTemplate, picture: Yuv420, near: Pose, here: Presence) -> Pose | None:
    """Find a text that moved or changed its size since the last frame."""
    width, height = quad_sides(template.quad)
    tall = line_height(template.quad)
    reach = (round(max(12.0, 0.8 * tall)), round(max(12.0, 0.8 * tall)))
    need = 0.62 if template.sure and width * height > 40 * 40 else 0.75
    pose, score = find_pose(template, picture, Pose(near.dx, near.dy), reach)
    there = measure_presence(template, picture, pose)
    if (
        near.scale == 1.0
        and score >= need
        and there.match >= 0.5
        and there.correlation > here.correlation + 0.1
    ):
        return pose
    if here.faint and here.match < 0.7 and here.strength > 0.1:
        return None  # a fade rather than a change of size
    if near.scale == 1.0 and score > 0.9 and there.match >= 0.5:
        return None
    best, scaled = near, -1.0
    for factors in (POP_STEPS, (0.93, 0.965, 1.035, 1.07)):
        base = near.scale if scaled < 0 else best.scale
        sizes = tuple(round(base * factor, 4) for factor in factors if 0.15 <= base * factor <= 1.7)
        other, value = find_pose(template, picture, Pose(near.dx, near.dy), (12, 12), sizes)
        if value > scaled:
            best, scaled = other, value
    there = measure_presence(template, picture, best)
    return best if scaled >= max(need, 0.66) and there.match >= 0.6 and there.correlation >= 0.6 else None
