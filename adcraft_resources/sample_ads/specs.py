"""The sample ads themselves, as data: which stills, which moves, which words, which music.

Belongs here: what is shown when. Does not: how anything is drawn.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.sample_ads.camera_moves import Move
from adcraft_resources.sample_ads.overlays import Overlay
from adcraft_resources.sample_ads.sound import Music

SIZE = (1280, 720)  # height and width of every sample
FPS = Fraction(25)


@dataclass(frozen=True)
class SampleShot:
    """A still shown until `end_s` under a camera move."""

    still: str
    end_s: float
    move: Move


@dataclass(frozen=True)
class SampleSpec:
    """One sample ad; `product` names what it sells."""

    name: str
    product: str
    shots: tuple[SampleShot, ...]
    overlays: tuple[Overlay, ...]
    music: Music

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.shots[-1].end_s

    @property
    def frame_count(self) -> int:
        """Frames at FPS."""
        return round(self.duration_s * FPS)

    @property
    def cuts(self) -> tuple[int, ...]:
        """First frames of all shots but the first."""
        return tuple(round(shot.end_s * FPS) for shot in self.shots[:-1])

    def camera_at(self, frame: int, still: tuple[int, int]) -> tuple[SampleShot, NDArray[np.float64]]:
        """The shot of a frame, and the map (2, 3) from its still's pixels, (height, width) `still`, to the frame's."""
        number = bisect_right(self.cuts, frame)
        first, end = (0, *self.cuts)[number], (*self.cuts, self.frame_count)[number]
        share = (frame - first) / max(1, end - first - 1)
        shot = self.shots[number]
        return shot, shot.move.matrix(share, float(frame / FPS), still, SIZE)


_LEAF, _BRICK, _RED, _GOLD, _INK = (38, 92, 62), (176, 72, 40), (222, 42, 52), (247, 181, 38), (24, 24, 28)
_WHITE = (255, 255, 255)

_HERO = SampleSpec(
    "turmeric-hero",
    "turmeric-soap",
    (
        SampleShot("soap-plaster", 2.0, Move((1.04, 1.13), ((0.0, -0.01), (0.0, -0.03)), hand_px=1.5)),
        SampleShot(
            "astronaut", 3.7, Move((1.20, 1.08), ((-0.02, -0.05), (0.01, -0.01)), (0.6, -0.6), "out", 4.0, 1)
        ),
        SampleShot(
            "soap-stack",
            5.6,
            Move((1.14, 1.07), ((0.01, -0.04), (0.0, -0.022)), (-0.9, 0.4), "smooth", 1.0, 2),
        ),
    ),
    (
        Overlay(
            "caption",
            ("The soap everyone", "keeps asking about"),
            (360, 258),
            0.10,
            1.94,
            58,
            words_per_s=4.2,
        ),
        Overlay("sticker", ("love",), (590, 905), 0.75, 1.94, 150, wiggle_deg=7, turn_deg=10),
        Overlay(
            "boxed", ("“It even passed", "the space test”"), (360, 790), 2.10, 3.62, 46, "slide", _WHITE, _INK
        ),
        Overlay("pill", ("2,314 reviews",), (360, 960), 2.40, 3.62, 32, fill=_INK, stars=5),
        Overlay(
            "burst", ("TODAY ONLY", "-30%", "code GLOW"), (545, 205), 3.95, 5.60, 132, fill=_RED, turn_deg=-11
        ),
        Overlay("pill", ("Shop the glow bar",), (360, 1030), 4.35, 5.60, 40, "pop", _LEAF),
        Overlay(
            "legal",
            ("Cosmetic product. Results vary from person to person.",),
            (360, 1216),
            0.0,
            5.60,
            19,
            "cut",
        ),
    ),
    Music(112, ((57, 60, 64, 67), (53, 57, 60, 64), (60, 64, 67, 71), (55, 59, 62, 67))),
)
_ROUTINE = SampleSpec(
    "turmeric-routine",
    "turmeric-soap",
    (
        SampleShot("coffee", 1.4, Move((1.08, 1.18), ((0.0, 0.02), (0.0, -0.02)), (0.0, 1.5), "out", 3.0, 3)),
        SampleShot(
            "soap-tiles", 3.1, Move((1.09, 1.13), ((0.0, 0.01), (0.01, -0.02)), (1.4, -0.8), "smooth", 3.5, 4)
        ),
        SampleShot("cat-card", 4.3, Move((1.02, 1.09), hand_px=2.0, seed=5)),
        SampleShot(
            "soap-tiles",
            5.8,
            Move((1.36, 1.26), ((0.0, -0.07), (0.02, -0.05)), (-6.0, -3.0), "out", 2.0, 6),
        ),
    ),
    (
        Overlay("boxed", ("my 6 am routine", "(no filter)"), (360, 300), 0.10, 1.36, 52, "pop", _WHITE, _INK),
        Overlay("pill", ("STEP 1   lather 30 seconds",), (360, 250), 1.50, 3.04, 36, "slide", _LEAF),
        Overlay(
            "caption",
            ("smells like", "golden milk"),
            (360, 985),
            1.85,
            3.04,
            62,
            ink=(255, 244, 214),
            words_per_s=3.6,
        ),
        Overlay("pill", ("STEP 2   ignore the manager",), (360, 250), 3.15, 4.26, 36, "slide", _LEAF),
        Overlay("sticker", ("sparkles",), (600, 905), 3.30, 4.26, 150, wiggle_deg=10, turn_deg=8),
        Overlay(
            "burst",
            ("3 BARS", "$18", "ships free"),
            (548, 232),
            4.50,
            5.80,
            130,
            fill=_GOLD,
            ink=(60, 30, 4),
            turn_deg=10,
        ),
        Overlay("caption", ("link in bio",), (360, 1010), 4.75, 5.80, 66, "pop", words_per_s=2.8),
    ),
    Music(96, ((62, 65, 69, 72), (55, 59, 62, 65), (60, 64, 67, 71), (57, 60, 64, 67)), 0.3, 3),
)
_COFFEE = SampleSpec(
    "generic-coffee",
    "coffee",
    (
        SampleShot(
            "coffee", 1.8, Move((1.10, 1.16), ((-0.02, 0.03), (0.02, -0.03)), (-0.8, 0.8), "linear", 1.5, 7)
        ),
        SampleShot(
            "rocket", 3.3, Move((1.18, 1.04), ((0.0, 0.06), (0.0, -0.01)), ease="out", hand_px=1.0, seed=8)
        ),
        SampleShot("coffee-carton", 5.2, Move((1.03, 1.13), ((0.0, 0.0), (0.0, -0.01)), hand_px=1.0, seed=9)),
    ),
    (
        Overlay("caption", ("Monday", "needs a launch"), (360, 262), 0.08, 1.74, 66, "pop", words_per_s=3.0),
        Overlay("pill", ("3 … 2 … 1 …",), (360, 1010), 1.95, 3.24, 44, "pop", _BRICK),
        Overlay("boxed", ("small batch,", "big lift-off"), (360, 150), 3.45, 5.20, 46, "slide", _INK, _WHITE),
        Overlay("burst", ("250 g", "$9"), (590, 1040), 3.85, 5.20, 108, fill=_BRICK, turn_deg=-9),
        Overlay("sticker", ("arrow",), (118, 905), 4.10, 5.20, 150, wiggle_deg=6, turn_deg=-14),
        Overlay("legal", ("Offer ends Sunday. One per household.",), (360, 1216), 3.30, 5.20, 19, "cut"),
    ),
    Music(124, ((52, 55, 59, 62), (48, 52, 55, 59), (55, 59, 62, 66), (50, 54, 57, 62)), 0.0, 5),
)

SAMPLES: dict[str, SampleSpec] = {spec.name: spec for spec in (_HERO, _ROUTINE, _COFFEE)}
