"""The card of one variant on an ad's page, and the small pieces other sections share.

Belongs here: players, score bars, copy with its buttons, gates, plan. Does not: the page around them (page).
"""

from __future__ import annotations

from collections.abc import Sequence

from adcraft_resources.gallery.markup import Html, join, link_to, tag
from adcraft_resources.gallery.model import GalleryModel, GateCard, PartBar, VariantCard
from adcraft_resources.hook_sets import count_graphemes

_VISIBLE_HEADLINE = 27  # characters of a headline a phone shows


def variant_card(card: VariantCard, model: GalleryModel) -> Html:
    """Everything about one delivered variant: what it looks like, what it says, why it ranks where it does."""
    return tag(
        "article",
        tag(
            "header",
            tag("span", str(card.rank), cls="rank", aria_label=f"Rank {card.rank}"),
            tag("div", tag("h3", card.title), tag("p", card.intent, cls="intent") if card.intent else None),
            _total(card),
        ),
        tag(
            "div",
            _players(card, model),
            tag("div", _copy(card), _plan(card), cls="words"),
            cls="columns",
        ),
        _score(card) if card.parts else None,
        tag("details", tag("summary", _gates_told(card.gates)), gate_list(card.gates), cls="checks")
        if card.gates
        else None,
        tag("p", card.id, cls="fine"),
        cls="card",
        id=card_anchor(card),
    )


def card_anchor(card: VariantCard) -> str:
    """Fragment of a card on the page."""
    return f"rank-{card.rank}"


def _total(card: VariantCard) -> Html:
    ssim = None if card.ssim is None else tag("small", f"SSIM {card.ssim:.3f}")
    return tag(
        "p",
        tag("b", percent(card.score)),
        tag("span", "of 100"),
        ssim,
        cls="total",
        aria_label=f"Score {percent(card.score)} of 100",
    )


def _players(card: VariantCard, model: GalleryModel) -> Html:
    """Before and after side by side: two players, or a slider over the stills where the source cannot be played."""
    still = card.before or model.source_poster
    after = _film(card.video, card.poster, f"Variant {card.rank}, {card.title}", "After, with sound")
    if model.source_video:
        before = _film(
            model.source_video, model.source_poster or still, "The source ad", "Before", muted=True
        )
        both = tag("button", "Play both", type="button", cls="both", hidden=True)
        compare = (
            tag("details", tag("summary", "Compare the first frame"), _slider(card, still)) if still else None
        )
        return tag("div", before, after, both, compare, cls="players")
    if still:
        return tag("div", _slider(card, still), after, cls="players")
    return tag("div", after, cls="players single")


def _film(path: str, poster: str, label: str, caption: str, *, muted: bool = False) -> Html:
    player = tag(
        "video",
        src=link_to(path),
        poster=link_to(poster) if poster else None,
        controls=True,
        preload="none" if poster else "metadata",
        playsinline=True,
        loop=True,
        muted=muted,
        aria_label=label,
    )
    return tag("figure", player, tag("figcaption", caption), cls="film")


def _slider(card: VariantCard, before: str) -> Html:
    return tag(
        "figure",
        tag(
            "div",
            tag(
                "img",
                src=link_to(card.poster),
                alt=f"After: first frame of variant {card.rank}",
                loading="lazy",
            ),
            tag(
                "img",
                src=link_to(before),
                alt="Before: the same moment of the source",
                cls="under",
                loading="lazy",
            ),
            tag("span", "Before", cls="side left", aria_hidden="true"),
            tag("span", "After", cls="side right", aria_hidden="true"),
            tag(
                "input",
                type="range",
                min=0,
                max=100,
                value=50,
                aria_label="How much of the source is shown, in per cent",
            ),
            tag("span", cls="grip", aria_hidden="true"),
            cls="slider",
        ),
        tag("figcaption", "Drag to compare the first frame"),
        cls="film",
    )


def _copy(card: VariantCard) -> Html:
    rows = (
        ("Hook on screen", card.on_screen, "hook"),
        ("Primary text", card.primary_text, ""),
        ("Headline", card.headline, ""),
    )
    written = "from templates" if card.written_by == "template" else f"by {card.written_by}"
    principle = (
        f"{card.principle.replace('_', ' ').capitalize()}, written {written}"
        if card.principle
        else f"Written {written}"
    )
    return tag(
        "div",
        [_copy_row(label, text, kind, card.language) for label, text, kind in rows if text],
        tag("p", principle, cls="fine"),
        cls="copy",
    )


