"""The look that carries restyled keyframes through a clip, shot by shot.

Belongs here: joining the looks learned per shot into one. Does not: learning them (look_propagation.py), making the
restyled keyframes, which is a stylist's work.
"""

from __future__ import annotations

from collections.abc import Sequence

from adcraft_resources.algorithms.grain import Grain
from adcraft_resources.algorithms.key_pairs import KeyPair
from adcraft_resources.algorithms.look_propagation import ShotLook, agree_keys, fit_look, learn_shot, look_at
from adcraft_resources.algorithms.looks import FrameLook
from adcraft_resources.algorithms.values import Frame, Shot


class PropagatedLook(FrameLook):
    """Restyled keyframes carried to every frame, never across a cut.

    Args:
        pairs: Keyframes as they were and restyled; at least one. Each shot should have one at its start and end.
        shots: All shots of the clip in order.
        grain: Laid on at the end.
        seed: Of the grain.

    A shot without a key takes the colours of all keys together. Raises ValueError where there is no key at all.
    """

    def __init__(self, pairs: Sequence[KeyPair], shots: Sequence[Shot], grain: Grain, seed: int) -> None:
        if not pairs:
            raise ValueError("a look cannot be carried from no keyframes")
        agreed = sorted(agree_keys(pairs), key=lambda pair: pair.index)
        self._fallback: ShotLook | None = None
        self._agreed = agreed
        self._shots = [(shot, self._learn(shot)) for shot in shots]
        errors = [look.error for _, look in self._shots if look is not None and look.error is not None]
        super().__init__(grain, seed, {"left_out_error": max(errors, default=None)})

    def _learn(self, shot: Shot) -> ShotLook | None:
        keys = [pair for pair in self._agreed if shot.first_frame <= pair.index <= shot.last_frame]
        return learn_shot(keys) if keys else None

    def apply(self, frame: Frame, index: int, pts_s: float) -> Frame:
        """The restyled frame."""
        return look_at(self._look_of(index), frame, index)

    def _look_of(self, index: int) -> ShotLook:
        for shot, look in self._shots:
            if look is not None and shot.first_frame <= index <= shot.last_frame:
                return look
        if self._fallback is None:
            self._fallback = fit_look(self._agreed, "cube")
        return self._fallback
