"""The gpu profile's roles, and the whole graph on one ad, with tiny checkpoints through the true classes."""

import json
import re

import dagster as dg
import numpy as np
import pytest

from adcraft_assets.definitions import build_defs, resources_of
from adcraft_assets.launches import add_partitions, launch
from adcraft_resources.algorithms.values import Keyframe, Shot
from adcraft_resources.content_filters import NoContentFilter
from adcraft_resources.encoders import SiglipEncoder
from adcraft_resources.flux_runtime import FluxRuntime
from adcraft_resources.flux_stylist import FluxStylist
from adcraft_resources.inpainters import FluxInpainter
from adcraft_resources.key_chains import choose_keys, moved_to
from adcraft_resources.models.denoising import Cancelled
from adcraft_resources.models.shelf import SHELF
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.store import BundleStore
from adcraft_resources.stylists import load_styles
from adcraft_tests.graph.conftest import FRAMES, write_ad
from adcraft_tests.models.conftest import AREA, NAMES, scene

pytestmark = pytest.mark.models

FLUX = "klein"
GOLD, CLEAN = (load_styles()[name] for name in ("turmeric-gold", "clinical-clean"))
SHOTS = [Shot(0, 29, 0.0, 1.0), Shot(30, 59, 1.0, 2.0)]


def keys():
    places = [(0, 0), (20, 0), (35, 1)]
    return [(Keyframe(frame, frame / 30, shot), scene(96, 64, 3 * shot + frame)) for frame, shot in places]


def test_looks_are_steady_deterministic_and_of_their_style(flux, cache):
    stylist = FluxStylist(flux=flux, cache=cache, content_filter=NoContentFilter())
    asked = {"a": (GOLD, 3), "b": (CLEAN, 3), "c": (GOLD, 4)}
    looks = stylist.develop_all(asked, keys(), SHOTS)
    frame = scene(96, 64, 1)
    made = {name: look.apply(frame, 5, 0.2) for name, look in looks.items()}
    assert all(one.shape == frame.shape for one in made.values())
    assert not np.array_equal(made["a"], made["b"])
    assert not np.array_equal(made["a"], made["c"])
    again = FluxStylist(flux=flux, cache=cache, content_filter=NoContentFilter()).develop(
        GOLD, keys(), SHOTS, 3
    )
    assert np.array_equal(again.apply(frame, 5, 0.2), made["a"])


def test_looks_made_in_turn_are_those_made_together(flux, cache, tmp_path):
    asked = {"a": (GOLD, 3), "b": (CLEAN, 3), "c": (GOLD, 4)}
    other = ResultCache(store=BundleStore(base=str(tmp_path / "other")))
    together = FluxStylist(flux=flux, cache=cache, content_filter=NoContentFilter()).develop_all(
        asked, keys(), SHOTS
    )
    groups = list(
        FluxStylist(flux=flux, cache=other, content_filter=NoContentFilter(), together=2).develop_in_turn(
            asked, keys(), SHOTS
        )
    )
    assert [list(group) for group in groups] == [["a", "b"], ["c"]]
    frame = scene(96, 64, 1)
    for group in groups:
        for name, look in group.items():
            apart = look.apply(frame, 5, 0.2).astype(int) - together[name].apply(frame, 5, 0.2)
            assert np.abs(apart).max() <= 2


def test_a_stopped_run_goes_on_with_the_keys_it_finished(flux, cache):
    stylist = FluxStylist(flux=flux, cache=cache, content_filter=NoContentFilter(), guide=False)
    engine = flux.engine()
    made, restyle = [], engine.restyle_small

    def counted(requests):
        made.append(len(requests))
        if len(made) == 3:
            raise Cancelled("stopped")
        return restyle(requests)

    engine.restyle_small = counted
    asked = {"a": (GOLD, 3), "b": (CLEAN, 3)}
    with pytest.raises(Cancelled):
        stylist.develop_all(asked, keys(), SHOTS)
    stylist.develop_all(asked, keys(), SHOTS)
    assert made == [2, 2, 2, 2], "keys that were finished were made again"


def test_prompts_are_read_once_for_all_who_share_the_store(flux, cache, weights, monkeypatch):
    import adcraft_resources.models.flux_loading as loading

    first = flux.prompts(["golden light", "snow", "golden light"])
    monkeypatch.setattr(loading, "read_prompts", None)  # reading again would fail
    other = FluxRuntime(
        cache=cache, checkpoint=NAMES["klein"], weights=str(weights), device="cpu", compiled=False
    )
    again = other.prompts(["snow"])
    assert again[0].tokens.equal(first[1].tokens)
    assert first[0].tokens.equal(first[2].tokens)
    assert not first[0].tokens.equal(first[1].tokens)


def test_a_model_leaves_when_prompts_are_read_where_there_is_no_room_for_both(flux, monkeypatch):
    from adcraft_resources.models import shelf
    from adcraft_resources.models.flux_loading import encoder_bytes

    flux.engine()
    flux.prompts(["amber dusk"])
    assert len(SHELF) == 1
    needs = encoder_bytes(flux._folder())
    monkeypatch.setattr(shelf, "free_bytes", lambda _: needs - 1)
    flux.prompts(["amber dusk"])
    assert len(SHELF) == 1, "a kept prompt needs no encoder"
    flux.prompts(["pale dawn"])
    assert len(SHELF) == 0


