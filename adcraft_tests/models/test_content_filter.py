"""The content filter through the true SigLIP and FLUX classes with random weights: what is refused has no look.

Random weights know nothing of pictures, so limits are set between the margins of pictures that were made.
"""

import json

import dagster as dg
import numpy as np
import pytest

from adcraft_assets.definitions import build_defs, resources_of
from adcraft_assets.launches import add_partitions, launch
from adcraft_resources.algorithms.looks import RefusedLook
from adcraft_resources.algorithms.values import Keyframe, Shot
from adcraft_resources.cleaning import MEZZANINE
from adcraft_resources.content_filters import NoContentFilter, SiglipContentFilter
from adcraft_resources.errors import ContentRefused
from adcraft_resources.flux_stylist import FluxStylist
from adcraft_resources.inpainters import FluxInpainter
from adcraft_resources.models.shelf import SHELF
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.shot_lists import look_keys, read_shot_list
from adcraft_resources.store import BundleStore
from adcraft_resources.stylists import load_styles
from adcraft_tests.graph.conftest import write_ad
from adcraft_tests.models.conftest import AREA, NAMES, scene

pytestmark = pytest.mark.models

FLUX = "dev"
GOLD, CLEAN = (load_styles()[name] for name in ("turmeric-gold", "clinical-clean"))
SHOTS = [Shot(0, 59, 0.0, 2.0)]
KEYS = [(Keyframe(frame, frame / 30, 0), scene(96, 64, frame)) for frame in (0, 20)]
ASKED = {"a": (GOLD, 3), "b": (CLEAN, 3)}


def a_filter(weights, margin=None):
    return SiglipContentFilter(checkpoint=NAMES["siglip"], weights=str(weights), device="cpu", margin=margin)


def worst(judge, frames):
    return float(np.stack(list(judge.margins(frames).values())).max())


def between(judge, looks):
    """A limit that the worst variant breaks and no other, and that variant."""
    margins = {name: worst(judge, [pair.styled for pair in look._pairs]) for name, look in looks.items()}
    ordered = sorted(margins, key=margins.__getitem__)
    assert margins[ordered[-1]] > margins[ordered[-2]]
    return (margins[ordered[-1]] + margins[ordered[-2]]) / 2, ordered[-1]


def test_pictures_are_refused_by_the_margin_of_their_worst_category(weights):
    judge = a_filter(weights)
    frames = [scene(seed=seed) for seed in range(6)]
    tops = [worst(judge, [frame]) for frame in frames]
    limit = float(np.median(tops))
    told = a_filter(weights, limit).object_to(frames)
    assert [bool(one) for one in told] == [top > limit for top in tops]
    assert all("logits" in one for one in told if one)
    assert judge.object_to([]) == []
    SHELF.clear()


def test_a_refused_key_takes_its_variant_out_and_lies_nowhere(flux, cache, weights, tmp_path):
    plain = FluxStylist(flux=flux, cache=cache, content_filter=NoContentFilter()).develop_all(
        ASKED, KEYS, SHOTS
    )
    limit, bad = between(a_filter(weights), plain)
    good = next(name for name in ASKED if name != bad)
    fresh = ResultCache(store=BundleStore(base=str(tmp_path / "fresh")))
    stylist = FluxStylist(flux=flux, cache=fresh, content_filter=a_filter(weights, limit))
    (group,) = stylist.develop_in_turn(ASKED, KEYS, SHOTS)
    assert isinstance(group[bad], RefusedLook)
    assert "SigLIP takes the picture for it" in group[bad].reason
    frame = scene(96, 64, 1)
    assert np.array_equal(group[good].apply(frame, 5, 0.2), plain[good].apply(frame, 5, 0.2))
    refused = {
        pair.styled.tobytes()
        for pair in plain[bad]._pairs
        if a_filter(weights, limit).object_to([pair.styled])[0]
    }
    from adcraft_resources.thumbnails import read_picture

    kept = {read_picture(path).tobytes() for path in (tmp_path / "fresh").rglob("key.png")}
    assert refused
    assert not refused & kept
    with pytest.raises(ContentRefused, match=bad):
        stylist.develop_all(ASKED, KEYS, SHOTS)


def test_what_was_said_of_a_key_is_kept(flux, cache, weights):
    plain = FluxStylist(flux=flux, cache=cache, content_filter=NoContentFilter()).develop_all(
        ASKED, KEYS, SHOTS
    )
    limit, bad = between(a_filter(weights), plain)
    stylist = FluxStylist(flux=flux, cache=cache, content_filter=a_filter(weights, limit))
    first = list(stylist.develop_in_turn(ASKED, KEYS, SHOTS))
    engine, asked = flux.engine(), []
    engine.restyle_small = asked.append
    again = list(stylist.develop_in_turn(ASKED, KEYS, SHOTS))
    assert not asked
    assert again[0][bad] == first[0][bad]


