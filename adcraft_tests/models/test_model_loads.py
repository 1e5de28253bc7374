"""How often a chunk loads the models of the gpu profile: each once in a process, however many ads it makes."""

import json
from collections import Counter

import dagster as dg
import pytest

from adcraft_assets.definitions import build_defs
from adcraft_assets.launches import add_partitions, launch
from adcraft_resources.models import flux_loading, shelf
from adcraft_resources.models.shelf import SHELF, Shelf
from adcraft_tests.graph.conftest import write_ad

pytestmark = pytest.mark.models

EIGHT = [f"v{number}" for number in range(8)]
TO_STYLE = ["source_video", "keyframes", "ocr_masks", "cleaned_frames", "hooks", "styled_variants"]


@pytest.fixture
def loads(monkeypatch):
    """Counts models by kind as they are loaded, and the readings that load FLUX's text encoders."""
    counted, take, read = Counter(), Shelf.take, flux_loading.read_prompts

    def counting_take(self, key, load, **more):
        def counted_load():
            counted[key[0]] += 1
            return load()

        return take(self, key, counted_load, **more)

    def counting_read(*args):
        counted["text encoders"] += 1
        return read(*args)

    monkeypatch.setattr(Shelf, "take", counting_take)
    monkeypatch.setattr(
        shelf, "free_bytes", lambda _: 80 << 30
    )  # a card with room for all; a CPU is given 4 GiB
    monkeypatch.setattr(flux_loading, "read_prompts", counting_read)
    SHELF.clear()
    yield counted
    SHELF.clear()


@pytest.fixture
def make(weights, tmp_path):
    """Runs the graph over ads of a gpu profile with tiny models, up to their variants."""
    videos = [{"id": name, "url": str(tmp_path / f"{name}.mp4")} for name in EIGHT]
    for seed, name in enumerate(EIGHT):
        write_ad(tmp_path / f"{name}.mp4", seed, frames=6)
    config = {
        "profile": "gpu",
        "variants_per_video": 1,
        "quality_preset": "fast",
        "models": {"weights": str(weights), "device": "cpu", "compiled": False, "area": 64 * 64},
        "gates": {"style_ssim": [0.0, 1.0], "skin_delta_l": [-100, 100], "residual_text": 1.0},
        "products": [{"id": "soap", "videos": videos}],
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    with dg.DagsterInstance.ephemeral() as instance:
        add_partitions(instance, [f"soap__{name}" for name in EIGHT])

        def made(names):
            keys = [f"soap__{name}" for name in names]
            return launch(build_defs(path), instance, keys, most=8, assets=TO_STYLE)

        yield made


def test_a_chunk_of_eight_loads_each_model_once(make, loads):
    outcome = make(EIGHT)
    assert outcome.failed == {}
    assert len(outcome.run_ids) == 1
    assert loads == {"qwen2_vl": 1, "flux": 1, "siglip": 1, "text encoders": 1}


def test_a_scattered_selection_loads_each_model_no_oftener_than_it_has_runs(make, loads):
    outcome = make(["v0", "v2", "v3"])
    assert outcome.failed == {}
    assert len(outcome.run_ids) == 2  # v0, v2 to v3
    assert set(loads) == {"qwen2_vl", "flux", "siglip", "text encoders"}
    assert max(loads.values()) == 1, "runs of one process share its models"
