"""Tiny checkpoints, made once. This folder is `make test-models`: nothing of it is read by `make test`."""

import cv2
import numpy as np
import pytest


def pytest_ignore_collect(collection_path, config):
    return None if config.getoption("markexpr") == "models" else True


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    import torch

    torch.set_num_threads(1)


NAMES = {
    "klein": "black-forest-labs/FLUX.2-klein-4B",
    "dev": "black-forest-labs/FLUX.1-dev",
    "qwen": "Qwen/Qwen2-VL-7B-Instruct",
    "siglip": "google/siglip-so400m-patch14-384",
}

AREA = 64 * 64  # px that FLUX paints at


@pytest.fixture
def cache(tmp_path):
    from adcraft_resources.result_cache import ResultCache
    from adcraft_resources.store import BundleStore

    return ResultCache(store=BundleStore(base=str(tmp_path / "store")))


@pytest.fixture
def flux(cache, weights, request):
    """The tiny FLUX that the test's module names."""
    from adcraft_resources.flux_runtime import FluxRuntime
    from adcraft_resources.models.shelf import SHELF

    checkpoint = NAMES[request.module.FLUX]
    yield FluxRuntime(
        cache=cache, checkpoint=checkpoint, weights=str(weights), device="cpu", compiled=False, area=AREA
    )
    SHELF.clear()


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Folders of tiny checkpoints by name."""
    from adcraft_tests.models import tiny_checkpoints as tiny

    base = tmp_path_factory.mktemp("tiny")
    return {
        "klein": tiny.klein(base / "klein"),
        "schnell": tiny.flux1(base / "schnell"),
        "dev": tiny.flux1(base / "dev", "dev"),
        "fill": tiny.flux1(base / "fill", "fill"),
        "qwen": tiny.qwen2_vl(base / "qwen"),
        "siglip": tiny.siglip(base / "siglip"),
    }


@pytest.fixture(scope="session")
def weights(checkpoints, tmp_path_factory):
    """A weights folder as `adcraft weights pull` leaves it, with tiny weights under the defaults' names."""
    import shutil

    from adcraft_resources.weights.catalog import checkpoint_named
    from adcraft_resources.weights.local import LocalWeights

    base = tmp_path_factory.mktemp("weights")
    for short, name in NAMES.items():
        checkpoint = checkpoint_named(name)
        folder = base / checkpoint.folder_name
        shutil.copytree(checkpoints[short], folder)
        LocalWeights(folder, "0" * 40, {}).write(checkpoint)
    return base


def scene(height=96, width=64, seed=0):
    """Soft discs of strong colours."""
    rng = np.random.default_rng(seed)
    frame = np.full((height, width, 3), rng.integers(40, 200, 3), np.uint8)
    for _ in range(6):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        colour = [int(c) for c in rng.integers(0, 255, 3)]
        cv2.circle(frame, centre, int(rng.integers(6, 24)), colour, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(frame, (0, 0), 1.5)
