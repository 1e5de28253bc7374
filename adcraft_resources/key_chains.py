"""Keyframes restyled one after the other, each shown the one before: the chain a variant's look comes from.

Belongs here: the order of keys, what each is shown, several variants in step, several chains at once. Does not: who
restyles (flux_runtime), keeping pictures and styles (flux_stylist), learning a look from them (algorithms).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.flow_carrying import (
    blend,
    match_key,
    scene_motion,
    small_luma,
    texture_of,
)
from adcraft_resources.algorithms.key_pairs import KeyPair
from adcraft_resources.algorithms.values import Frame, Keyframe

if TYPE_CHECKING:
    from adcraft_resources.models.engine_values import PromptEmbedding, Restyle

Keys = Sequence[tuple[Keyframe, Frame]]
Result = TypeVar("Result")
AT_ONCE = 2  # chains: while one's pictures are finished and moved on the CPU, the other has the device


@dataclass(frozen=True)
class Wanted:
    """How one variant asks for its keys."""

    prompt: PromptEmbedding
    seed: int
    strength: float
    guidance: float


def choose_keys(keys: Keys, most: int) -> list[tuple[Keyframe, Frame]]:
    """Return at most `most` keys in order: first keys of shots while there is room, then spread over the rest."""
    ordered = sorted(keys, key=lambda one: one[0].frame)
    if len(ordered) <= most:
        return ordered
    firsts = [at for at, (key, _) in enumerate(ordered) if at == 0 or ordered[at - 1][0].shot != key.shot]
    picked = set(firsts[:most])
    rest = [at for at in range(len(ordered)) if at not in picked]
    room = most - len(picked)
    picked |= {rest[round(i)] for i in np.linspace(0, len(rest) - 1, room)} if room else set()
    return [ordered[at] for at in sorted(picked)]


def restyle_keys(
    keys: Keys,
    wanted: Mapping[str, Wanted],
    make: Callable[[Mapping[str, Restyle]], Mapping[str, Frame]],
    *,
    guide: bool,
) -> dict[str, list[KeyPair]]:
    """Restyle the keys for several variants in step: a batch is one key in all of them.

    Args:
        keys: In order of time.
        wanted: What each variant asks for.
        make: Restyles one key for all variants; a variant it leaves out has no further keys and no chain.
        guide: Whether a key is shown the key before it of the same shot, restyled and moved to it.
    """
    from adcraft_resources.models.engine_values import Restyle

    pairs: dict[str, list[KeyPair]] = {name: [] for name in wanted}
    shot_before = None
    for key, frame in keys:
        guided = guide and key.shot == shot_before
        guides = _moved_all(frame, {name: made[-1] for name, made in pairs.items()}) if guided else {}
        requests = {
            name: Restyle(frame, one.prompt, one.seed, one.strength, one.guidance, guides.get(name))
            for name, one in wanted.items()
            if name in pairs
        }
        styled = make(requests)
        pairs = {name: chain for name, chain in pairs.items() if name in styled}
        for name, chain in pairs.items():
            chain.append(KeyPair(key.frame, frame, styled[name]))
        if not pairs:
            break
        shot_before = key.shot
    return pairs


def in_turn(groups: Sequence[Sequence[str]], develop: Callable[[Sequence[str]], Result]) -> Iterator[Result]:
    """Yield what `develop` makes of each group, in order, AT_ONCE at work. Closing it drops what was not begun."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="keys") as pool:
        begun = [pool.submit(develop, group) for group in groups]
        try:
            for one in begun:
                yield one.result()
        finally:
            for one in begun:
                one.cancel()


def _moved_all(frame: Frame, before: Mapping[str, KeyPair]) -> dict[str, Frame]:
    """Each variant's key of earlier moved to `frame`; they all saw the same scene move."""
    motion = scene_motion(frame, next(iter(before.values())).source)
    with ThreadPoolExecutor(len(before)) as pool:
        moved = pool.map(lambda pair: moved_to(frame, pair, motion), before.values())
        return dict(zip(before, moved, strict=True))


def moved_to(frame: Frame, before: KeyPair, motion: NDArray[np.float64] | None = None) -> Frame:
    """The restyled key of earlier, moved along the scene's motion; the frame itself where it cannot be followed."""
    change = before.styled.astype(np.float32) - before.source
    similarity = scene_motion(frame, before.source) if motion is None else motion
    whole = np.vstack([similarity, (0.0, 0.0, 1.0)])
    texture = texture_of(before.index, before.source, change)
    match = match_key(small_luma(frame), texture, whole)
    carried = blend(frame.shape[:2], [(texture, match, 1.0)])
    return np.clip(np.rint(frame + carried), 0, 255).astype(np.uint8)
