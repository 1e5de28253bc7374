"""Content filters by licence, what their words find, and variants that have no look. Pictures: models/test_content_filter.py."""

import pytest

from adcraft_assets.settings import parse_settings
from adcraft_resources.content_filters import NoContentFilter, SiglipContentFilter
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.gates import GateSettings, judge_variants
from adcraft_resources.model_settings import FluxModels, ModelSettings
from adcraft_resources.profiles import Site, resources_for
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.store import BundleStore
from adcraft_resources.stylists import load_styles
from adcraft_resources.weights import checkpoint_named, models_used

KLEIN, DEV, FILL = (
    f"black-forest-labs/{name}" for name in ("FLUX.2-klein-4B", "FLUX.1-dev", "FLUX.1-Fill-dev")
)


def roles(tmp_path, **flux):
    site = Site(tmp_path, ResultCache(store=BundleStore(base=str(tmp_path))), accepted=(DEV, FILL, "me/mine"))
    made = resources_for("gpu", ModelSettings(flux=FluxModels(**flux)), site)
    return made["stylist"], made["inpainter"]


def test_a_checkpoint_runs_with_the_filter_its_licence_asks_for(tmp_path):
    stylist, inpainter = roles(tmp_path)
    assert isinstance(stylist.content_filter, NoContentFilter)
    assert "asks for none" in inpainter.filtered_by
    stylist, inpainter = roles(tmp_path, style=DEV)
    assert isinstance(stylist.content_filter, SiglipContentFilter)
    assert isinstance(inpainter.content_filter, NoContentFilter)
    _, inpainter = roles(tmp_path, fill=f"{FILL}@abc")
    assert isinstance(inpainter.content_filter, SiglipContentFilter)
    stylist, _ = roles(tmp_path, style="me/mine")
    assert isinstance(stylist.content_filter, SiglipContentFilter), "an unknown licence is taken to ask"


def test_the_filter_can_be_wanted_for_all_and_left_to_people(tmp_path):
    stylist, _ = roles(tmp_path, content_filter="always")
    assert isinstance(stylist.content_filter, SiglipContentFilter)
    stylist, _ = roles(tmp_path, style=DEV, content_filter="review")
    assert not stylist.content_filter.looks
    assert "people" in stylist.filtered_by


def test_leaving_it_to_people_takes_people():
    config = {
        "products": [{"id": "a", "videos": ["sample://turmeric-hero"]}],
        "models": {"flux": {"content_filter": "review"}},
    }
    with pytest.raises(ConfigInvalid, match='"approval": "required"'):
        parse_settings(config, origin="config.json")
    assert parse_settings({**config, "approval": "required"}, origin="config.json")


def test_the_filter_enters_the_version_of_what_it_looks_at(tmp_path):
    plain, filtered = (roles(tmp_path, content_filter=one) for one in ("licence", "always"))
    for without, with_it in zip(plain, filtered, strict=True):
        assert without.version != with_it.version
        assert "SiglipContentFilter" in with_it.version


@pytest.fixture
def words():
    return SiglipContentFilter(checkpoint="x", weights="w")


@pytest.mark.parametrize(
    ("prompt", "category"),
    [
        ("a NUDE model with soap", "sexual"),
        ("naked\u200b skin, editorial", "sexual"),
        ("n\u200bude in the bath", "sexual"),
        ("ｎｓｆｗ picture", "sexual"),
        ("a sexy, naked girl", "sexual"),
        ("underage models", "minors"),
        ("a gory crime scene", "violence"),
        ("wall with swastikas", "hate"),
        ("suicide", "self_harm"),
    ],
)
def test_words_are_found_however_they_are_written(words, prompt, category):
    assert words.object_to_prompt(prompt).startswith(category)


@pytest.mark.parametrize(
    "prompt",
    [
        "blood orange and turmeric on a table",
        "a knife cutting a lemon",
        "Essex market, skin care",
        "children washing their hands",
        "a killer look in crisp daylight",
    ],
)
def test_everyday_prompts_pass(words, prompt):
    assert words.object_to_prompt(prompt) == ""


def test_every_shipped_style_passes(words):
    for style in load_styles().values():
        assert words.object_to_prompt(style.diffusion.prompt) == "", style.name


def test_the_disclosure_names_duties_and_how_they_are_met():
    models = ModelSettings(flux=FluxModels(style=DEV))
    style, removal = models_used(
        models, ["style", "removal"], "template", {"style": "SiglipContentFilter 1", "removal": "none asked"}
    )
    assert style["name"] == DEV
    assert len(style["duties"]) == 2
    assert style["content_filter"] == "SiglipContentFilter 1"
    assert "IPTC" in style["disclosed_by"]
    assert removal["duties"] == []
    assert checkpoint_named(DEV).asks_for_filter
    assert not checkpoint_named(KLEIN).asks_for_filter


def test_the_gate_says_what_was_refused():
    for verdict in judge_variants({}, GateSettings(), {"v1": "sexual: the prompt says 'nude'"}):
        assert not verdict.passed
        assert "v1: sexual" in verdict.reason
