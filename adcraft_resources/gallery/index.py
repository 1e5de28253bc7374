"""How the page over all ads is laid out.

Belongs here: ads grouped by product, each with its state and a link. Does not: one ad's page (page).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from adcraft_resources.gallery.cards import percent, pill
from adcraft_resources.gallery.markup import Html, join, link_to, page, tag
from adcraft_resources.gallery.model import IndexEntry

_SHOWN_POSTERS = 4


def render_index(entries: Sequence[IndexEntry], *, made_at: str = "") -> str:
    """The page over all ads as HTML text."""
    ordered = sorted(entries, key=lambda entry: (entry.product, entry.video))
    ready = sum(entry.delivered for entry in ordered)
    made = sum(entry.state == "made" for entry in ordered)
    facts = [("Ads made", f"{made} of {len(ordered)}"), ("Variants ready", str(ready))]
    if made_at:
        facts.append(("As of", made_at))
    body = join(
        tag(
            "header",
            tag("p", "adcraft", cls="eyebrow"),
            tag("h1", "All ads"),
            tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts], cls="facts"),
            cls="top",
        ),
        tag(
            "main",
            [_product(name, list(group)) for name, group in groupby(ordered, key=lambda entry: entry.product)]
            or tag("p", "No ad has been made yet.", cls="empty"),
        ),
        tag("footer", "Made by adcraft."),
    )
    return page("adcraft · all ads", body)


def _product(name: str, entries: Sequence[IndexEntry]) -> Html:
    count = f"{len(entries)} ad{'s' if len(entries) > 1 else ''}"
    return tag(
        "section", tag("h2", f"{name} ", tag("small", count)), tag("ul", map(_entry, entries), cls="ads")
    )


def _entry(entry: IndexEntry) -> Html:
    strip = tag(
        "span",
        [
            tag("img", src=link_to(poster), alt="", loading="lazy")
            for poster in entry.posters[:_SHOWN_POSTERS]
        ],
        cls="posters",
    )
    best = None if entry.best_score is None else f" · best score {percent(entry.best_score)}"
    inside = (
        strip if entry.posters else None,
        tag("span", tag("b", entry.video), _state(entry), cls="name"),
        tag("span", f"“{entry.best_hook}”", cls="quote", dir="auto", lang=entry.language)
        if entry.best_hook
        else None,
        tag(
            "span",
            f"{entry.delivered} of {entry.asked} variants",
            best,
            f" · {entry.made_at}" if entry.made_at else None,
            cls="fine",
        ),
        tag("span", entry.note, cls="note") if entry.note else None,
    )
    opened = entry.state == "made" and entry.page
    return tag("li", tag("a", inside, href=link_to(entry.page)) if opened else tag("div", inside))


def _state(entry: IndexEntry) -> Html:
    if entry.state == "failed":
        return pill("Failed", "bad")
    if entry.state == "waiting":
        return pill("Waiting", "calm")
    return (
        pill("Ready", "good") if entry.delivered >= entry.asked else pill(f"{entry.delivered} ready", "warn")
    )