def test_a_prompt_with_such_a_word_is_never_asked(flux, cache, weights):
    diffusion = GOLD.diffusion.model_copy(update={"prompt": "a nude person in golden light, editorial photo"})
    asked = {"a": (GOLD.model_copy(update={"diffusion": diffusion}), 3), "b": (CLEAN, 3)}
    stylist = FluxStylist(flux=flux, cache=cache, content_filter=a_filter(weights, 1e9))
    groups = {
        name: look for group in stylist.develop_in_turn(asked, KEYS, SHOTS) for name, look in group.items()
    }
    assert groups["a"].reason.startswith("sexual")
    assert not isinstance(groups["b"], RefusedLook)


def test_a_refused_fill_is_continued_from_its_rim_and_counted(flux, weights):
    flux = flux.model_copy(update={"checkpoint": NAMES["klein"]})
    frame, mask = scene(220, 160, 9), np.zeros((220, 160), bool)
    mask[90:110, 40:120] = True
    free = FluxInpainter(flux=flux, content_filter=a_filter(weights, 1e9))
    strict = FluxInpainter(flux=flux, content_filter=a_filter(weights, -1e9))
    made, calm = free.fill(frame, mask), strict.fill(frame, mask)
    assert np.array_equal(calm[~mask], frame[~mask])
    assert not np.array_equal(made, calm)
    assert len(strict._refusals) == 1
    assert not free._refusals


def test_in_the_graph_a_refused_variant_fails_with_its_reason_and_a_spare_takes_its_place(weights, tmp_path):
    write_ad(tmp_path / "ad.mp4", seed=0)
    config = {
        "profile": "gpu",
        "variants_per_video": 2,
        "quality_preset": "fast",
        "license_accepted": [NAMES["dev"]],
        "models": {
            "weights": str(weights), "device": "cpu", "compiled": False, "area": AREA, "flux": {"style": NAMES["dev"]},
        },
        "gates": {"style_ssim": [0.0, 1.0], "skin_delta_l": [-100, 100], "residual_text": 1.0},
        "placements": {"formats": [{"name": "9x16", "width": 270, "height": 480}]},
        "products": [{"id": "soap", "videos": [{"id": "v0", "url": str(tmp_path / "ad.mp4")}]}],
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    roles = resources_of(path)
    store, shipped = roles["store"], roles["stylist"]
    assert isinstance(shipped.content_filter, SiglipContentFilter)

    def stylist(margin):
        return shipped.model_copy(update={"content_filter": a_filter(weights, margin)})

    with dg.DagsterInstance.ephemeral() as instance:
        add_partitions(instance, ["soap__v0"])
        assert (
            launch(build_defs(path, {"stylist": stylist(1e9)}), instance, ["soap__v0"], most=8).failed == {}
        )
        first = store.current("styled_variants", "soap__v0").manifest
        assert len(first["variants"]) == 2
        cleaned, stills = (store.current(kind, "soap__v0") for kind in ("cleaned_frames", "keyframes"))
        shots = read_shot_list(stills)
        plans = {plan["id"]: plan for plan in first["plans"] if plan["id"] in first["variants"]}
        asked = {name: (load_styles()[plan["style"]], plan["seed"]) for name, plan in plans.items()}
        looks = stylist(1e9).develop_all(asked, look_keys(cleaned.file(MEZZANINE), shots), shots.shots)
        limit, bad = between(a_filter(weights), looks)
        strict = build_defs(path, {"stylist": stylist(limit)})
        placed = launch(strict, instance, ["soap__v0"], most=8, assets=("placed_variants",))
        assert f"{bad}: " in placed.failed["soap__v0"]
        assert "SigLIP takes the picture for it" in placed.failed["soap__v0"]
        assert "Materialize styled_variants" in placed.failed["soap__v0"]
        assert len(list((tmp_path / ".adcraft/store/placed/soap__v0").rglob("9x16.mp4"))) == 1, (
            "the other is kept"
        )
        assert (
            launch(build_defs(path, {"stylist": stylist(limit)}), instance, ["soap__v0"], most=8).failed == {}
        )
    second = store.current("styled_variants", "soap__v0")
    assert "SigLIP takes the picture for it" in second.figures["refused"][bad]
    assert bad not in second.manifest["variants"]
    assert set(second.manifest["variants"]) > set(first["variants"]) - {bad}
    ranking = json.loads((tmp_path / "results/soap/v0/ranking.json").read_text())
    assert any(bad in warning and "content filter" in warning for warning in ranking["warnings"])
    for name, digest in second.manifest["variants"].items():
        disclosure = store.find("variants", "soap__v0", digest).manifest["ai_disclosure"]
        style = next(one for one in disclosure["models"] if one["use"] == "style")
        assert style["name"] == NAMES["dev"], name
        assert style["content_filter"].startswith("SiglipContentFilter")
        assert len(style["duties"]) == 2
    SHELF.clear()
