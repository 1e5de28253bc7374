"""What a grade is made of: frozen values that a style file fills by name.

Belongs here: the parts and what their numbers mean. Does not: the arithmetic (grading.py), light in space (light.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

_FORBID = {"extra": "forbid"}  # pydantic reads it: a misspelt key in a style file is refused


@dataclass(frozen=True)
class Tone:
    """Curve on lightness: a sigmoid through `pivot` with slope `contrast`, eased at the ends.

    `exposure_ev` acts before it on linear light, with a shoulder above 80 % lightness. `brightness` lifts the
    pivot. `toe` and `shoulder` 0..1 bring shadows and highlights back from the sigmoid towards a straight line.
    `black` and `white` are the lightness that black and white end on.
    """

    exposure_ev: float = 0.0
    contrast: float = 1.0
    pivot: float = 0.5
    brightness: float = 0.0
    toe: float = 0.0
    shoulder: float = 0.0
    black: float = 0.0
    white: float = 1.0
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Balance:
    """White balance: `mired` above 0 is warmer; `tint` above 0 is magenta, below 0 green (Oklab a at mid grey)."""

    mired: float = 0.0
    tint: float = 0.0
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Toning:
    """A colour laid over a part of the tonal range: Oklab `hue_deg` and `chroma` (0.02 is felt, 0.06 is loud)."""

    hue_deg: float = 0.0
    chroma: float = 0.0
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Split:
    """Split toning; `balance` -1..1 moves the crossing towards the highlights or the shadows."""

    shadows: Toning = Toning()
    midtones: Toning = Toning()
    highlights: Toning = Toning()
    balance: float = 0.0
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class HueBand:
    """What happens to colours within `width_deg` of Oklab `hue_deg`, fading out by a raised cosine."""

    hue_deg: float
    width_deg: float = 40.0
    saturation: float = 1.0
    shift_deg: float = 0.0
    lightness: float = 0.0
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Saturation:
    """Chroma: `overall` for all, `vibrance` for the pale ones, then what is left in highlights and shadows."""

    overall: float = 1.0
    vibrance: float = 0.0
    highlights: float = 1.0
    shadows: float = 1.0
    bands: tuple[HueBand, ...] = ()
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Duotone:
    """Colour replaced by a ramp's (sRGB hex, dark to bright) at the same lightness; `amount` 0..1 of it."""

    ramp: tuple[str, ...] = ("#000000", "#ffffff")
    amount: float = 0.0
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class SkinGuard:
    """How far colours that may be skin can move: CIELAB lightness, hue (None: free) and chroma ratio.

    The trims are added to what is left; a look fitted to a clip sets them against its light in space.
    """

    darker: float = 4.0
    lighter: float = 0.5
    hue_deg: float | None = 2.8
    chroma: tuple[float, float] = (0.82, 1.22)
    lightness_trim: float = 0.0
    hue_trim_deg: float = 0.0
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID


@dataclass(frozen=True)
class Grade:
    """All that a look does to a colour by itself."""

    tone: Tone = Tone()
    balance: Balance = Balance()
    split: Split = Split()
    saturation: Saturation = Saturation()
    duotone: Duotone = Duotone()
    skin: SkinGuard = SkinGuard()
    __pydantic_config__: ClassVar[dict[str, str]] = _FORBID
