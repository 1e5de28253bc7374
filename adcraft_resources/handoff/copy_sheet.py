"""The copy sheet: every variant's words with their lengths against the fields' limits.

Belongs here: the table. Does not: writing words, or judging claims (policies).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

from adcraft_resources.copy_limits import limits_of
from adcraft_resources.handoff.model import Handoff, HandoffVariant
from adcraft_resources.hook_sets import count_graphemes

FILE: Final = "copy-sheet.csv"
_FIELDS: Final = {
    "on_screen": "hook on screen",
    "primary_text": "primary text",
    "headline": "headline",
    "description": "description",
}
"""Title of each field's column; lengths are counted as a reader sees them (UAX #29)."""


def copy_sheet(handoff: Handoff) -> str:
    """Return the sheet as CSV; cells no spreadsheet takes for a formula."""
    rows = list(_rows(handoff))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _rows(handoff: Handoff) -> Iterator[dict[str, Any]]:
    for ad in handoff.ads:
        tags = {cell["name"]: cell for cell in ad.plan.get("cells", ())}
        for one in ad.variants:
            cell = tags.get(one.name, {})
            yield {
                "ad name": one.name,
                "source ad": ad.video,
                "rank": one.rank,
                "language": one.copy["language"],
                **_words(one),
                "test cell": cell.get("cell", "not in the test"),
                "url tags": cell.get("url_tags", ""),
                "policy": one.policy.get("verdict", "unknown"),
                "look at": "; ".join(
                    f"{shape}: {note}" for shape, told in one.notes.items() for note in told
                ),
            }


def _words(one: HandoffVariant) -> dict[str, Any]:
    row: dict[str, Any] = {}
    limits = limits_of(one.copy["language"])
    for field, title in _FIELDS.items():
        count, limit = count_graphemes(one.copy[field]), limits[field]
        row[title] = one.copy[field]
        row[f"{title}: characters"] = count
        row[f"{title}: fits"] = (
            "everywhere"
            if count <= limit.everywhere
            else "folded on small screens"
            if count <= limit.most
            else "TOO LONG"
        )
    return row


def _plain(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
