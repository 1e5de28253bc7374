from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.gallery import (
    GalleryModel,
    GateCard,
    IndexEntry,
    PartBar,
    RejectedCard,
    StillCard,
    TextRow,
    VariantCard,
    write_gallery,
    write_index,
)
from adcraft_resources.gallery.index import render_index
from adcraft_resources.gallery.page import render_gallery

HOSTILE = (
    """</title></style></script><script>alert(1)</script><img src=x onerror=a()>"' onload="x" &amp; {x} ]]>"""
)
VOID = {"img", "input", "meta", "link", "br", "hr", "source"}


class Page(HTMLParser):
    """The page as a browser takes it apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def links(self) -> list[str]:
        return [
            value
            for _, found in self.tags
            for key, value in found.items()
            if key in {"src", "href", "poster"} and value
        ]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.tags if name == tag]


def model(text: str = "Turmeric gold", **changed: Any) -> GalleryModel:
    gate = GateCard("variants_play_everywhere", True, text, ((text, "3 ms", "at most 10 ms"),))
    part = PartBar(text, 0.62, text, 0.3, text, ((True, text), (False, text)))
    card = VariantCard(
        id=text,
        rank=1,
        score=0.74,
        title=text,
        video="01_gold.mp4",
        poster="01_gold.jpg",
        before="before.jpg",
        intent=text,
        on_screen=text,
        primary_text=text,
        headline=text,
        language=text,
        written_by=text,
        principle=text,
        ssim=0.81,
        parts=(part, PartBar("Structure", None, text)),
        gates=(gate,),
        plan=((text, text),),
    )
    filled = GalleryModel(
        product=text,
        video=text,
        asked=4,
        variants=(card, replace(card, rank=2)),
        rejected=(RejectedCard(text, text, text, text, 0.4, "poster.jpg"),),
        keyframes=(StillCard("keys/key 1.jpg", 1.25, text), StillCard("keys/key 1.jpg", 65.0)),
        texts=(TextRow(text, True, 0, 2.1, text, text, 0.9), TextRow("", False, 0, 2.1, text)),
        gates=(gate, replace(gate, passed=False)),
        warnings=(text,),
        facts=((text, text),),
        scorer=text,
        made_at=text,
        index="../../index.html",
    )
    return replace(filled, **changed)


def page(of: GalleryModel) -> Page:
    return Page(render_gallery(of))


class TestSafety:
    def test_hostile_names_stay_text_everywhere(self):
        plain, hostile = page(model("x" * len(HOSTILE))), page(model(HOSTILE))
        assert Counter(name for name, _ in hostile.tags) == Counter(name for name, _ in plain.tags)
        assert len(hostile.all("script")) == 1
        assert not [key for _, found in hostile.tags for key in found if key.startswith("on")]
        assert sum(HOSTILE in text for text in hostile.texts) > 20

    @settings(max_examples=25, deadline=None)
    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
    def test_any_text_leaves_the_page_well_formed(self, text: str):
        found = page(model(text))
        assert found.unbalanced == []
        assert found.open == []

    def test_the_policy_allows_the_pages_own_script_and_nothing_from_a_network(self):
        text = render_gallery(model())
        script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
        policy = next(found["content"] for found in page(model()).all("meta") if "http-equiv" in found)
        assert script
        assert policy
        assert base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode() in policy
        assert policy.startswith("default-src 'none'")
        assert not re.search(r"https?://", text)
        assert "@import" not in text

    @pytest.mark.parametrize(
        "path",
        ["https://x.test/a.mp4", "javascript:alert(1)", "/etc/passwd", "//x.test/a", "", "C:\\a", "\\\\x\\a"],
    )
    def test_only_relative_links_are_written(self, path: str):
        card = replace(model().variants[0], video=path)
        with pytest.raises(ValueError, match="relative"):
            render_gallery(model(variants=(card,)))


class TestLinks:
    def test_every_link_leads_to_a_file_or_a_place_on_the_page(self, tmp_path: Path):
        folder = tmp_path / "soap" / "hero"
        for name in (
            "01_gold.mp4",
            "01_gold.jpg",
            "before.jpg",
            "poster.jpg",
            "keys/key 1.jpg",
            "../../index.html",
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        written = write_gallery(folder, model())
        found = Page(written.read_text(encoding="utf-8"))
        ids = [value["id"] for _, value in found.tags if value.get("id")]
        assert len(ids) == len(set(ids))
        for link in found.links():
            assert link[1:] in ids if link.startswith("#") else (folder / unquote(link)).is_file(), link
        assert "keys/key%201.jpg" in found.links()

    def test_names_with_odd_characters_are_still_found(self, tmp_path: Path):
        name = "01_50% off? #1 हल्दी.mp4"
        (tmp_path / name).touch()
        card = replace(model().variants[0], video=name)
        found = page(model(variants=(card,)))
        assert any((tmp_path / unquote(link)).is_file() for link in found.links())


class TestReading:
    def test_scores_reasons_and_copy_are_on_the_page(self):
        text = " ".join(page(model("Gold & glow")).texts)
        for told in (
            "74",
            "SSIM 0.810",
            "Gold & glow",
            "not measured",
            "2 of 4 variants ready to test",
            "Removed",
            "Kept",
        ):
            assert told in text
        assert "1:05" in text

    def test_every_picture_player_and_control_has_a_name(self):
        found = page(model(source_video="before.mp4"))
        assert all("alt" in picture for picture in found.all("img"))
        named = found.all("video") + found.all("meter") + page(model()).all("input")
        assert len(found.all("video")) == 4
        assert all(one.get("aria-label") for one in named)
        copies = [one for one in found.all("button") if "data-copy" in one]
        assert all(one.get("aria-label") and one["data-copy"] for one in copies)
        assert len(copies) == 6

    def test_copy_carries_its_language_and_finds_its_own_direction(self):
        card = replace(model().variants[0], on_screen="رغوة ذهبية", language="ar")
        hooks = [one for one in page(model(variants=(card,))).all("p") if one.get("class") == "text hook"]
        assert [(one["lang"], one["dir"]) for one in hooks] == [("ar", "auto")]

    def test_before_and_after_stand_side_by_side(self):
        with_still, with_film = page(model()), page(model(source_video="before.mp4"))
        assert [len(one.all("video")) for one in (with_still, with_film)] == [2, 4]
        assert [len(one.all("input")) for one in (with_still, with_film)] == [2, 2]
        assert [film["src"] for film in with_film.all("video")] == ["before.mp4", "01_gold.mp4"] * 2

    @pytest.mark.parametrize(
        ("delivered", "told"), [(0, "No variant is ready"), (1, "1 of 2 variants"), (2, "2 variants ready")]
    )
    def test_the_verdict_says_how_many_are_ready(self, delivered: int, told: str):
        cards = model().variants[:delivered]
        assert told in " ".join(page(model(variants=cards, asked=2)).texts)

    def test_an_ad_with_nothing_to_show_still_has_a_page(self):
        found = page(GalleryModel("soap", "hero", 4, ()))
        assert found.unbalanced == []
        assert "Nothing passed" in " ".join(found.texts)

    def test_a_heuristic_is_called_one(self):
        assert "heuristic" in " ".join(page(model(scorer="heuristic")).texts)
        assert "judged by siglip" in " ".join(page(model(scorer="siglip")).texts)


class TestIndex:
    ENTRIES = (
        IndexEntry(
            "soap",
            "hero",
            "soap/hero/index.html",
            4,
            4,
            0.74,
            ("soap/hero/a.jpg",),
            "Golden <b>",
            "en",
            "today",
        ),
        IndexEntry("candle", HOSTILE, "", 0, 4, state="failed", note=HOSTILE),
        IndexEntry("soap", "b", "soap/b/index.html", 2, 4),
        IndexEntry("soap", "c", "soap/c/index.html", 0, 4, state="waiting"),
    )

    def test_all_ads_are_listed_by_product_with_their_state(self):
        found = Page(render_index(self.ENTRIES, made_at="now"))
        text = " ".join(found.texts)
        assert text.index("candle") < text.index("soap")
        for told in (
            "2 of 4",
            "Ready",
            "2 ready",
            "Failed",
            "Waiting",
            "best score 74",
            HOSTILE,
            "Golden <b>",
        ):
            assert told in text
        assert [one["href"] for one in found.all("a")] == ["soap/b/index.html", "soap/hero/index.html"]
        assert found.unbalanced == []

    def test_the_index_is_written_whole_and_replaces_the_old_one(self, tmp_path: Path):
        write_index(tmp_path, self.ENTRIES)
        path = write_index(tmp_path, ())
        assert "No ad has been made yet" in path.read_text(encoding="utf-8")
        assert [one.name for one in tmp_path.iterdir()] == ["index.html"]
