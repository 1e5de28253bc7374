from __future__ import annotations

import csv
import json
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from adcraft_resources.experiments import (
    BulkRow,
    Candidate,
    CreativePayload,
    ExperimentSettings,
    PlacedCreative,
    Subject,
    compare_cells,
    isolation_faults,
    judge_isolation,
    plan_experiment,
    sample_size,
    write_handover,
    write_placed_creatives,
)
from adcraft_resources.experiments.handover import ENHANCEMENTS, bulk_rows, creative_payloads
from adcraft_resources.experiments.placed_creatives import placed_creatives
from adcraft_resources.experiments.power import impressions_per_cell
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.variants import VariantSettings, plan_variants

STYLES = ["turmeric-gold", "clinical-clean", "kitchen-ugc"]
HOOKS = [
    HookSet(f"h{n}", f"हल्दी {n}", f"Primary text {n}", f"=Headline {n}", "hi", "template", "curiosity")
    for n in range(3)
]
PAGE = "https://shop.example/soap?ref=1"


def manifests_of(mode: str, count: int) -> dict[str, dict]:
    plans = plan_variants(STYLES, HOOKS, VariantSettings(mode=mode), count, key="soap__hero")[:count]
    shared = {"cleaned": "c1", "shots": "s1", "renderer": "5", "stylist": "EmbeddedStylist 3"}
    return {
        plan.id: {"plan": plan.to_dict(), "identity": {**shared, "plan": plan.to_dict(), "style": plan.style}}
        for plan in plans
    }


def candidates_of(mode: str, count: int) -> list[Candidate]:
    policy = {
        "verdict": "pass",
        "targeting": [{"id": "adults_only", "minimum_age": 18, "why": "", "source": ""}],
    }
    return [
        Candidate(name, rank, f"{rank:02d}_{name}.mp4", manifest, policy)
        for rank, (name, manifest) in enumerate(manifests_of(mode, count).items(), 1)
    ]


def plan(mode: str = "isolate", count: int = 4, candidates=None, **changes):
    subject = Subject("turmeric-soap", "hero", "2026-11-26", mode)
    settings = ExperimentSettings(**{"landing_url": PAGE, **changes})
    return plan_experiment(subject, candidates or candidates_of(mode, count), settings), settings


def test_the_planned_size_finds_the_lift_as_often_as_it_says():
    needed = impressions_per_cell(0.25, 0.275, alpha=0.05, power=0.8)
    assert needed == 4862
    rng = np.random.default_rng(3)
    control, cell = rng.binomial(needed, 0.25, 20_000), rng.binomial(needed, 0.275, 20_000)
    pooled = (control + cell) / (2 * needed)
    z = (cell - control) / needed / np.sqrt(2 * pooled * (1 - pooled) / needed)
    found = np.mean(2 * stats.norm.sf(np.abs(z)) < 0.05)
    assert found == pytest.approx(0.8, abs=0.012)


