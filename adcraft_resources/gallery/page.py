"""How the page of one ad is laid out.

Belongs here: sections in reading order, from verdict to evidence. Does not: colours and behaviour (pages/), the parts
a variant's card is made of (cards), or records.
"""

from __future__ import annotations

from adcraft_resources.gallery.cards import card_anchor, gate_list, percent, pill, seconds, variant_card
from adcraft_resources.gallery.markup import Html, join, link_to, page, tag
from adcraft_resources.gallery.model import GalleryModel, RejectedCard, StillCard, TextRow, VariantCard

_KINDS = {"gate": "Stopped by a gate", "duplicate": "Looks like another", "spare": "Not needed"}


def render_gallery(model: GalleryModel) -> str:
    """The page of one ad as HTML text."""
    sections = [
        ("variants", "Variants", _variants(model)),
        ("cleaning", "Text removed", _texts(model)),
        ("keyframes", "Source keyframes", _keyframes(model)),
        ("rejected", "Not delivered", _rejected(model)),
        ("scoring", "How the score works", _scoring(model)),
    ]
    shown = [(name, title, content) for name, title, content in sections if content is not None]
    body = join(
        tag("a", "Skip to the variants", cls="skip", href="#variants"),
        _header(model),
        tag(
            "nav",
            [tag("a", title, href=f"#{name}") for name, title, _ in shown],
            cls="contents",
            aria_label="On this page",
        ),
        tag("main", [content for _, _, content in shown]),
        tag(
            "footer",
            "Made by adcraft. Scores compare these variants with one another; they do not predict clicks.",
        ),
    )
    return page(f"{model.product} · {model.video} · variants", body)


def _header(model: GalleryModel) -> Html:
    delivered = len(model.variants)
    if delivered == 0:
        state, told = "bad", "No variant is ready"
    elif delivered < model.asked:
        state, told = "warn", f"{delivered} of {model.asked} variants ready to test"
    else:
        state, told = "good", f"{delivered} variant{'s' if delivered > 1 else ''} ready to test"
    return tag(
        "header",
        tag("a", "← All ads", href=link_to(model.index), cls="back") if model.index else None,
        tag("p", model.product, cls="eyebrow"),
        tag("h1", model.video),
        tag("p", pill(told, state), cls="verdict"),
        tag(
            "dl",
            [tag("div", tag("dt", name), tag("dd", value)) for name, value in (*model.facts, *_made(model))],
            cls="facts",
        ),
        tag("ul", [tag("li", warning) for warning in model.warnings], cls="warnings")
        if model.warnings
        else None,
        cls="top",
    )


def _made(model: GalleryModel) -> tuple[tuple[str, str], ...]:
    return (("Made", model.made_at),) if model.made_at else ()


def _variants(model: GalleryModel) -> Html:
    order = "by SSIM to the source" if model.rank_by == "ssim" else "best score first"
    empty = tag("p", "Nothing passed. The reasons stand under “Not delivered”.", cls="empty")
    return tag(
        "section",
        tag("h2", "Variants ", tag("small", order), id="variants-title"),
        _overview(model.variants) if len(model.variants) > 1 else None,
        [variant_card(variant, model) for variant in model.variants] or empty,
        id="variants",
        aria_labelledby="variants-title",
    )


def _overview(variants: tuple[VariantCard, ...]) -> Html:
    """All variants at a glance, each a link to its card."""
    return tag(
        "ol",
        [
            tag(
                "li",
                tag(
                    "a",
                    tag("img", src=link_to(card.poster), alt="", loading="lazy"),
                    tag("span", f"{card.rank}", cls="rank", aria_hidden="true"),
                    tag(
                        "span",
                        tag("b", card.title),
                        tag("i", card.on_screen, dir="auto", lang=card.language),
                        cls="what",
                    ),
                    tag("span", percent(card.score), cls="points"),
                    href=f"#{card_anchor(card)}",
                    aria_label=f"Rank {card.rank}: {card.title}, score {percent(card.score)} of 100",
                ),
            )
            for card in variants
        ],
        cls="overview",
    )