def test_without_keys_the_look_is_the_grade(flux, cache):
    look = FluxStylist(flux=flux, cache=cache, content_filter=NoContentFilter()).develop(GOLD, [], SHOTS, 3)
    assert look.apply(scene(), 0, 0.0).shape == scene().shape


def test_keys_are_capped_with_every_shot_in_it():
    many = [(Keyframe(frame, frame / 30, frame // 25), scene(8, 8)) for frame in range(0, 100, 5)]
    chosen = choose_keys(many, 6)
    assert len(chosen) == 6
    assert {key.shot for key, _ in chosen} == {0, 1, 2, 3}
    assert choose_keys(many[:3], 6) == many[:3]


def test_a_guide_of_a_still_scene_is_the_restyled_key():
    from adcraft_resources.algorithms.key_pairs import KeyPair

    source = scene(200, 160, 2)
    styled = np.clip(source.astype(int) + np.array((20, 5, -15)), 0, 255).astype(np.uint8)
    guide = moved_to(source, KeyPair(0, source, styled))
    assert np.abs(guide.astype(int) - styled).mean() < 1.5


def test_pixels_outside_the_mask_never_change(flux):
    inpainter = FluxInpainter(flux=flux, content_filter=NoContentFilter())
    frame = scene(220, 160, 9)
    mask = np.zeros(frame.shape[:2], bool)
    mask[90:110, 40:120] = True
    filled = inpainter.fill(frame, mask)
    assert np.array_equal(filled[~mask], frame[~mask])
    assert not np.array_equal(filled[mask], frame[mask])
    assert np.array_equal(inpainter.fill(frame, mask), filled)
    nothing = np.zeros_like(mask)
    assert np.array_equal(inpainter.fill(frame, nothing), frame)


def test_a_fill_meets_its_rim(flux):
    """On a smooth ramp the tone of what was made up follows the ramp at the mask's edge."""
    ramp = np.linspace(40, 200, 160)[None, :, None] * np.ones((220, 1, 3))
    frame = np.clip(ramp, 0, 255).astype(np.uint8)
    mask = np.zeros(frame.shape[:2], bool)
    mask[100:112, 40:120] = True
    filled = FluxInpainter(flux=flux, content_filter=NoContentFilter()).fill(frame, mask)
    rows = (
        np.abs(filled[100].astype(int) - frame[99]).mean(),
        np.abs(filled[111].astype(int) - frame[112]).mean(),
    )
    raw = flux.engine().fill(frame, mask, flux.prompts(["x"])[0], 7)
    assert max(rows) < np.abs(raw[100].astype(int) - frame[99]).mean()


def test_siglip_scores_are_margins_of_versioned_prompts(weights):
    encoder = SiglipEncoder(checkpoint="ViT-SO400M-14-SigLIP-384", weights=str(weights), device="cpu")
    frames = [scene(seed=seed) for seed in range(4)]
    scores = encoder.score(frames, "turmeric_kojic_soap")
    assert len(set(scores)) > 1
    assert all(0 <= one <= 1 for one in scores)
    assert encoder.score(frames, "nobody_knows_it") == encoder.score(frames, "generic") != scores
    assert re.search(r"siglip-1 .* 20\d\d-", encoder.version)
    assert encoder.score([], "generic") == []
    SHELF.clear()


def test_the_whole_graph_makes_ranked_variants(weights, tmp_path):
    write_ad(tmp_path / "ad.mp4", seed=0)
    config = {
        "profile": "gpu",
        "variants_per_video": 2,
        "quality_preset": "fast",
        "models": {"weights": str(weights), "device": "cpu", "compiled": False, "area": AREA},
        # The tiny models' pictures are noise, so the gates that judge looks stand wide open here.
        "gates": {"style_ssim": [0.0, 1.0], "skin_delta_l": [-100, 100], "residual_text": 1.0},
        "products": [{"id": "soap", "videos": [{"id": "v0", "url": str(tmp_path / "ad.mp4")}]}],
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    with dg.DagsterInstance.ephemeral() as instance:
        add_partitions(instance, ["soap__v0"])
        outcome = launch(build_defs(path), instance, ["soap__v0"], most=8)
    assert outcome.failed == {}
    ranking = json.loads((tmp_path / "results/soap/v0/ranking.json").read_text())
    assert len(ranking["ranked"]) == 2
    store = resources_of(path)["store"]
    made = {
        kind: store.current(kind, "soap__v0").manifest["backend"]
        for kind in ("ocr_masks", "cleaned_frames", "styled_variants")
    }
    assert made == {
        "ocr_masks": "Qwen2VLTextDetector",
        "cleaned_frames": "FluxInpainter",
        "styled_variants": "FluxStylist",
    }
    masks = store.current("ocr_masks", "soap__v0").manifest
    assert masks["captions"]
    assert FRAMES == 14
    SHELF.clear()