def test_more_cells_need_more_impressions_and_enough_days():
    settings = ExperimentSettings(daily_impressions=2000)
    two, five = sample_size(settings, 2), sample_size(settings, 5)
    assert five.per_cell > two.per_cell
    assert five.alpha_per_comparison == pytest.approx(0.0125)
    assert five.days == -(-five.total // 2000)
    assert sample_size(ExperimentSettings(daily_impressions=10**9), 2).days == 7
    assert "90" in sample_size(ExperimentSettings(daily_impressions=10), 2).warnings[0]
    assert five.assumptions


def test_a_lift_that_leaves_no_rate_is_refused():
    with pytest.raises(ValidationError, match="no rate below 1"):
        ExperimentSettings(baseline=0.95, lift=0.1)


@pytest.mark.parametrize(
    "url", ["shop.example", "https://shop.example/#top", "https://shop.example/?utm_source=x"]
)
def test_a_landing_page_that_would_break_the_tags_is_refused(url: str):
    with pytest.raises(ValidationError):
        ExperimentSettings(landing_url=url)


def test_isolated_cells_change_one_factor_each_and_the_plan_says_which():
    told, _ = plan("isolate", 5)
    assert told["ready"]
    assert told["cells"][0]["is_control"]
    assert [len(cell["changed"]) for cell in told["cells"]] == [0, 1, 1, 1, 1]
    assert told["cells"][0]["name"] == told["control"]
    assert sum(cell["treatment_percentage"] for cell in told["cells"]) == 100
    assert set(told["factors"]) == {cell["changed"][0] for cell in told["cells"][1:]}


def test_one_string_is_file_stem_ad_name_and_utm_content():
    told, settings = plan()
    for cell, row in zip(told["cells"], bulk_rows(told, settings), strict=True):
        stem = cell["file"].removesuffix(".mp4")
        tags = parse_qs(cell["url_tags"])
        assert stem == cell["name"] == row.ad_name == tags["utm_content"][0]
        assert tags["utm_campaign"] == ["{{campaign.name}}"]
        assert parse_qs(urlsplit(cell["landing_url"]).query)["utm_content"] == [stem]
        assert parse_qs(urlsplit(cell["landing_url"]).query)["ref"] == ["1"]
    names = [cell["adset_name"] for cell in told["cells"]]
    assert len(set(names)) == len(names)


def test_exploring_takes_the_best_ranked_as_control_and_says_that_cells_differ_as_wholes():
    told, _ = plan("explore", 4)
    assert told["ready"]
    assert told["cells"][0]["rank"] == 1
    assert "as whole creatives" in told["hypothesis"]
    assert judge_isolation({"isolation": compare_cells("explore", manifests_of("explore", 4))}).passed


def test_at_most_five_cells_are_tested_and_the_rest_is_named():
    told, _ = plan("explore", 6)
    assert len(told["cells"]) == 5
    assert len(told["not_tested"]) == 1


def test_without_its_control_or_with_one_variant_there_is_no_test_and_it_says_why():
    cells = candidates_of("isolate", 4)
    told, _ = plan(candidates=cells[1:])
    assert not told["ready"]
    assert "control was not delivered" in told["why_not"][0]
    told, _ = plan(candidates=cells[:1])
    assert "at least one cell" in told["why_not"][0]
    assert told["cells"] == []


def broken(**changes) -> dict[str, dict]:
    found = manifests_of("isolate", 3)
    last = list(found)[-1]
    plan_changes = {name: value for name, value in changes.items() if name in found[last]["plan"]}
    found[last] = {
        "plan": {**found[last]["plan"], **plan_changes},
        "identity": {**found[last]["identity"], **changes},
    }
    return found


def test_the_proof_holds_for_what_was_planned():
    assert isolation_faults(manifests_of("isolate", 8)) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"opening": "close", "treatment": "card"}, "differs from the control in"),
        ({"seed": 99}, "seed"),
        ({"renderer": "6"}, "another renderer"),
        ({"cleaned": "c2"}, "another cleaned"),
        ({"factor": "control"}, "2 of the delivered variants are the control"),
        ({"factor": "opening"}, "says it changes opening"),
    ],
)
def test_the_proof_finds_a_second_difference(changes, fault: str):
    verdict = judge_isolation({"isolation": compare_cells("isolate", broken(**changes))})
    assert not verdict.passed
    assert fault in verdict.reason


def test_a_plan_that_is_not_isolated_is_not_ready():
    cells = candidates_of("isolate", 3)
    manifest = {**cells[2].manifest, "identity": {**cells[2].manifest["identity"], "renderer": "6"}}
    told, _ = plan(candidates=[*cells[:2], Candidate(cells[2].id, 3, cells[2].file, manifest, {})])
    assert not told["ready"]
    assert "another renderer" in told["why_not"][0]


def test_the_sheet_and_payloads_hold_every_cell_paused_adult_and_untouched(tmp_path):
    told, settings = plan("isolate", 4)
    write_handover(tmp_path, told, settings)
    with (tmp_path / "bulk_upload.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Ad Name"] for row in rows] == [cell["name"] for cell in told["cells"]]
    assert {row["Ad Status"] for row in rows} == {"PAUSED"}
    assert {row["Age Min"] for row in rows} == {"18"}
    assert {row["Title"][:2] for row in rows} == {"'="}  # no spreadsheet takes it for a formula
    creatives = [
        CreativePayload.model_validate(one) for one in json.loads((tmp_path / "creatives.json").read_text())
    ]
    for one, cell in zip(creatives, told["cells"], strict=True):
        features = one.degrees_of_freedom_spec.creative_features_spec
        assert {"video_auto_crop", "text_optimizations", "inline_comment"} <= set(features)
        assert {choice.enroll_status for choice in features.values()} == {"OPT_OUT"}
        assert one.object_story_spec.video_data.message == cell["copy"]["primary_text"]
        assert cell["file"] in one.object_story_spec.video_data.video_id
    assert json.loads((tmp_path / "experiment.json").read_text()) == told


