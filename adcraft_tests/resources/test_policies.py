from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from adcraft_resources.hook_sets import HookSet
from adcraft_resources.policies import Market, PictureText, PolicySettings, review_variant


def a_hook(**changes: str) -> HookSet:
    words = {
        "id": "h1",
        "on_screen": "Golden lather, slow morning",
        "primary_text": "A bar that smells of turmeric and Sunday.",
        "headline": "Turmeric soap",
        "language": "en",
        "source": "template",
        "principle": "curiosity",
    }
    return HookSet(**{**words, **changes})


def review(hook: HookSet | None = None, pictures: str = "warn", **more):
    settings = PolicySettings.model_validate({"pictures": pictures})
    return review_variant(hook or a_hook(), product_type="turmeric_kojic_soap", settings=settings, **more)


def test_clean_copy_passes_with_the_note_on_its_audience():
    told = review().to_dict()
    assert told["verdict"] == "pass"
    assert [field["field"] for field in told["fields"]] == [
        "on_screen",
        "primary_text",
        "headline",
        "product_label",
        "pictures",
    ]
    assert told["targeting"][0]["minimum_age"] == 18


@pytest.mark.parametrize("field", ["on_screen", "primary_text", "headline"])
def test_a_banned_claim_in_any_text_blocks_and_the_reason_shows_it(field: str):
    found = review(a_hook(**{field: "Whitening in every wash"}))
    assert found.verdict == "block"
    assert "lightening" in found.blocked_by[0]
    assert "Whitening" in found.blocked_by[0]


@pytest.mark.parametrize(("pictures", "verdict"), [("block", "block"), ("warn", "warn"), ("off", "pass")])
def test_a_claim_on_the_label_does_what_the_settings_say(pictures: str, verdict: str):
    seen = [PictureText(text, True, 7, 0.28) for text in ("TURMERIC", "skin whitening soap", "TURMERIC")]
    found = review(pictures=pictures, read_back=seen)
    assert found.verdict == verdict
    if verdict == "block":
        assert found.blocked_by[0].startswith("the product label at 0.3 s (frame 7) makes a banned claim")


def test_a_risky_word_warns():
    assert review(a_hook(headline="100% natural turmeric")).verdict == "warn"


def test_counts_are_what_a_reader_counts_and_name_where_a_phone_folds():
    family = "👨‍👩‍👧‍👦" * 28
    fields = {
        one["field"]: one
        for one in review(a_hook(headline=family, primary_text="a" * 73)).to_dict()["fields"]
    }
    assert fields["headline"]["characters"] == 28
    assert fields["headline"]["folded_in"] == ["feed"]
    assert fields["primary_text"]["folded_in"] == ["reels"]
    assert fields["on_screen"]["characters"] <= fields["on_screen"]["limit"]


def test_rules_of_other_markets_are_left_out():
    copy = a_hook(headline="Paraben-free soap")
    assert review(copy, market="eu").verdict == "warn"
    assert review(copy, market="in").verdict == "pass"
    assert review(copy, market="in").to_dict()["market"] == "in"


def test_a_config_may_name_known_markets_only():
    class Holder(BaseModel):
        market: Market = ""

    assert Holder(market="in").market == "in"
    with pytest.raises(ValidationError, match=r"market 'xx'.*us \(United States\)"):
        Holder(market="xx")
