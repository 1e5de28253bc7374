"""What the Dagster UI shows of a partition: thumbnails, tables and numbers.

Belongs here: turning results into metadata. Does not: measuring them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.thumbnails import LONG_SIDE, read_picture, thumbnail_uri


def picture(frame: Frame | Path, alt: str, *, long_side: int = LONG_SIDE) -> dg.MarkdownMetadataValue:
    """Return a small inline picture."""
    shown = read_picture(frame) if isinstance(frame, Path) else frame
    return dg.MetadataValue.md(f"![{_plain(alt)}]({thumbnail_uri(shown, long_side=long_side)})")


def pictures(frames: Mapping[str, Frame | Path]) -> dg.MarkdownMetadataValue:
    """Return a row of small inline pictures by caption."""
    shown = {alt: read_picture(frame) if isinstance(frame, Path) else frame for alt, frame in frames.items()}
    return dg.MetadataValue.md(
        " ".join(f"![{_plain(alt)}]({thumbnail_uri(one)})" for alt, one in shown.items())
    )


def table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """Return rows as a table; `none` when there are no rows."""
    if not rows:
        return dg.MetadataValue.text("none")
    return dg.MetadataValue.table([dg.TableRecord({k: _cell(v) for k, v in row.items()}) for row in rows])


def numbers(figures: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Return the numeric figures as plottable metadata."""
    return {
        name: dg.MetadataValue.float(float(value))
        for name, value in figures.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _cell(value: Any) -> str | int | float | bool | None:
    if isinstance(value, float):
        return round(value, 4)
    return value if isinstance(value, str | int | bool) or value is None else str(value)


def _plain(text: str) -> str:
    """Return text that cannot end a Markdown image's alt early."""
    return "".join(character for character in text if character not in "[]()\\\n")[:60]
