"""Setting text in at most two balanced lines: breaking, measuring, fitting.

Belongs here: where a line breaks, how large it is, where its runs stand. Does not: colours and shapes
(treatments) or where the block stands in the picture (placement).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import regex
from PIL import ImageDraw, ImageFont

from adcraft_resources.typography.fonts import SPOKEN, Run, load_font, main_script, split_runs

_PROBE: Final = 200.0  # px per em at which widths are measured before they are scaled
_WIDTHS: Final = (100, 86, 74)  # condensing is tried before the type gets small
_CONDENSED_COST: Final = 0.5  # a line condensed by 10 % must be 5 % larger to be worth it
_SECOND_LINE_COST: Final = 0.15  # two lines must let the type grow by this much
_PAUSE: Final = regex.compile(r"[\p{Po}\p{Pd}]$")  # a line that ends where the voice pauses reads better
_PAUSE_GAIN: Final = 0.1
RTL: Final = regex.compile(r"[\p{Bidi_Class=R}\p{Bidi_Class=AL}]")


@dataclass(frozen=True, slots=True)
class Face:
    """A way of drawing type: px per em, weight 100–900, width 62–100 %."""

    size: float
    weight: int
    width: int = 100

    def load(self, run: Run) -> ImageFont.FreeTypeFont:
        """The font of `run` in this face."""
        return load_font(run.font, self.size, self.weight, self.width)


@dataclass(frozen=True)
class Line:
    """One line of text in one face; x runs from its left edge, y from its baseline."""

    text: str
    face: Face
    rtl: bool

    @cached_property
    def runs(self) -> list[tuple[Run, float]]:
        """Runs with their left edge, in the order they stand on the screen."""
        runs = split_runs(self.text)
        placed, at = [], 0.0
        for run in reversed(runs) if self.rtl else runs:
            placed.append((run, at))
            at += self.face.load(run).getlength(run.text, direction=_direction(run, self.rtl))
        return placed

    @cached_property
    def advance(self) -> float:
        """Width in px."""
        run, at = self.runs[-1]
        return at + self.face.load(run).getlength(run.text, direction=_direction(run, self.rtl))

    @cached_property
    def ink(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of what is drawn."""
        boxes = []
        for run, at in self.runs:
            box = self.face.load(run).getbbox(run.text, anchor="ls", direction=_direction(run, self.rtl))
            boxes.append((box[0] + at, box[1], box[2] + at, box[3]))
        columns = list(zip(*boxes, strict=True))
        return min(columns[0]), min(columns[1]), max(columns[2]), max(columns[3])

    def draw(self, pen: ImageDraw.ImageDraw, x: float, baseline: float, stroke: float = 0.0) -> None:
        """Draw on an "L" picture in white; with `stroke` the letters are grown by so many px."""
        for run, at in self.runs:
            pen.text(
                (x + at, baseline),
                run.text,
                fill=255,
                font=self.face.load(run),
                anchor="ls",
                stroke_width=stroke,
                direction=_direction(run, self.rtl),
            )


def _direction(run: Run, rtl: bool) -> str | None:
    """Right to left only for runs with such letters: a price or a Latin name inside keeps its own direction."""
    return "rtl" if rtl and RTL.search(run.text) else None


def reads_right_to_left(text: str) -> bool:
    """Return whether the main script of `text` runs from right to left."""
    letters = [c for c in text if c.isalpha()]
    script = main_script(text)
    return script in {"Arabic", "Hebrew"} and bool(letters)


def fit_lines(text: str, room: tuple[float, float], largest: float, weight: int) -> list[Line]:
    """Set `text` in one or two balanced lines as large as `room` allows.

    Condensed type is used where it lets the letters grow enough; a word too long for the room even then is broken
    between letters as a reader sees them (grapheme clusters), once.

    Args:
        text: As `fonts.drawable` made it.
        room: (height, width) in px for the ink.
        largest: Most px per em.
        weight: 100–900.
    """
    return list(_fitted(text, room, largest, weight))


@lru_cache(maxsize=64)  # the same hook is set to find its place, its colours, and for each picture size
def _fitted(text: str, room: tuple[float, float], largest: float, weight: int) -> tuple[Line, ...]:
    rtl = reads_right_to_left(text)
    best: tuple[float, list[Line]] | None = None
    for pieces in _breaks(text):
        for width in _WIDTHS:
            probe = [Line(piece, Face(_PROBE, weight, width), rtl) for piece in pieces]
            size = min(largest, _largest_size(probe, room))
            worth = size * (1 - _CONDENSED_COST * (100 - width) / 100)
            if len(pieces) > 1:
                worth *= 1 + (_PAUSE_GAIN if _PAUSE.search(pieces[0]) else 0) - _SECOND_LINE_COST
            if best is None or worth > best[0] + 1e-6:
                best = worth, [Line(piece, Face(round(size, 1), weight, width), rtl) for piece in pieces]
    assert best is not None  # noqa: S101  # _breaks yields the unbroken text at least
    return tuple(best[1])


def _largest_size(lines: Sequence[Line], room: tuple[float, float]) -> float:
    """The px per em at which lines measured at `_PROBE` fill `room` in one direction."""
    width = max(line.ink[2] - min(0.0, line.ink[0]) for line in lines)
    height = block_height(lines)
    return _PROBE * min(room[1] / max(width, 1.0), room[0] / max(height, 1.0)) * 0.995


def line_extent(lines: Sequence[Line]) -> tuple[float, float]:
    """Return how far the ink of any line reaches over and under its baseline, in px, both positive."""
    return max(-line.ink[1] for line in lines), max(line.ink[3] for line in lines)


def line_pitch(lines: Sequence[Line]) -> float:
    """Return the distance of two baselines: never less than a tight Latin setting, never touching."""
    over, under = line_extent(lines)
    size = max(line.face.size for line in lines)
    return max(1.02 * size, over + max(under, 0.0) + 0.1 * size)


def block_height(lines: Sequence[Line]) -> float:
    """Return the height of the ink of a block of lines, in px."""
    over, under = line_extent(lines)
    return over + under + line_pitch(lines) * (len(lines) - 1)


def _breaks(text: str) -> Iterator[list[str]]:
    """The text on one line, and in two at each space; a lone word that is long may also break inside."""
    yield [text]
    words = text.split(" ")
    for at in range(1, len(words)):
        if not SPOKEN.search(words[at]):
            continue  # an emoji belongs to the word before it
        yield [" ".join(words[:at]), " ".join(words[at:])]
    clusters = regex.findall(r"\X", text)
    if len(words) == 1 and len(clusters) > _LONG_WORD:
        middle = (len(clusters) + 1) // 2
        hyphen = "-" if main_script(text) in {"Latin", "Cyrillic", "Greek"} else ""
        yield ["".join(clusters[:middle]) + hyphen, "".join(clusters[middle:])]


_LONG_WORD: Final = 16  # letters; shorter words shrink rather than break
