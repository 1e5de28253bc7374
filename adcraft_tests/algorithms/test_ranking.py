from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.ranking import RankedVariants, RankingRules, rank_variants
from adcraft_resources.algorithms.score_parts import (
    PART_IDS,
    VariantFigures,
    covered_s,
    creative_rules,
    score_parts,
    structure_part,
    weighted_score,
)
from adcraft_resources.rankings import RankingSettings

BAND = (0.45, 0.97)
WEIGHTS = RankingSettings().weights.model_dump()
SHOTS = ((0.0, 1.5), (1.5, 3.0), (3.0, 5.0))


def rules(count: int = 4, **changed: Any) -> RankingRules:
    return RankingRules(weights=WEIGHTS, band=BAND, count=count, **changed)


def variant(name: str = "a", **changed: Any) -> VariantFigures:
    """A variant unlike any other unless told otherwise: its name decides its descriptor."""
    axis = np.zeros(26, np.float32)
    axis[ord(name[0]) - ord("a")] = 1
    figures = {
        "id": name,
        "duration_s": 5.0,
        "shots": SHOTS,
        "prompt_fit": 0.6,
        "saliency": 0.6,
        "sharpness": 0.7,
        "warp_ratio": 1.0,
        "flicker_ratio": 1.0,
        "product_seen": ((0.0, 3.0),),
        "style_ssim": 0.8,
        "text_area": 0.1,
        "hook": f"hook {name}",
        "hashes": (ord(name[0]),),
        "descriptor": axis,
    }
    return VariantFigures(**(figures | changed))


def ids(ranked: RankedVariants) -> list[str]:
    return [scored.id for scored in ranked.delivered]


def part(figures: VariantFigures, name: str) -> Any:
    return next(part for part in score_parts(figures, BAND) if part.id == name)


class TestParts:
    def test_every_part_of_the_weights_is_scored_with_formula_and_sentence(self):
        parts = score_parts(variant(), BAND)
        assert [part.id for part in parts] == list(PART_IDS) == list(WEIGHTS)
        for one in parts:
            assert 0 <= one.value <= 1
            assert one.formula
            assert one.sentence.endswith(".")
            assert one.to_dict()["title"]

    def test_a_heuristic_says_so(self):
        assert "heuristic" in part(variant(), "prompt_fit").title
        assert "heuristic" not in part(variant(scorer="siglip"), "prompt_fit").title

    @pytest.mark.parametrize(("fit", "word"), [(0.8, "better than"), (0.6, "like"), (0.2, "below")])
    def test_fit_is_compared_with_the_cleaned_ad(self, fit: float, word: str):
        assert word in part(variant(prompt_fit=fit, baseline_fit=0.6), "prompt_fit").sentence

    def test_the_first_frame_weighs_saliency_and_sharpness(self):
        assert part(variant(saliency=0.5, sharpness=1.0), "first_frame").value == pytest.approx(0.7)

    @pytest.mark.parametrize(
        ("ratio", "value"), [(0.8, 1.0), (1.0, 1.0), (1.25, 0.5), (1.5, 0.0), (3.0, 0.0)]
    )
    def test_steadiness_falls_from_the_sources_own_to_half_as_much_again(self, ratio: float, value: float):
        assert part(variant(warp_ratio=ratio), "steadiness").value == pytest.approx(value)
        assert part(variant(flicker_ratio=ratio), "steadiness").value == pytest.approx(value)

    def test_visibility_counts_overlapping_spans_once_and_only_the_first_seconds(self):
        seen = variant(product_seen=((0.5, 1.0), (0.75, 1.5), (2.5, 9.0)))
        assert part(seen, "product_visibility").value == pytest.approx(1.5 / 3)
        assert "first at 0.5 s" in part(seen, "product_visibility").sentence

    def test_a_product_that_was_looked_for_and_not_found_scores_nothing(self):
        assert part(variant(product_seen=()), "product_visibility").value == 0
        assert "not found" in part(variant(product_seen=()), "product_visibility").sentence

    @pytest.mark.parametrize(
        ("ssim", "value"),
        [(0.45, 0), (0.515, 0.5), (0.58, 1), (0.71, 1), (0.84, 1), (0.97, 0), (1.0, 0), (0.1, 0)],
    )
    def test_structure_is_best_in_the_middle_of_the_band(self, ssim: float, value: float):
        assert structure_part(variant(style_ssim=ssim), BAND).value == pytest.approx(value, abs=1e-6)

    def test_doing_nothing_is_no_good_structure(self):
        assert "hardly changes" in structure_part(variant(style_ssim=1.0), BAND).sentence

    def test_what_was_not_measured_is_left_out_of_the_score(self):
        bare = VariantFigures("a", 5.0, prompt_fit=0.4)
        parts = score_parts(bare, BAND)
        assert [one.id for one in parts if one.value is not None] == ["prompt_fit"]
        assert weighted_score(parts, WEIGHTS) == pytest.approx(0.4)

    def test_nothing_measured_scores_zero(self):
        assert weighted_score(score_parts(VariantFigures("a", 5.0), BAND), WEIGHTS) == 0


