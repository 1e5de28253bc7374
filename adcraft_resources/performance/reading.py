"""Reading the results CSV an ad account exports; untrusted, so every cell is checked.

Belongs here: columns, numbers, and what is wrong with them. Does not: knowing any variant (joining).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adcraft_resources.errors import ResultsInvalid

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "ad_name": ("ad name", "ad"),
    "impressions": ("impressions",),
    "plays": ("3-second video plays", "3-second video views", "three-second video plays"),
    "clicks": ("link clicks", "clicks (all)", "clicks"),
}
"""Columns needed, by the names exports give them (any case); the first that is there counts."""
PLACES: Final = ("ad set name", "campaign name")
"""Columns that tell apart ads of the same name, where they are there."""
MOST_BYTES: Final = 50 * 1024 * 1024
MOST_FAULTS: Final = 5
MOST_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What one ad did, its days summed: counts of impressions, 3-second plays and link clicks."""

    ad_name: str
    place: str
    impressions: int
    plays: int
    clicks: int
    line: int


def read_results(path: Path) -> list[ResultRow]:
    """Return the ads of a results CSV, rows of the same ad and place summed.

    A row without an ad name is the export's total and is left out.

    Raises:
        ResultsInvalid: The file can't be read, lacks a column, or holds a cell that can't be; the first faults are
            named with their lines.
    """
    rows = list(_lines_of(path))
    faults: list[str] = []
    read: dict[tuple[str, str], ResultRow] = {}
    for line, cells in rows:
        if not cells["ad_name"]:
            continue
        row = _row(line, cells, faults)
        if row is None:
            continue
        before = read.get((row.ad_name, row.place))
        read[row.ad_name, row.place] = row if before is None else _summed(before, row)
    faults.extend(_impossible(read.values()))
    if not read and not faults:
        faults.append("there is no row with an ad name")
    if faults:
        more = f" (and {len(faults) - MOST_FAULTS} more)" if len(faults) > MOST_FAULTS else ""
        raise ResultsInvalid(
            f"{path}: {'; '.join(faults[:MOST_FAULTS])}{more}.",
            remedy="Export the ads again with impressions, 3-second video plays and link clicks, and leave out ads "
            "that were never shown.",
        )
    return list(read.values())


def _lines_of(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells wanted of each row."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ResultsInvalid(f"{path} has more than {MOST_BYTES >> 20} MiB.", remedy="Export fewer days.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ResultsInvalid(
            f"{path} can't be read: {error.strerror}.", remedy="Mend performance.results_csv."
        ) from error
    except UnicodeDecodeError as error:
        raise ResultsInvalid(f"{path} is no UTF-8 text.", remedy="Export it as CSV, not as XLSX.") from error
    reader = csv.DictReader(text.splitlines())
    try:
        found = {name.strip().lower(): name for name in reader.fieldnames or () if name}
        chosen = _chosen(path, found)
        for cells in reader:
            told = {name: (cells[column] or "").strip() for name, column in chosen.items()}
            told["place"] = " / ".join((cells[found[name]] or "").strip() for name in PLACES if name in found)
            yield reader.line_num, told
    except csv.Error as error:
        raise ResultsInvalid(
            f"{path}, line {reader.line_num}: {error}.", remedy="Export it again."
        ) from error


def _chosen(path: Path, found: Mapping[str, str]) -> dict[str, str]:
    chosen = {}
    for name, aliases in COLUMNS.items():
        there = [found[alias] for alias in aliases if alias in found]
        if not there:
            raise ResultsInvalid(
                f"{path} has no column {aliases[0]!r}; it has {', '.join(found) or 'none'}.",
                remedy="Add the column to the export.",
            )
        chosen[name] = there[0]
    return chosen


def _row(line: int, cells: Mapping[str, str], faults: list[str]) -> ResultRow | None:
    counts = {}
    for name in ("impressions", "plays", "clicks"):
        text = cells[name].replace(",", "").replace("\u202f", "").replace(" ", "")
        text = text.removesuffix(".0") or "0"
        if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS:
            faults.append(f"line {line}: {COLUMNS[name][0]} is {cells[name][:40]!r}, no count")
            return None
        counts[name] = int(text)
    return ResultRow(cells["ad_name"], cells["place"], line=line, **counts)


def _summed(one: ResultRow, other: ResultRow) -> ResultRow:
    return ResultRow(
        one.ad_name,
        one.place,
        one.impressions + other.impressions,
        one.plays + other.plays,
        one.clicks + other.clicks,
        one.line,
    )


def _impossible(rows: Iterable[ResultRow]) -> Iterator[str]:
    for row in rows:
        if row.impressions == 0:
            yield f"line {row.line}: {row.ad_name[:80]!r} has zero impressions"
        elif max(row.plays, row.clicks) > row.impressions:
            yield f"line {row.line}: {row.ad_name[:80]!r} has more plays or clicks than impressions"
