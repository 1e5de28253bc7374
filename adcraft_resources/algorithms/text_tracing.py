"""Following one known text from frame to frame: standing, shifted, scaled or fading, until it is gone.

Belongs here: one template along neighbouring frames. Does not: one frame (text_presence), many texts (text_tracks).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from adcraft_resources.algorithms.text_boxes import box_area, box_overlap, line_height, quad_sides
from adcraft_resources.algorithms.text_lives import HOME
from adcraft_resources.algorithms.text_presence import (
    FULL_MATCH,
    Pose,
    Presence,
    TextTemplate,
    find_pose,
    measure_presence,
)
from adcraft_resources.algorithms.values import Yuv420

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
SMALLEST, LARGEST = 0.15, 1.7  # sizes a pop goes through
MOVED_MATCH, MOVED_GAIN = 0.5, 0.1  # letters in colour at a new place, and how much better than at the old
SURE_SCORE = 0.9  # found at the old size, beyond doubt
LEAP, LEAP_SCORE = 0.16, 0.8  # of the long side a slide may go in a frame; of the search and the letters
SIZED_SCORE, SIZED_MATCH, SIZED_CORRELATION = 0.66, 0.4, 0.7  # at another size: of the search, of the letters
MIN_STEPS = 2  # frames that show how fast a text fades
SHRUNK, SHRUNK_TAIL = 0.9, 2  # a size on the way to nothing; frames in which it may be too small to be found
RIM = 0.3  # line heights around letters that their outline or plate may fill
LEAST_SPEED = 0.1  # line heights a frame from which on a text slides
MAX_TAIL = 6  # frames of a fade too weak to be seen in the scene
FADE_NOISE, MAX_WAIT = 0.02, 4  # of strength; frames without a change after which a fade is over
ABSENT = Presence(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Trace:
    """Following a text frame by frame: the last frame it was seen in, the last at full strength, its poses."""

    end: int
    settled: int
    poses: dict[int, Pose]
    lost: bool


def trace_text(template: TextTemplate, frames: Iterable[tuple[int, Yuv420]], start: int, pose: Pose) -> Trace:
    """Follow a text through neighbouring frames until it is gone.

    Args:
        template: The letters.
        frames: (index, picture) in the order to follow, forwards or backwards, from the neighbour of `start`.
        start: A frame where the text stands fully at `pose`.
        pose: Its place there.
    """
    settled = start
    poses: dict[int, Pose] = {}
    velocity = (0, 0)
    fade = Fade(start)
    lost = False
    following = iter(frames)
    for index, picture in following:
        here = measure_presence(template, picture, pose) if pose.scale == 1.0 else ABSENT
        found = None
        if here.full and not fade.begun:
            settled = fade.end = index
            velocity = (0, 0)
        else:
            near = Pose(pose.dx + velocity[0], pose.dy + velocity[1], pose.scale)
            found = None if fade.begun else _follow(template, picture, near, here)
            if found is None and not fade.goes_on(index, here):
                lost = True
                rest = [(index, picture), *islice(following, MAX_TAIL - 1)]
                fade.end_with([later for later, _ in rest])
                if not fade.begun:
                    unseen = _unseen_poses(template, rest, pose, velocity)
                    poses.update(unseen)
                    fade.end = max(unseen, key=lambda at: abs(at - start), default=fade.end)
                break
        if found is not None:
            velocity = (found.dx - pose.dx, found.dy - pose.dy)
            pose, settled = found, settled if found.scale != 1.0 else index
            fade.end = index
        if pose != HOME:
            poses[index] = pose
    return Trace(fade.end, settled, poses, lost)


def _unseen_poses(
    template: TextTemplate, frames: Sequence[tuple[int, Yuv420]], pose: Pose, velocity: tuple[int, int]
) -> dict[int, Pose]:
    """Return where a text that was lost on its way must stand in the next frames: too small, or cut off."""
    if pose.scale < SHRUNK:
        return {index: pose for index, _ in frames[:SHRUNK_TAIL]}
    return _leaving(template, frames, pose, velocity) if pose.scale == 1.0 else {}


def _leaving(
    template: TextTemplate, frames: Sequence[tuple[int, Yuv420]], pose: Pose, velocity: tuple[int, int]
) -> dict[int, Pose]:
    """Return where a text that slides off the screen stands in the frames in which it is cut off by the rim."""
    height, width = frames[0][1].size
    left, top, right, bottom = template.box
    if max(map(abs, velocity)) < LEAST_SPEED * line_height(template.quad):
        return {}
    rim = round(RIM * line_height(template.quad))
    going: dict[int, Pose] = {}
    for index, _ in frames:
        pose = Pose(pose.dx + velocity[0], pose.dy + velocity[1])
        place = (left + pose.dx, top + pose.dy, right + pose.dx, bottom + pose.dy)
        seen = box_overlap(place, (-rim, -rim, width + rim, height + rim))
        if box_overlap(place, (0, 0, width, height)) == box_area(place):  # it stopped before the rim
            return {}
        if seen == 0:
            break
        going[index] = pose
    return going


@dataclass(slots=True)
class Fade:
    """A text growing weaker from frame to frame; `end` is the last frame that belongs to it."""

    end: int
    strength: float = 1.0
    begun: bool = False
    waiting: int = 0
    steps: int = 0

    def goes_on(self, index: int, here: Presence) -> bool:
        """Take in the next frame; false when the text is gone.

        What stays equally weak is scenery that happens to resemble the letters: those frames are not counted.
        """
        if not here.faint or here.match >= FULL_MATCH or here.strength > self.strength + FADE_NOISE:
            return False
        self.begun = True
        if here.strength > self.strength - FADE_NOISE:
            self.waiting += 1
            return self.waiting < MAX_WAIT
        self.steps += 1 + self.waiting
        self.end, self.strength, self.waiting = index, here.strength, 0
        return True

    def end_with(self, following: Sequence[int]) -> None:
        """Add the frames in which the fade, going on as it went, is too weak to be told from the scene."""
        if self.steps < MIN_STEPS:
            return
        left = math.ceil(self.strength * self.steps / max(1.0 - self.strength, FADE_NOISE))
        beyond = [index for index in following if abs(index - self.end) <= left]
        self.end = beyond[-1] if beyond else self.end


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
        and there.match >= MOVED_MATCH
        and there.correlation > here.correlation + MOVED_GAIN
    ):
        return pose
    if near.scale == 1.0 and score > SURE_SCORE and there.match >= MOVED_MATCH:
        return None
    leap = _leap(template, picture, near) if near.scale == 1.0 else None
    if leap is not None:
        return leap
    best, scaled = near, -1.0
    for factors in (POP_STEPS, (0.93, 0.965, 1.035, 1.07)):
        base = near.scale if scaled < 0 else best.scale
        sizes = tuple(round(base * factor, 4) for factor in factors if SMALLEST <= base * factor <= LARGEST)
        other, value = find_pose(template, picture, Pose(near.dx, near.dy), (12, 12), sizes)
        if value > scaled:
            best, scaled = other, value
    there = measure_presence(template, picture, best)
    # A weak text at the old size is a fade, unless another size explains it clearly better.
    least = max(SIZED_CORRELATION, here.correlation + MOVED_GAIN)
    fits = there.match >= SIZED_MATCH and there.correlation >= least
    return best if fits and scaled >= max(need, SIZED_SCORE) else None


def _leap(template: TextTemplate, picture: Yuv420, near: Pose) -> Pose | None:
    """Find a text that slides in or out by more than its height a frame; asks for a sure hit."""
    reach = round(LEAP * max(picture.size)), round(0.5 * LEAP * min(picture.size))
    pose, score = find_pose(template, picture, near, reach)
    there = measure_presence(template, picture, pose)
    return (
        pose
        if score >= LEAP_SCORE and there.match >= FULL_MATCH and there.correlation >= LEAP_SCORE
        else None
    )
