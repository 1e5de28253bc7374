"""Limits per language: the figures against our own fonts and copy, and texts in scripts where a cluster is no letter."""

import pytest

from adcraft_resources.copy_limits import WIDTHS_EM, limits_of
from adcraft_resources.copywriters.templates import load_prompts
from adcraft_resources.hook_sets import HookSet, count_graphemes
from adcraft_resources.policies import review_variant
from adcraft_resources.typography.lines import Face, Line, reads_right_to_left

PX = 40


def lines_of(language):
    for name in ("hooks_generic", "hooks_turmeric_kojic_soap"):
        for one in load_prompts(name)["languages"].get(language, {"sets": []})["sets"]:
            yield from (
                one[field] for field in ("on_screen", "primary_text", "headline") if "{" not in one[field]
            )


@pytest.mark.parametrize("language", WIDTHS_EM)
def test_the_width_of_a_cluster_is_what_our_fonts_and_copy_give(language):
    lines = list(lines_of(language))
    assert len(lines) > 20
    wide = sum(Line(line, Face(PX, 400), reads_right_to_left(line)).advance for line in lines)
    assert wide / PX / sum(map(count_graphemes, lines)) == pytest.approx(WIDTHS_EM[language], rel=0.05)


def test_wider_scripts_show_fewer_and_none_shows_more_than_the_platform_says():
    shown = {one: limits_of(one)["headline"].everywhere for one in WIDTHS_EM}
    assert shown == {"en": 27, "hi": 23, "hi-Latn": 27, "ta": 13, "ar": 27}
    assert limits_of("ta")["primary_text"].shown == {"feed": 61, "reels": 35}
    assert {limits_of(one)["headline"].most for one in WIDTHS_EM} == {40}
    assert limits_of("hi-IN") == limits_of("hi")
    assert limits_of("sw") == limits_of("en")


@pytest.mark.parametrize(
    ("language", "cluster", "fits", "folds"),
    [("hi", "क्षि", 23, 24), ("ta", "கொ", 13, 14), ("ar", "مُّ", 27, 28), ("en", "👨‍👩‍👧", 27, 28)],
)
def test_a_reader_s_characters_are_counted_whatever_they_are_made_of(language, cluster, fits, folds):
    """Several code points each: counted as such, a headline of ten would be told to fold."""
    assert len(cluster) > 1
    for count, told in ((fits, []), (folds, ["feed"])):
        hook = HookSet("h", "x", "x", cluster * count, language, "template", "p")
        fields = review_variant(hook, product_type="generic").to_dict()["fields"]
        headline = next(one for one in fields if one["field"] == "headline")
        assert (headline["characters"], headline["folded_in"]) == (count, told)