def test_a_test_that_is_not_ready_leaves_no_sheet(tmp_path):
    told, settings = plan(candidates=candidates_of("isolate", 4)[1:])
    write_handover(tmp_path, told, settings)
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.json"]


def test_a_payload_that_leaves_an_enhancement_on_is_refused():
    told, settings = plan()
    value = creative_payloads(told, settings)[0].model_dump(mode="json")
    del value["degrees_of_freedom_spec"]["creative_features_spec"][ENHANCEMENTS[0]]
    with pytest.raises(ValidationError, match=f"not opted out of: {ENHANCEMENTS[0]}"):
        CreativePayload.model_validate(value)


def test_a_row_whose_file_has_another_name_is_refused():
    told, settings = plan()
    row = bulk_rows(told, settings)[0].model_dump(by_alias=True)
    with pytest.raises(ValidationError, match="different names"):
        BulkRow.model_validate({**row, "Ad Name": "another"})
    with pytest.raises(ValidationError, match="125 are allowed"):
        BulkRow.model_validate({**row, "Body": "a" * 126})


SHAPES = [("9x16", 1080, 1920), ("4x5", 1080, 1350), ("1x1", 1080, 1080)]


def placed(shapes=SHAPES):
    told, settings = plan("isolate", 4)
    descriptions = {cell["name"]: "Turmeric Soap" for cell in told["cells"]}
    return placed_creatives(told, shapes, descriptions, settings), told


def test_every_placement_gets_its_own_shape_and_what_is_left_the_square(tmp_path):
    creatives, told = placed()
    assert [one.name for one in creatives] == [cell["name"] for cell in told["cells"]]
    for one, cell in zip(creatives, told["cells"], strict=True):
        feed = one.asset_feed_spec
        shown = {
            place: rule.video_label.name
            for rule in feed.asset_customization_rules
            for place in rule.customization_spec.instagram_positions or ()
        }
        assert (shown["story"], shown["reels"], shown["stream"]) == ("9x16", "9x16", "4x5")
        last = feed.asset_customization_rules[-1]
        assert last.customization_spec.is_empty
        assert last.video_label.name == "1x1"
        assert feed.videos[0].video_id == f"{{{{video_id of 9x16/{cell['name']}.mp4}}}}"
        assert feed.bodies[0].text == cell["copy"]["primary_text"]
        features = one.degrees_of_freedom_spec.creative_features_spec
        assert set(features) == set(ENHANCEMENTS)
    settings = plan("isolate", 4)[1]
    descriptions = {cell["name"]: "Turmeric Soap" for cell in told["cells"]}
    write_placed_creatives(tmp_path, told, SHAPES, descriptions, settings)
    written = json.loads((tmp_path / "creatives_by_placement.json").read_text())
    assert [PlacedCreative.model_validate(one) for one in written] == creatives
    assert written[0]["asset_feed_spec"]["asset_customization_rules"][-1]["customization_spec"] == {}


def test_one_shape_needs_no_rules_and_shapes_of_your_own_go_where_they_fit():
    assert placed([("9x16", 1080, 1920), ("tall-small", 540, 960)])[0] == []
    creatives, _ = placed([("poster", 800, 1000), ("wide", 1600, 900)])
    rules = creatives[0].asset_feed_spec.asset_customization_rules
    assert [rule.video_label.name for rule in rules] == ["poster", "wide", "wide"]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda feed: feed["asset_customization_rules"].pop(), "last rule"),
        (lambda feed: feed["videos"].pop(), "no video carries the label '1x1'"),
        (lambda feed: feed["asset_customization_rules"][0].update(priority=3), "count up from 1"),
        (lambda feed: feed["titles"][0].update(text="a" * 41), "40 are allowed"),
        (
            lambda feed: feed["asset_customization_rules"][1]["customization_spec"][
                "instagram_positions"
            ].append("reels"),
            "named by two rules",
        ),
        (
            lambda feed: feed["asset_customization_rules"][0]["customization_spec"].update(
                facebook_positions=["billboard"]
            ),
            "billboard",
        ),
    ],
)
def test_a_payload_that_the_interface_would_refuse_is_refused_here(spoil, fault: str):
    value = placed()[0][0].model_dump(mode="json", exclude_none=True)
    spoil(value["asset_feed_spec"])
    with pytest.raises(ValidationError, match=fault):
        PlacedCreative.model_validate(value)
