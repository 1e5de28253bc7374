import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft_assets.partitions import ads_of
from adcraft_assets.product_settings import SLUG, id_of_url, refuse_twins, slug_of
from adcraft_assets.settings import Settings, load_settings, parse_settings
from adcraft_resources.errors import ConfigInvalid

ROOT = Path(__file__).parents[2]


def config(**changes):
    return {"products": [{"id": "soap", "videos": ["https://x.example/ad.mp4"]}], **changes}


def fault_of(value):
    with pytest.raises(ConfigInvalid) as raised:
        parse_settings(value, origin="config.json")
    return str(raised.value)


def test_everything_but_products_has_a_default():
    settings = parse_settings(config(), origin="config.json")
    assert settings.variants_per_video == 4
    assert settings.gates.style_ssim == (0.45, 0.992)
    assert settings.batch.max_partitions_per_run == 8


def test_the_shipped_config_loads_and_names_three_ads():
    assert list(ads_of(load_settings(ROOT / "config.json"))) == [
        "turmeric-soap__hero",
        "turmeric-soap__routine",
        "coffee__morning",
    ]


def test_the_checked_in_schema_is_the_one_the_settings_make():
    assert json.loads((ROOT / "config.schema.json").read_text()) == Settings.model_json_schema()


def test_the_ray_scripts_flat_config_is_still_valid():
    settings = parse_settings(
        {
            "videos": ["https://x.example/a.mp4", {"url": "https://x.example/b.mp4"}],
            "quality_preset": "high",
            "variants_per_video": 6,
            "gpu_count": 2,
            "first_frame_optimizer": True,
            "product_specific": {"type": "turmeric_kojic_soap"},
        },
        origin="config.json",
    )
    assert settings.products[0].id == "turmeric-kojic-soap"
    assert len(ads_of(settings)) == 2
    assert settings.first_frame_optimizer.enabled


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (config(variant_per_video=3), ["variant_per_video: unknown key", "variants_per_video"]),
        (config(gates={"scene_ssim": 0.9}), ["gates.scene_ssim: unknown key", "scene_ssim_p5"]),
        (config(variants_per_video=0), ["variants_per_video", "greater than or equal to 1", "got 0"]),
        (config(quality_preset="best"), ["quality_preset", "'fast', 'balanced' or 'high'", '"best"']),
        (
            {"products": [{"id": "a", "videos": [{"url": "x", "uri": 1}]}]},
            ["products[0].videos[0].uri: unknown key", "disabled, exclude, id, include, url"],
        ),
        ({"products": []}, ["products", "at least 1"]),
        ({}, ["products", "required"]),
        ([], ["config.json is not valid"]),
        ({"products": [{"id": "Soap Bar/1"}]}, ["products[0].id", "no slug", "'soap-bar-1'"]),
        ({"products": [{"id": "a|b"}]}, ["products[0].id", "no slug"]),
        ({"products": [{"id": "a...b"}]}, ["products[0].id", "no slug"]),
        ({"products": [{"id": "sábão"}]}, ["products[0].id", "no slug"]),
        ({"products": [{"id": "a"}, {"id": "a"}]}, ["products", "'a' is there more than once"]),
        (
            {"products": [{"id": "a", "videos": ["https://x/v.mp4", "https://x/v.mp4"]}]},
            ["videos of product 'a'", "more than once"],
        ),
        ({"products": [{"id": "a", "videos": [{"id": "x"}]}]}, ["products[0].videos[0].url", "required"]),
        ({"products": [{"id": "a", "protected_text": ["("]}]}, ["protected_text", "no regular expression"]),
        (
            {"products": [{"id": "a", "product_specific": {"type": "Soap!"}}]},
            ["product_specific.type", "no product type"],
        ),
    ],
)
def test_a_fault_is_told_with_its_place_value_and_what_is_allowed(value, words):
    told = fault_of(value)
    for word in words:
        assert word in told


@pytest.mark.parametrize(
    ("text", "word"),
    [("{", "is no JSON"), ("", "is no JSON"), (None, "can't be read"), (b"\xff\xfe{", "no UTF-8")],
)
def test_a_file_that_is_no_config_is_told_by_name(tmp_path, text, word):
    path = tmp_path / "config.json"
    if isinstance(text, bytes):
        path.write_bytes(text)
    elif text is not None:
        path.write_text(text)
    with pytest.raises(ConfigInvalid, match=word) as raised:
        load_settings(path)
    assert "config.json" in str(raised.value)


def test_a_disabled_video_makes_no_ad_unless_asked_for():
    settings = parse_settings(
        {"products": [{"id": "a", "videos": [{"url": "https://x/v.mp4", "id": "v", "disabled": True}]}]},
        origin="c",
    )
    assert ads_of(settings) == {}
    assert list(ads_of(settings, retired=True)) == ["a__v"]


@given(st.text(max_size=200))
def test_any_text_has_a_valid_slug(text):
    assert SLUG.match(slug_of(text))


@given(st.text(min_size=1, max_size=200))
def test_any_url_has_a_valid_id_of_its_own(tail):
    assert SLUG.match(id_of_url("https://x.example/" + tail))


def test_two_urls_with_the_same_file_name_have_different_ids():
    assert id_of_url("https://a/x/ad.mp4") != id_of_url("https://b/x/ad.mp4")
    assert id_of_url("https://a/x/Big%20Ad.mp4").startswith("big-ad-")


def test_twins_are_found_without_comparing_every_id_with_every_other():
    compared = []

    class Watched(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            compared.append(other)
            return str.__eq__(self, other)

    ids = [Watched(f"v{number}") for number in range(1000)]
    refuse_twins(ids, "videos")
    assert len(compared) < 10 * len(ids)
    with pytest.raises(ValueError, match="the id 'v7' is there more than once"):
        refuse_twins([*ids, "v7"], "videos")


def test_an_edit_of_the_config_is_seen_at_once(tmp_path):
    path = tmp_path / "config.json"
    for count in (1, 2, 1, 3):
        path.write_text(json.dumps(config(variants_per_video=count)))
        assert load_settings(path).variants_per_video == count


def test_a_half_written_config_may_be_whole_a_moment_later_and_a_wrong_one_not(tmp_path):
    whole = json.dumps({"products": [{"id": "a", "name": "Crème"}]}, ensure_ascii=False).encode()
    path = tmp_path / "config.json"
    for part in (b"", whole[:20], whole[: whole.index("è".encode()) + 1]):
        path.write_bytes(part)
        with pytest.raises(ConfigInvalid) as told:
            load_settings(path)
        assert told.value.transient
    path.write_text('{"products": [], "colour": 1}')
    with pytest.raises(ConfigInvalid) as told:
        load_settings(path)
    assert not told.value.transient
