"""Profiles: the embedded one loads no model library, the gpu one refuses licences nobody accepted."""

import subprocess
import sys
from pathlib import Path

import pytest

from adcraft_resources.errors import ConfigInvalid, ModelUnavailable
from adcraft_resources.flux_stylist import FluxStylist
from adcraft_resources.model_settings import FluxModels, ModelSettings
from adcraft_resources.profiles import Site, resources_for
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.store import BundleStore
from adcraft_resources.weights import checkpoint_named, find_local

HEAVY = ("torch", "diffusers", "transformers", "open_clip", "adcraft_resources.models")
DEV = "black-forest-labs/FLUX.1-dev"


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path, ResultCache(store=BundleStore(base=str(tmp_path / "store"))))


def test_loading_the_definitions_of_either_profile_loads_no_model_library(tmp_path):
    config = '{"profile": "PROFILE", "products": [{"id": "a", "videos": ["sample://turmeric-hero"]}]}'
    for profile in ("embedded", "gpu"):
        path = tmp_path / f"{profile}.json"
        path.write_text(config.replace("PROFILE", profile))
        code = (
            "import sys; from pathlib import Path; from adcraft_assets.definitions import build_defs;"
            f"build_defs(Path({str(path)!r})); print([n for n in {HEAVY!r} if n in sys.modules])"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert told.stdout.strip().endswith("[]"), (profile, told.stdout)


def test_the_defaults_are_free_for_commercial_work(site):
    roles = resources_for("gpu", ModelSettings(), site)
    assert isinstance(roles["stylist"], FluxStylist)
    assert roles["stylist"].most_keys == 8


@pytest.mark.parametrize("job", ["style", "fill"])
def test_a_non_commercial_licence_must_be_accepted_by_name(site, job):
    models = ModelSettings(flux=FluxModels(**{job: DEV}))
    with pytest.raises(ConfigInvalid, match="Non-Commercial") as refused:
        resources_for("gpu", models, site)
    assert "license_accepted" in str(refused.value)
    accepted = Site(site.folder, site.cache, accepted=(DEV,))
    assert resources_for("gpu", models, accepted)


def test_an_unknown_licence_must_be_accepted_too(site):
    with pytest.raises(ConfigInvalid, match="does not know the licence"):
        resources_for("gpu", ModelSettings(qwen2_vl="someone/finetune"), site)


def test_versions_tell_checkpoint_and_precision_apart(site):
    def version(**flux):
        return resources_for("gpu", ModelSettings(flux=FluxModels(**flux)), site)["stylist"].version

    assert len({version(), version(precision="bf16"), version(computed=0.6), version(guide=False)}) == 4
    assert version() != version(style="black-forest-labs/FLUX.2-klein-4B@abc")


def test_open_clips_name_means_the_publishers_weights():
    checkpoint = checkpoint_named("ViT-SO400M-14-SigLIP-384@abc")
    assert checkpoint.label == "google/siglip-so400m-patch14-384@abc"
    assert checkpoint.is_free


def test_missing_weights_say_how_to_get_them(tmp_path):
    with pytest.raises(ModelUnavailable, match="adcraft weights pull"):
        find_local(Path(tmp_path), checkpoint_named("Qwen/Qwen2-VL-7B-Instruct"))
