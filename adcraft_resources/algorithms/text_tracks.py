"""Texts through time: detections of sampled frames joined into lives whose ends are exact to the frame.

Belongs here: bookkeeping. Does not: finding text in a picture, following one text (text_tracing), pictures beside
text (popped_pictures), pixels of masks (mask_growth), overlay or label (text_kinds).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from adcraft_resources.algorithms.arrivals import bare_and_rest, trace_arrival
from adcraft_resources.algorithms.bar_masks import find_bar
from adcraft_resources.algorithms.frame_memory import FrameMemory
from adcraft_resources.algorithms.life_evidence import (
    compare_end,
    compare_start,
    gather_evidence,
    note_scene_move,
)
from adcraft_resources.algorithms.popped_pictures import (
    PoppedPicture,
    companion_is_due,
    companion_of,
    ends_at_once,
    sudden_picture,
)
from adcraft_resources.algorithms.scene_alignment import SceneAlignment
from adcraft_resources.algorithms.scene_votes import cast_vote
from adcraft_resources.algorithms.screen_steps import ScreenStep, StepWatch
from adcraft_resources.algorithms.stickers import REACH as STICKER_REACH
from adcraft_resources.algorithms.stickers import StickerWatch
from adcraft_resources.algorithms.text_blocks import surroundings_in_block
from adcraft_resources.algorithms.text_boxes import Box, FoundQuad, line_height
from adcraft_resources.algorithms.text_evidence import Surroundings, surroundings_box
from adcraft_resources.algorithms.text_gaps import find_gaps
from adcraft_resources.algorithms.text_lives import HOME, Arrival, TextLife, shift_quad
from adcraft_resources.algorithms.text_neighbours import (
    clear_of_others,
    is_known,
    is_stage,
    may_hide_sticker,
    places_of,
    unmixed,
)
from adcraft_resources.algorithms.text_presence import TextTemplate, cut_template, measure_presence
from adcraft_resources.algorithms.text_tracing import Trace, trace_text
from adcraft_resources.algorithms.values import Yuv420

MIN_SCORE = 0.6  # a detector's mean probability; scenery drawn in strokes scores less
MAX_HEIGHT = 0.6  # of the short side; taller “lines” are shapes of the scene
RESTED = 3  # frames without a change after which a pop is over
REMEMBERED = 24  # closed lives that still explain what is found later


class TextTracker:
    """Streaming: `push` every frame, `see` the detections of some of them, `take_closed` finished lives.

    Args:
        size: Height and width of the frames.
        cuts: First frames of the shots after the first.
        memory: Frames remembered; a text found late can be traced back that far.
    """

    def __init__(self, size: tuple[int, int], cuts: Iterable[int], *, memory: int) -> None:
        self.size = size
        self.memory = FrameMemory(memory, cuts)
        self._scene = SceneAlignment(self.memory)
        self.stickers = StickerWatch(self.memory, self._scene)
        self._open: list[TextLife] = []
        self._closed: list[TextLife] = []
        self._recent: deque[TextLife] = deque(maxlen=REMEMBERED)
        self._fresh: list[TextLife] = []
        self._seen_at = self._looked_to = -1
        self._tried: set[int] = set()
        self._watch = StepWatch(size)
        self._steps: list[ScreenStep] = []
        self._next_id = 0

    def push(self, index: int, picture: Yuv420) -> None:
        """Remember the next frame."""
        self.memory.push(index, picture)
        if index in self.memory.cuts:
            self._watch.clear()
        self._steps.extend(self._watch.push(index, picture))

    def see(self, found: Sequence[FoundQuad]) -> None:
        """Take in what a detector found in the latest frame."""
        self._advance()
        self._begin_texts(found, self.memory.now)

    def gaps(self) -> list[tuple[int, Box]]:
        """Return (frame, area) worth a look: captions that change faster than the looks leave gaps."""
        found = find_gaps(self._lives(), (self._looked_to, self.memory.now), self.size)
        return [gap for gap in found if gap[0] not in self._tried and self.memory.picture(gap[0]) is not None]

    def look_back(self, frame: int, found: Sequence[FoundQuad]) -> None:
        """Take in what a detector found in a remembered frame."""
        self._tried.add(frame)
        self._begin_texts(found, frame)

    def looked(self) -> None:
        """End a look: find what popped up beside the texts, and forget the gaps up to the latest frame."""
        due = [life for life in self._fresh if companion_is_due(life, self.memory)]
        self._fresh = [life for life in self._fresh if life not in due]
        for life in due:
            self._enter_picture(companion_of(life, self.memory, self._lives()))
        steps, self._steps = self._steps, []
        for step in steps:
            self._enter_picture(sudden_picture(step, self.memory, self._lives()))
        hidden = self._places()
        for life in self._open:
            gather_evidence(life, self.memory, self.memory.now)
            cast_vote(life, self.memory, self._scene, hidden)
        late = [life for life in self._lives() if life.last_frame >= self.memory.now - STICKER_REACH]
        late = [life for life in late if may_hide_sticker(life, self.size)]
        self.stickers.look(hidden, places_of(late, self.size))
        self._looked_to = self.memory.now
        self._tried.clear()

    def finish(self) -> list[TextLife]:
        """Close everything at the last frame and return what was not taken yet."""
        if self.memory.now >= 0 and self._seen_at != self.memory.now:
            self._advance()
        for life in list(self._open):
            self._close(life)
        return self.take_closed()

    def take_closed(self) -> list[TextLife]:
        """Hand over the lives that ended since the last call."""
        closed, self._closed = self._closed, []
        for life in closed:
            life.went = unmixed(life, self._lives(), life.went)
            step = life.surroundings.vanishes
            if step is not None:  # what follows at its place is known only now
                clean = self._clear(life, life.last_frame + 1)
                life.surroundings.vanishes = replace(step, clean=clean)
        return closed

    def cuts_in(self, life: TextLife) -> int:
        """Return how many cuts a life outlasts."""
        return sum(life.first_frame < cut <= life.last_frame for cut in self.memory.cuts)

    def _lives(self) -> list[TextLife]:
        return [*self._open, *self._recent]

    def _clear(self, life: TextLife, frame: int) -> bool:
        return clear_of_others(life, self._lives(), frame, self.size)

    def _places(self) -> list[Box]:
        """Return the homes of all lives: there the scene may be covered."""
        return [life.box for life in self._lives()]

    def _begin_texts(self, found: Sequence[FoundQuad], at: int) -> None:
        picture = self.memory.picture(at)
        for item in found:
            big = line_height(item.quad) > MAX_HEIGHT * min(self.size)
            if (
                picture is not None
                and item.score >= MIN_SCORE
                and not big
                and not is_known(item.quad, self._lives(), at, self.size)
            ):
                template = cut_template(picture, item.quad)
                back = trace_text(template, self.memory.before(at), at, HOME)
                ahead = trace_text(template, self.memory.after(at), at, HOME)
                held = [life.surroundings.box for life in self._open]
                box = surroundings_in_block(item.quad, [one.quad for one in found], held, self.size)
                life = self._enter(template, item.score, at, (back, ahead), box=box)
                life.bar = find_bar(picture, item.quad)
                if life.first_frame > 0:
                    self._fresh.append(life)

    def _enter_picture(self, found: PoppedPicture | None) -> None:
        if found is not None:
            self._enter(
                found.template, 1.0, found.at, (found.back, found.ahead), loose_until=found.loose_until
            )

    def _enter(
        self,
        template: TextTemplate,
        score: float,
        at: int,
        traces: tuple[Trace, Trace],
        *,
        loose_until: int | None = None,
        box: Box | None = None,
    ) -> TextLife:
        """Start a life from what stands at `at`, traced back and ahead; `loose_until` is given for pictures."""
        back, ahead = traces
        life = TextLife(
            id=self._next_id,
            template=template,
            score=score,
            seen_at=at,
            first_frame=back.end,
            last_frame=ahead.end,
            settled_first=back.settled,
            settled_last=ahead.settled,
            surroundings=Surroundings(box or surroundings_box(template.quad, self.size)),
            poses=back.poses | ahead.poses,
            quads=[(at, template.quad)],
            counted_to=back.settled - 1,
            picture=loose_until is not None,
            loose_until=-1 if loose_until is None else loose_until,
        )
        self._next_id += 1
        life.sure_to = life.settled_last
        life.pose = life.poses.get(life.sure_to, HOME)
        note_scene_move(life, self.memory)
        clean = self._clear(life, life.first_frame - 1)
        hidden = [*self._places(), life.box]
        life.surroundings.appears = compare_start(life, self.memory, self._scene, hidden, clean=clean)
        if not life.picture:
            life.came = self._traced_end(life, hidden, end=False)
            self._replace_stages(life)
        self._open.append(life)
        if ahead.lost or self._is_over(life):
            self._close(life)
        return life

    def _replace_stages(self, life: TextLife) -> None:
        """Drop lives that were only an earlier stage (a pop, a fade) of the new one."""
        for old in [*self._closed, *self._open]:
            if is_stage(old, life, self.size):
                (self._open if old in self._open else self._closed).remove(old)

    def _advance(self) -> None:
        """Follow every open life to the latest frame."""
        now = self._seen_at = self.memory.now
        picture = self.memory.picture(now)
        for life in list(self._open):
            if picture is not None:
                self._continue(life, now, picture)

    def _continue(self, life: TextLife, now: int, picture: Yuv420) -> None:
        start = life.sure_to
        if life.pose.scale == 1.0 and measure_presence(life.template, picture, life.pose).full:
            if life.pose != HOME:
                life.poses.update(dict.fromkeys(range(start + 1, now + 1), life.pose))
            life.last_frame = life.settled_last = life.sure_to = now
            return
        trace = trace_text(life.template, self.memory.after(start), start, life.pose)
        life.poses = {frame: pose for frame, pose in life.poses.items() if frame <= start} | trace.poses
        life.last_frame, life.settled_last = trace.end, trace.settled
        note_scene_move(life, self.memory)
        if trace.lost or self._is_over(life):
            self._close(life)
            return
        life.sure_to = trace.settled
        life.pose = life.poses.get(life.sure_to, HOME)
        if life.sure_to == now:
            life.quads.append((now, shift_quad(life.template.quad, life.pose)))

    def _is_over(self, life: TextLife) -> bool:
        """Say whether nothing is left to wait for: it fades or shrinks for long, or rests at another size."""
        return self.memory.now - life.settled_last > self.memory.length // 2 or self._resized(life)

    def _resized(self, life: TextLife) -> bool:
        """Say whether a text came to rest at another size than that of its letters: they were cut from a pop."""
        latest = [life.poses.get(self.memory.now - back, HOME) for back in range(RESTED)]
        return latest[0].scale != 1.0 and all(pose == latest[0] for pose in latest)

    def _close(self, life: TextLife) -> None:
        gather_evidence(life, self.memory, life.settled_last)
        hidden = self._places()
        life.surroundings.vanishes = compare_end(life, self.memory, self._scene, hidden)
        if not life.picture:
            life.went = self._traced_end(life, hidden, end=True)
        cast_vote(life, self.memory, self._scene, hidden)
        life.keep_to_arrivals()
        life.closed = True
        self._open.remove(life)
        last = life.last_frame
        alone = life.picture and life.loose_until < 0 and last < self.memory.now
        # A thing of the scene that rested for a while moves off; an added picture is gone at once.
        if alone and (life.poses or not ends_at_once(life.template, self.memory, last, last + 1)):
            return
        if any(is_stage(life, other, self.size) for other in self._lives()):
            return
        self._closed.append(life)
        if not self._resized(life):  # what is found now at its place starts a life of its own
            self._recent.append(life)

    def _traced_end(self, life: TextLife, hidden: Sequence[Box], *, end: bool) -> Arrival | None:
        """Return how a life came or went, where no other text stood at its place without it."""
        ends = bare_and_rest(life, self.memory, end=end)
        if ends is None or not self._clear(life, ends[0]):
            return None
        return unmixed(life, self._lives(), trace_arrival(life, self.memory, self._scene, hidden, ends))