def _copy_row(label: str, text: str, kind: str, language: str) -> Html:
    size = count_graphemes(text)
    folds = label == "Headline" and size > _VISIBLE_HEADLINE
    hint = f"{size} characters; phones show about {_VISIBLE_HEADLINE}" if folds else None
    return tag(
        "div",
        tag(
            "div",
            tag("h4", label),
            tag(
                "button",
                "Copy",
                type="button",
                data_copy=text,
                aria_label=f"Copy the {label.lower()}",
                hidden=True,
            ),
            cls="label",
        ),
        tag("p", text, cls=f"text {kind}".strip(), dir="auto", lang=language),
        tag("p", hint, cls="fine") if hint else None,
        cls="line",
    )


def _plan(card: VariantCard) -> Html | None:
    if not card.plan:
        return None
    return tag(
        "div",
        tag("h4", "Planned as"),
        tag("ul", [tag("li", tag("span", f"{name} "), value) for name, value in card.plan], cls="chips"),
        cls="plan",
    )


def _score(card: VariantCard) -> Html:
    return tag(
        "div",
        tag("h4", "Why this score"),
        tag("ul", [_bar(part) for part in card.parts], cls="bars"),
        cls="score",
    )


def _bar(part: PartBar) -> Html:
    known = part.value is not None
    value = percent(part.value or 0.0) if known else "not measured"
    # A meter, so that readers of the page by ear get the figure too.
    meter = (
        tag("meter", value, min=0, max=100, value=round(100 * (part.value or 0.0)), aria_label=part.title)
        if known
        else None
    )
    evidence = tag(
        "ul",
        [tag("li", mark(holds), " ", reason) for holds, reason in part.evidence],
        cls="evidence",
    )
    return tag(
        "li",
        tag("div", tag("span", part.title), tag("b", value, cls=None if known else "none"), cls="name"),
        meter,
        tag("p", part.sentence),
        tag("details", tag("summary", "Evidence"), evidence) if part.evidence else None,
    )


def gate_list(gates: Sequence[GateCard]) -> Html | None:
    """Gates with their verdict, reason and figures against thresholds."""
    return tag("ul", [_gate(gate) for gate in gates], cls="gates") if gates else None


def _gate(gate: GateCard) -> Html:
    title = gate.title.replace("_", " ")
    return tag(
        "li",
        tag("p", mark(gate.passed), " ", tag("b", title[:1].upper() + title[1:]), cls="name"),
        tag("p", gate.reason),
        tag("details", tag("summary", "Figures"), _figures(gate)) if gate.figures else None,
    )


def _figures(gate: GateCard) -> Html:
    """What was measured, and beside it what is asked where a gate says so."""
    asks = any(asked for _, _, asked in gate.figures)
    names = ("Figure", "Measured", "Asked") if asks else ("Figure", "Measured")
    rows = [
        tag(
            "tr",
            tag("th", name.replace("_", " "), scope="row"),
            tag("td", measured),
            tag("td", asked) if asks else None,
        )
        for name, measured, asked in gate.figures
    ]
    head = tag("tr", [tag("th", name, scope="col") for name in names])
    return tag("table", tag("thead", head), tag("tbody", rows))


def _gates_told(gates: Sequence[GateCard]) -> Html:
    failed = sum(not gate.passed for gate in gates)
    told = f"{failed} of {len(gates)} gates failed" if failed else f"All {len(gates)} gates passed"
    return join(
        mark(failed == 0), " ", told if len(gates) > 1 else gates[0].title.replace("_", " ").capitalize()
    )


def mark(good: bool) -> Html:
    """A tick or a cross, named for those who do not see it."""
    return tag(
        "span",
        "✓" if good else "✕",
        cls=f"mark {'good' if good else 'bad'}",
        role="img",
        aria_label="Passed" if good else "Failed",
    )


def pill(text: str, state: str) -> Html:
    """A short verdict on a coloured ground."""
    return tag("span", text, cls=f"pill {state}")


def percent(value: float) -> str:
    """A value of 0..1 as a whole number of 100."""
    return f"{100 * value:.0f}"


def seconds(value: float) -> str:
    """A time as 1.2 s, or 1:05 from a minute on."""
    if value < 60:  # noqa: PLR2004 - a minute
        return f"{value:.1f} s"
    return f"{int(value) // 60}:{int(value) % 60:02d}"
