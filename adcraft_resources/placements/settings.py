"""The placements section of config.json: the shapes a variant is delivered in."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field, field_validator, model_validator

from adcraft_resources.sections import Section

_REELS: Final = (65 / 1080, 269 / 1920, 65 / 1080, 672 / 1920)
_FEED: Final = (0.06, 0.06, 0.06, 0.06)
KNOWN: Final = {
    "9x16": {"width": 1080, "height": 1920, "clear": _REELS, "shown_in": "Stories and Reels"},
    "4x5": {"width": 1080, "height": 1350, "clear": _FEED, "shown_in": "Feed"},
    "1x1": {"width": 1080, "height": 1080, "clear": _FEED, "shown_in": "Feed, Marketplace, right column"},
}
"""The shapes that are known by name."""
_LEAST_ROOM: Final = 0.2  # of a side that the clear box must leave


class Placement(Section):
    """One shape."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,20}$", description="Part of the file names.")
    width: int = Field(ge=240, le=2160)
    height: int = Field(ge=240, le=3840)
    clear: tuple[float, float, float, float] = Field(
        default=_FEED,
        description="Shares of the picture at left, top, right and bottom that an interface may cover.",
    )
    shown_in: str = Field(default="", description="Where it is shown, for the person who uploads.")

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        value = {"name": value} if isinstance(value, str) else value
        if isinstance(value, dict) and value.get("name") in KNOWN:
            return {**KNOWN[value["name"]], **value}
        if isinstance(value, dict) and set(value) == {"name"}:
            raise ValueError(
                f"{value['name']!r} is not known; known are {', '.join(KNOWN)}; others need a size"
            )
        return value

    @field_validator("width", "height")
    @classmethod
    def _even(cls, side: int) -> int:
        if side % 2:
            raise ValueError(f"{side} is odd; H.264 needs even sides")
        return side

    @field_validator("clear")
    @classmethod
    def _leaves_room(cls, clear: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        left, top, right, bottom = clear
        if min(clear) < 0 or max(left + right, top + bottom) > 1 - _LEAST_ROOM:
            raise ValueError(f"{list(clear)} leaves no room; shares of left, top, right, bottom are asked")
        return clear

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, px."""
        return self.height, self.width

    @property
    def clear_box(self) -> tuple[int, int, int, int]:
        """x, y, width, height of what no interface covers, px."""
        left, top, right, bottom = self.clear
        x, y = -int(-left * self.width // 1), -int(-top * self.height // 1)
        return x, y, int((1 - right) * self.width) - x, int((1 - bottom) * self.height) - y


class PlacementSettings(Section):
    """How variants are brought into other shapes (config.json `placements`); made on export, not every night."""

    formats: tuple[Placement, ...] = Field(
        default=tuple(Placement.model_validate(name) for name in KNOWN),
        min_length=1,
        validate_default=False,
        description="Known names or shapes of your own.",
    )
    saliency_loss: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Share of what draws the eye a crop may lose; beyond, the picture gets a blurred border.",
    )
    acceleration: float = Field(
        default=0.5,
        gt=0,
        le=4,
        description="Bound of a moving window's acceleration, in sides of the picture per s².",
    )
    loudness_lufs: float = Field(default=-14.0, ge=-30, le=-8)
    true_peak_dbtp: float = Field(default=-1.5, ge=-9, le=0)
    crf: float = Field(default=18, ge=10, le=30, description="x264's quality; lower is larger.")
    max_bit_rate: int = Field(default=8_000_000, ge=1_000_000, description="Bits per second of the pictures.")

    @field_validator("formats")
    @classmethod
    def _once_each(cls, formats: tuple[Placement, ...]) -> tuple[Placement, ...]:
        names = [one.name for one in formats]
        twins = sorted({name for name in names if names.count(name) > 1})
        if twins:
            raise ValueError(f"{twins[0]!r} is there more than once")
        return formats
