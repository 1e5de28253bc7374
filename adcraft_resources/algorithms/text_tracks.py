"""Texts through time: detections of sampled frames joined into lives whose ends are exact to the frame.

Belongs here: bookkeeping over a short memory of frames. Does not: finding text in a picture, following one text
(text_tracing), pixels of masks (mask_growth), overlay or label (text_kinds).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.screen_steps import (
    SLOW_STEP,
    ScreenStep,
    StepWatch,
    changed_at_once,
    edge_strength,
    patch_of_step,
)
from adcraft_resources.algorithms.text_boxes import (
    Box,
    FoundQuad,
    box_area,
    box_overlap,
    line_height,
    quad_box,
)
from adcraft_resources.algorithms.text_evidence import Step, Surroundings, surroundings_box, unrest_between
from adcraft_resources.algorithms.text_gaps import find_gaps
from adcraft_resources.algorithms.text_lives import HOME, TextLife, shift_quad
from adcraft_resources.algorithms.text_presence import (
    TextTemplate,
    cut_template,
    measure_presence,
    picture_template,
)
from adcraft_resources.algorithms.text_tracing import trace_text
from adcraft_resources.algorithms.values import Quad, Yuv420

MIN_SCORE = 0.6  # a detector's mean probability; scenery drawn in strokes scores less
COVERED = 0.75  # share of a detection under known texts that makes it known
EVIDENCE_STEP = 3  # frames between two that count as evidence
SLACK = 3  # frames by which a patch and a text that belong together may differ
MIN_PICTURE_FRAMES = 10  # a shorter patch is a flicker of the scene
MIN_PATCH_EDGE = 24.0  # levels along a patch's outline; softer patches are light and shadow


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
        self._watch = StepWatch(size)
        self._steps: list[ScreenStep] = []
        self._next_id = 0

    def push(self, index: int, picture: Yuv420) -> None:
        """Remember the next frame."""
        self._ring.append((index, picture))
        if index in self._cuts:
            self._watch.clear()
        self._steps.extend(self._watch.push(index, picture))

    def see(self, found: Sequence[FoundQuad]) -> None:
        """Take in what a detector found in the latest frame."""
        now, picture = self._ring[-1]
        for life in list(self._open):
            self._continue(life, now, picture)
        self._begin_texts(found, now)
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
        boxes = [o.box_at(frame, self.size) for o in standing]
        return sum(box_overlap(box, other) for other in boxes) >= COVERED * box_area(box)

    def _begin(self, template: TextTemplate, score: float, at: int, *, picture: bool = False) -> None:
        """Start a life from what stands in the remembered frame `at`, traced both ways."""
        back = trace_text(template, [(i, p) for i, p in reversed(self._ring) if i < at], at, HOME)
        ahead = trace_text(template, [(i, p) for i, p in self._ring if i > at], at, HOME)
        life = TextLife(
            id=self._next_id,
            template=template,
            score=score,
            seen_at=at,
            first_frame=back.end,
            last_frame=ahead.end,
            settled_first=back.settled,
            settled_last=ahead.settled,
            surroundings=Surroundings(surroundings_box(template.quad, self.size)),
            poses=back.poses | ahead.poses,
            quads=[(at, template.quad)],
            counted_to=back.settled - 1,
            picture=picture,
        )
        if picture and not self._stands_like_a_picture(life, back.lost, ahead.lost):
            return
        self._next_id += 1
        life.pose = life.poses.get(life.last_frame, HOME)
        life.surroundings.appears = self._step(life, life.first_frame - 1, life.settled_first, -1)
        self._replace_shorter(life)
        if ahead.lost or life.settled_last < self._ring[-1][0]:
            self._close(life)
        else:
            self._open.append(life)

    def _stands_like_a_picture(self, life: TextLife, has_start: bool, has_end: bool) -> bool:
        """An added picture stands still and comes and goes at once, by a pop, or with a cut; things of a scene do not."""
        still_from = max(life.poses, default=life.first_frame - 1) + 1
        popped = life.poses and still_from - life.first_frame <= SLOW_STEP and life.first_frame in life.poses
        if life.last_frame - still_from + 1 < MIN_PICTURE_FRAMES or (life.poses and not popped):
            return False
        ends = [(life.first_frame - 1, life.first_frame)] if has_start and not popped else []
        ends += [(life.last_frame, life.last_frame + 1)] if has_end else []
        return all(self._changes_at_once(life, a, b) for a, b in ends)

    def _changes_at_once(self, life: TextLife, a: int, b: int) -> bool:
        first, second = self.picture(a), self.picture(b)
        if first is None or second is None:
            return False
        return changed_at_once(crop_yuv(first, life.box), crop_yuv(second, life.box), life.template.core)

    def _begin_texts(self, found: Sequence[FoundQuad], at: int) -> None:
        picture = self.picture(at)
        for item in found:
            if picture is not None and item.score >= MIN_SCORE and not self._known(item.quad, at):
                self._begin(cut_template(picture, item.quad), item.score, at)

    def _begin_pictures(self) -> None:
        """Follow the patches that popped up since the last look, unless they belong to a text."""
        steps, self._steps = self._steps, []
        for step in steps:
            without, shown = self.picture(step.before), self.picture(step.after)
            if (
                without is None
                or shown is None
                or self._cut_between(step.before, step.after)
                or self._of_a_text(step)
            ):
                continue
            before, after = crop_yuv(without, step.box), crop_yuv(shown, step.box)
            patch = patch_of_step(before, after)
            if patch is None:
                continue
            hard, soft = edge_strength(after, patch), edge_strength(before, patch)
            if max(hard, soft) < MIN_PATCH_EDGE or not (hard > 1.5 * soft or soft > 1.5 * hard):
                continue
            # The harder outline is the overlay's; where it is the earlier picture's, the patch vanished.
            crop, at = (after, step.after) if hard > soft else (before, step.before)
            self._begin(picture_template(crop, patch, step.box), 1.0, at, picture=True)

    def _of_a_text(self, step: ScreenStep) -> bool:
        """Say whether a step is a known text's doing, or a slow one that no text's coming or going explains."""
        lives = (*self._open, *self._recent)
        for life in lives:
            near = life.first_frame - SLACK <= step.after and step.before <= life.last_frame + SLACK
            own = (
                life.box
                if life.picture
                else quad_box(life.template.quad, self.size, 0.3 * line_height(life.template.quad))
            )
            if near and box_overlap(own, step.box) > 0.05 * min(box_area(own), box_area(step.box)):
                return True
        ends = {
            frame for life in lives if not life.picture for frame in (life.first_frame, life.last_frame + 1)
        }
        return not step.sudden and not any(step.before - SLACK <= end <= step.after + SLACK for end in ends)

    def gaps(self) -> list[tuple[int, Box]]:
        """Return (frame, area) worth a look: captions that change faster than the looks leave gaps."""
        found = find_gaps((*self._open, *self._recent), (self._looked_to, self._ring[-1][0]), self.size)
        return [
            (frame, box)
            for frame, box in found
            if frame not in self._tried and self.picture(frame) is not None
        ]

    def look_back(self, frame: int, found: Sequence[FoundQuad]) -> None:
        """Take in what a detector found in a remembered frame."""
        self._tried.add(frame)
        self._begin_texts(found, frame)

    def looked(self) -> None:
        """Close a look: follow what popped up beside the texts, and forget the gaps up to the latest frame."""
        self._begin_pictures()
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
        if life.picture and life.last_frame < self._ring[-1][0]:
            ended_at_once = self._changes_at_once(life, life.last_frame, life.last_frame + 1)
            if life.poses.get(life.last_frame, HOME) != HOME or not ended_at_once:
                return
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