class TestRules:
    @pytest.mark.parametrize(
        ("changed", "rule", "holds", "at_s"),
        [
            ({}, "first_cut", True, 1.5),
            ({"shots": ((0, 3.5), (3.5, 5))}, "first_cut", False, 3.5),
            ({"shots": ((0, 5),)}, "first_cut", False, None),
            ({}, "shot_length", True, None),
            ({"shots": ((0, 5),)}, "shot_length", False, None),
            ({"text_area": 0.2}, "text_area", True, None),
            ({"text_area": 0.21}, "text_area", False, None),
            ({"product_seen": ((4.0, 5.0),)}, "early_product", True, 4.0),
            ({"product_seen": ((5.5, 6.0),)}, "early_product", False, 5.5),
            ({"product_seen": ()}, "early_product", False, None),
        ],
    )
    def test_each_rule_has_a_verdict_a_time_and_a_reason(
        self, changed: dict[str, Any], rule: str, holds: bool, at_s: float | None
    ):
        found = next(one for one in creative_rules(variant(**changed)) if one.id == rule)
        assert (found.holds, found.at_s) == (holds, at_s)
        assert found.reason.endswith(".")

    def test_a_rule_without_figures_is_not_judged(self):
        assert creative_rules(VariantFigures("a", 5.0)) == ()


class TestOrder:
    def test_the_best_score_comes_first(self):
        ranked = rank_variants([variant("a", prompt_fit=0.2), variant("b", prompt_fit=0.9)], rules())
        assert ids(ranked) == ["b", "a"]
        assert [scored.rank for scored in ranked.delivered] == [1, 2]
        assert ranked.delivered[0].score > ranked.delivered[1].score

    def test_by_ssim_the_order_is_the_ray_scripts(self):
        listed = [
            variant(name, style_ssim=ssim, prompt_fit=1 - ssim)
            for name, ssim in zip("abc", (0.5, 0.9, 0.7), strict=True)
        ]
        assert ids(rank_variants(listed, rules(rank_by="ssim"))) == ["b", "c", "a"]
        assert ids(rank_variants(listed, rules(2, rank_by="ssim"))) == ["b", "c"]

    def test_ties_are_settled_by_id(self):
        assert ids(rank_variants([variant("c"), variant("a"), variant("b")], rules())) == ["a", "b", "c"]

    def test_weights_count_by_proportion(self):
        listed = [variant("a", prompt_fit=0.3, saliency=0.9), variant("b", prompt_fit=0.5, saliency=0.1)]
        doubled = replace(rules(), weights={name: 2 * value for name, value in WEIGHTS.items()})
        assert rank_variants(listed, doubled) == rank_variants(listed, rules())
        only_fit = replace(rules(), weights={"prompt_fit": 1.0})
        assert ids(rank_variants(listed, only_fit)) == ["b", "a"]

    def test_a_variant_a_gate_forbids_is_listed_with_the_reason_and_never_delivered(self):
        ranked = rank_variants(
            [variant("a", prompt_fit=1.0, rejected="SSIM 0.99 > 0.97"), variant("b")], rules()
        )
        assert ids(ranked) == ["b"]
        (out,) = ranked.rejected
        assert (out.id, out.rank, out.verdict, out.reason) == ("a", None, "gate", "SSIM 0.99 > 0.97")
        assert "1 of 4" in ranked.warnings[-1]

    def test_repeated_ids_and_empty_orders_are_refused(self):
        with pytest.raises(ValueError, match="repeat"):
            rank_variants([variant("a"), variant("a")], rules())
        with pytest.raises(ValueError, match="0 variants"):
            rank_variants([variant("a")], rules(0))

    def test_nothing_in_nothing_out(self):
        assert rank_variants([], rules()).delivered == ()