def _texts(model: GalleryModel) -> Html | None:
    if not model.texts and not model.gates:
        return None
    removed = sum(row.removed for row in model.texts)
    kept = len(model.texts) - removed
    told = f"{removed} removed, {kept} kept" if model.texts else "no text was found"
    head = tag("tr", [tag("th", name, scope="col") for name in ("Text", "On screen", "What happened", "Why")])
    table = tag("table", tag("thead", head), tag("tbody", [_text_row(row) for row in model.texts]))
    return tag(
        "section",
        tag("h2", "Text in the source ", tag("small", told), id="cleaning-title"),
        gate_list(model.gates),
        tag("div", table, cls="scroll", tabindex="0", role="region", aria_label="Texts found in the source")
        if model.texts
        else None,
        id="cleaning",
        aria_labelledby="cleaning-title",
    )


def _text_row(row: TextRow) -> Html:
    text = row.text.strip() or "(a sticker or sign without readable letters)"
    sure = "" if row.confidence is None else f" · read with {row.confidence:.0%} confidence"
    return tag(
        "tr",
        tag("th", tag("span", text, dir="auto", cls="said"), scope="row"),
        tag("td", f"{seconds(row.from_s)} – {seconds(row.to_s)}", cls="nowrap"),
        tag("td", pill("Removed", "good") if row.removed else pill("Kept", "calm")),
        tag("td", row.reason, tag("small", f"{row.method}{sure}".removeprefix(" · "), cls="method")),
    )


def _keyframes(model: GalleryModel) -> Html | None:
    if not model.keyframes:
        return None
    return tag(
        "section",
        tag("h2", "Source keyframes ", tag("small", f"{len(model.keyframes)} stills"), id="keyframes-title"),
        tag(
            "div",
            [_still(still) for still in model.keyframes],
            cls="strip",
            tabindex="0",
            role="region",
            aria_label="Keyframes, scrollable",
        ),
        id="keyframes",
        aria_labelledby="keyframes-title",
    )


def _still(still: StillCard) -> Html:
    alt = still.caption or f"The source at {seconds(still.pts_s)}"
    return tag(
        "figure",
        tag("img", src=link_to(still.path), alt=alt, loading="lazy"),
        tag("figcaption", seconds(still.pts_s), f" · {still.caption}" if still.caption else None),
    )


def _rejected(model: GalleryModel) -> Html | None:
    if not model.rejected:
        return None
    return tag(
        "section",
        tag(
            "h2",
            "Not delivered ",
            tag("small", f"{len(model.rejected)} more, each with the reason"),
            id="rejected-title",
        ),
        tag("ul", [_rejection(card) for card in model.rejected], cls="rejections"),
        id="rejected",
        aria_labelledby="rejected-title",
    )


def _rejection(card: RejectedCard) -> Html:
    picture = tag("img", src=link_to(card.poster), alt="", loading="lazy") if card.poster else None
    state = {"gate": "bad", "duplicate": "warn"}.get(card.kind, "calm")
    return tag(
        "li",
        picture,
        tag(
            "div",
            tag("h3", card.title),
            tag("p", pill(_KINDS.get(card.kind, card.kind), state), cls="kind"),
            tag("p", card.reason),
            tag("p", card.id, None if card.score is None else f" · score {percent(card.score)}", cls="fine"),
        ),
    )


def _scoring(model: GalleryModel) -> Html | None:
    parts = model.variants[0].parts if model.variants else ()
    if not parts:
        return None
    total = sum(part.weight for part in parts) or 1.0
    rows = [
        tag(
            "tr",
            tag("th", part.title, scope="row"),
            tag("td", f"{part.weight / total:.0%}"),
            tag("td", part.formula),
        )
        for part in parts
    ]
    head = tag("tr", [tag("th", name, scope="col") for name in ("Part", "Weight", "Formula, from 0 to 1")])
    by = (
        "Fit to the product is judged by a heuristic on colours, light and prominence, not by a model."
        if model.scorer == "heuristic"
        else f"Fit to the product is judged by {model.scorer}."
    )
    return tag(
        "section",
        tag("h2", "How the score works", id="scoring-title"),
        tag("p", f"The score is the weighted mean of the parts that were measured, times 100. {by}"),
        tag(
            "div",
            tag("table", tag("thead", head), tag("tbody", rows)),
            cls="scroll",
            tabindex="0",
            role="region",
            aria_label="Parts of the score",
        ),
        id="scoring",
        aria_labelledby="scoring-title",
    )
