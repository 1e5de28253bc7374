"""What detectors say and users ask: findings in one picture, regions of a clip, the proof of removal.

Belongs here: small records. Does not: finding anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import Field, model_validator

from adcraft_resources.algorithms.text_boxes import Box, FoundQuad, clip_box
from adcraft_resources.algorithms.values import Frame, Quad
from adcraft_resources.sections import Section


class TextSearch(Protocol):
    """Who finds lines of text in a picture and reads them."""

    def detect(self, frame: Frame, long_side: int, *, size: tuple[int, int] | None = None) -> list[FoundQuad]:
        """Return the text boxes of `frame`, searched at `long_side` pixels, in pixels of a picture of `size`."""
        ...

    def read(self, frame: Frame, quads: Sequence[Quad]) -> list[tuple[str, float]]:
        """Return (text, confidence) of each quad of `frame`."""
        ...


@dataclass(frozen=True, slots=True)
class TextFinding:
    """One line of text in one picture; `text` is empty where it was only found, not read."""

    quad: Quad
    text: str
    confidence: float


class Region(Section):
    """A box of the screen over a span of time that a user names, as shares of width and height and in seconds."""

    x: float = Field(0.0, ge=0, le=1)
    y: float = Field(0.0, ge=0, le=1)
    w: float = Field(1.0, gt=0, le=1)
    h: float = Field(1.0, gt=0, le=1)
    from_s: float = Field(0.0, ge=0)
    to_s: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Region:
        if self.to_s is not None and self.to_s <= self.from_s:
            raise ValueError(f"to_s {self.to_s} must lie after from_s {self.from_s}")
        return self

    def box(self, size: tuple[int, int]) -> Box:
        """Return the region in pixels of a picture of (h, w) `size`."""
        height, width = size
        left, top = round(self.x * width), round(self.y * height)
        return clip_box(
            (left, top, round((self.x + self.w) * width), round((self.y + self.h) * height)), size
        )

    def holds(self, pts_s: float) -> bool:
        """Say whether the region stands at a time."""
        return self.from_s <= pts_s and (self.to_s is None or pts_s < self.to_s)


@dataclass(frozen=True, slots=True)
class ResidualReport:
    """How much overlay text an OCR still finds in a cleaned clip.

    `share` is the part of the removed text's pixels that lie under a found box, over the frames looked at;
    `worst_frame` the frame where most is left, None where nothing is; `findings` the boxes there.
    """

    share: float
    worst_frame: int | None
    findings: tuple[TextFinding, ...]
    frames: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for manifests."""
        return {
            "share": round(self.share, 5),
            "worst_frame": self.worst_frame,
            "frames": list(self.frames),
            "findings": [{"quad": [list(p) for p in f.quad], "text": f.text} for f in self.findings],
        }