class TestLikeness:
    def twins(self, **changed: Any) -> list[VariantFigures]:
        first = variant("a", prompt_fit=0.9)
        return [first, replace(first, id="b", prompt_fit=0.8, **changed)]

    def test_of_two_that_look_alike_the_better_stays_and_the_other_says_why(self):
        ranked = rank_variants(self.twins(), rules())
        assert ids(ranked) == ["a"]
        assert ranked.rejected[0].verdict == "duplicate"
        assert "Looks the same as a (descriptor cosine 1.000" in ranked.rejected[0].reason

    def test_both_measures_must_agree(self):
        assert len(rank_variants(self.twins(hashes=(2**40 - 1,)), rules()).delivered) == 2
        assert len(rank_variants(self.twins(descriptor=variant("z").descriptor), rules()).delivered) == 2

    def test_unmeasured_looks_are_never_called_the_same(self):
        assert len(rank_variants(self.twins(descriptor=None), rules()).delivered) == 2
        assert len(rank_variants(self.twins(hashes=()), rules()).delivered) == 2

    def test_a_lookalike_with_other_words_returns_when_places_are_free(self):
        ranked = rank_variants(self.twins(hook="other words"), rules(2))
        assert ids(ranked) == ["a", "b"]
        assert "b is delivered for its words" in ranked.warnings[0]

    def test_a_lookalike_with_other_words_stays_out_when_the_places_are_filled(self):
        ranked = rank_variants([*self.twins(hook="other words"), variant("c", prompt_fit=0.1)], rules(2))
        assert ids(ranked) == ["a", "c"]

    def test_isolate_plans_keep_their_lookalikes(self):
        assert len(rank_variants(self.twins(), rules(keep_lookalikes=True)).delivered) == 2

    def test_a_different_look_is_preferred_to_a_slightly_better_similar_one(self):
        def at(degrees: float) -> np.ndarray:
            return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)

        listed = [
            variant("a", prompt_fit=0.9, descriptor=at(0)),
            variant("b", prompt_fit=0.85, descriptor=at(20)),
            variant("c", prompt_fit=0.75, descriptor=at(80)),
        ]
        diverse = rank_variants(listed, rules(2, diversity=0.3))
        assert ids(diverse) == ["a", "c"]
        assert [scored.id for scored in diverse.rejected] == ["b"]
        assert diverse.rejected[0].verdict == "spare"
        assert ids(rank_variants(listed, rules(2, diversity=0.0))) == ["a", "b"]


shares = st.floats(0, 1)
figures = st.builds(
    VariantFigures,
    id=st.uuids().map(str),
    duration_s=st.floats(0.1, 60),
    shots=st.lists(st.floats(0.1, 5), max_size=4).map(
        lambda lengths: tuple((sum(lengths[:i]), sum(lengths[: i + 1])) for i in range(len(lengths)))
    ),
    prompt_fit=st.none() | st.sampled_from([0.25, 0.5]) | shares,
    saliency=st.none() | shares,
    sharpness=st.none() | shares,
    warp_ratio=st.none() | st.floats(0, 4),
    product_seen=st.none() | st.lists(st.tuples(st.floats(0, 5), st.floats(0, 9)), max_size=3).map(tuple),
    style_ssim=st.none() | shares,
    text_area=st.none() | shares,
    hook=st.sampled_from(["", "x", "y"]),
    hashes=st.tuples(st.integers(0, 3)),
    descriptor=st.lists(st.floats(0.1, 1), min_size=3, max_size=3).map(lambda v: np.array(v, np.float32)),
    rejected=st.sampled_from(["", "", "", "too dark"]),
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(figures, max_size=7, unique_by=lambda one: one.id),
    st.randoms(),
    st.integers(1, 5),
    st.booleans(),
)
def test_the_order_of_the_input_never_matters(
    listed: list[VariantFigures], chance: Any, count: int, by_score: bool
):
    shuffled = list(listed)
    chance.shuffle(shuffled)
    order = rules(count, rank_by="score" if by_score else "ssim")
    ranked = rank_variants(listed, order)
    assert rank_variants(shuffled, order) == ranked
    known = [scored.id for scored in (*ranked.delivered, *ranked.rejected)]
    assert sorted(known) == sorted(one.id for one in listed)
    assert len(ranked.delivered) <= count
    assert all(scored.reason for scored in ranked.rejected)
    assert all(0 <= scored.score <= 1 for scored in (*ranked.delivered, *ranked.rejected))
    assert not {one.id for one in listed if one.rejected} & set(ids(ranked))


@given(st.lists(st.tuples(st.floats(-1, 9), st.floats(-1, 9)), max_size=5), st.floats(0, 9))
def test_covered_time_never_exceeds_the_window(spans: list[tuple[float, float]], until: float):
    assert 0 <= covered_s(spans, until) <= until + 1e-9
