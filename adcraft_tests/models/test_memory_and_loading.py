"""Batches, the shelf, safetensors, schedules and artifacts: the parts around the models."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from adcraft_resources.errors import ModelUnavailable
from adcraft_resources.models import flux_loading
from adcraft_resources.models.batching import BatchChooser, MemoryModel, equal_batches
from adcraft_resources.models.compiling import CompiledArtifacts
from adcraft_resources.models.denoising import Schedule, denoise, foreseen_steps
from adcraft_resources.models.devices import GIB
from adcraft_resources.models.engine_values import EngineSettings
from adcraft_resources.models.picture_sizes import bucket_of, restore_detail
from adcraft_resources.models.safetensors_reading import read_tensors, weight_files
from adcraft_resources.models.shelf import Shelf
from adcraft_tests.models.conftest import scene

pytestmark = pytest.mark.models

CPU = torch.device("cpu")


def test_batches_are_few_and_equal():
    assert equal_batches(6, 4) == [3, 3]
    assert equal_batches(9, 4) == [3, 3, 3]
    assert equal_batches(5, 4) == [3, 2]
    assert equal_batches(0, 4) == []


def test_the_batch_follows_from_memory_and_never_exceeds_what_pays():
    model = MemoryModel(fixed=1 * GIB, per_token=1 * GIB / 1000)
    assert model.largest(int(10 * GIB), 1000, 0) == 8
    chooser = BatchChooser(CPU, model, most=3)  # a CPU is given 4 GiB
    assert chooser.choose(1000) == 2
    assert chooser.choose(100) == 3
    assert chooser.choose(100_000) == 1


def test_a_smaller_last_batch_is_filled_up_to_the_same_shape():
    shapes = []
    chooser = BatchChooser(CPU, MemoryModel(per_token=1.0), most=4)
    made = chooser.run(
        list(range(5)), lambda batch: shapes.append(len(batch)) or [2 * i for i in batch], tokens=1
    )
    assert made == [0, 2, 4, 6, 8]
    assert shapes == [3, 3]


class Model:
    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


def test_models_share_a_device_by_turn():
    shelf, free = Shelf(), {"bytes": 10}
    import adcraft_resources.models.shelf as module

    real, module.free_bytes = module.free_bytes, lambda _: free["bytes"]
    try:
        first = shelf.take("a", Model, needs=5, device=CPU)
        assert shelf.take("a", Model, needs=5, device=CPU) is first
        second = shelf.take("b", Model, needs=5, device=CPU)
        assert not first.closed
        free["bytes"] = 2
        shelf.take("c", Model, needs=5, device=CPU)
        assert first.closed
        assert second.closed
        assert len(shelf) == 1
    finally:
        module.free_bytes = real


def test_a_hundred_turns_leave_nothing_behind(checkpoints):
    """Loading, using and closing engines again and again keeps no tensor alive."""
    import gc

    from adcraft_resources.models.engine_values import EngineSettings, Restyle
    from adcraft_resources.models.flux_loading import load_engine

    def turn():
        engine = load_engine(checkpoints["klein"], EngineSettings(device="cpu", compiled=False, area=32 * 32))
        engine.restyle([Restyle(scene(32, 32), engine.blank_prompt(), 0)])
        engine.close()

    def alive():
        gc.collect()
        return sum(isinstance(one, torch.Tensor) for one in gc.get_objects())

    turn()
    before = alive()
    for _ in range(10):
        turn()
    assert alive() <= before + 5

    engine = load_engine(checkpoints["klein"], EngineSettings(device="cpu", compiled=False, area=32 * 32))
    engine.restyle([Restyle(scene(32, 32, 1000), engine.blank_prompt(), 0)])
    for seed in range(100):
        engine.restyle([Restyle(scene(32, 32, seed), engine.blank_prompt(), 0)])
        if seed == 70:
            full = alive()
    assert alive() <= full + 5
    assert len(engine._latents) <= 64


def test_tensors_are_read_as_safetensors_reads_them(tmp_path):
    torch.manual_seed(0)
    state = {
        "a": torch.randn(300, 70), "b": torch.randn(5).to(torch.bfloat16), "c": torch.arange(7), "d": torch.zeros(0, 3),
        "e": torch.randn(16, 16).to(torch.float8_e4m3fn),
    }  # fmt: skip
    save_file(state, tmp_path / "one.safetensors")
    read, theirs = (
        read_tensors([tmp_path / "one.safetensors"], CPU, threads=3),
        load_file(tmp_path / "one.safetensors"),
    )
    assert set(read) == set(theirs)
    for name, value in theirs.items():
        assert read[name].dtype == value.dtype
        assert torch.equal(read[name].view(torch.uint8), value.view(torch.uint8))


@pytest.mark.parametrize("cut", [4, 60, -20])
def test_a_damaged_file_is_named(tmp_path, cut):
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.randn(30, 30)}, path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelUnavailable, match=r"model\.safetensors is damaged"):
        read_tensors([path], CPU)
    with pytest.raises(ModelUnavailable, match="holds no weights"):
        weight_files(tmp_path / "nothing")


def test_nothing_is_foreseen_at_the_ends():
    assert foreseen_steps(14, 14) == frozenset()
    found = foreseen_steps(14, 9)
    assert len(found) == 5
    assert not found & {0, 1, 13}


def test_a_straight_flow_is_foreseen_exactly():
    """With a velocity linear in sigma, foreseen steps land where computed ones do."""
    schedule = Schedule(tuple(np.linspace(1, 0, 9)), tuple(1000 * np.linspace(1, 0, 9)[:-1]))
    calls = []

    def velocity(latents, times):
        calls.append(1)
        return torch.full_like(latents, 2.0) + 3 * times.view(-1, 1)

    whole = denoise(torch.zeros(1, 4), schedule, velocity)
    part = denoise(torch.zeros(1, 4), schedule, velocity, foreseen=foreseen_steps(8, 5))
    assert torch.allclose(whole, part, atol=1e-5)
    assert len(calls) == 8 + 5


def test_an_ads_sizes_fall_into_few_buckets():
    assert bucket_of(1920, 1080) == (1344, 768)
    assert bucket_of(1280, 720) == (1344, 768)
    assert bucket_of(1080, 1080) == (1024, 1024)
    assert bucket_of(1350, 1080) == bucket_of(1500, 1200)
    assert all(side % 64 == 0 for size in ((1920, 1080), (600, 800), (700, 500)) for side in bucket_of(*size))


def test_a_model_that_changes_nothing_gives_back_the_source():
    from adcraft_resources.models.picture_sizes import resize

    source = scene(190, 130)
    assert np.array_equal(restore_detail(resize(source, (96, 64)), source), source)


def test_unusable_artifacts_are_passed_over(tmp_path, caplog):
    kept = CompiledArtifacts(tmp_path, "klein", CPU)
    assert not kept.load()
    kept.path.write_bytes(b"not an artifact")
    assert kept.load() in (False, True)  # torch may take or refuse it; it must not raise
    assert CompiledArtifacts(tmp_path, "other", CPU).path != kept.path


@pytest.mark.parametrize("name", ["klein", "schnell"])
def test_prompts_are_read_in_ram_where_the_card_has_no_room_for_the_encoders(checkpoints, name, monkeypatch):
    """Without CUDA, touching the card would fail; with it, its memory would grow."""
    settings = EngineSettings(device="cuda:0", precision="bf16", compiled=False)
    needs = flux_loading.encoder_bytes(checkpoints[name])
    monkeypatch.setattr(flux_loading, "free_bytes", lambda _: needs - 1)
    small = flux_loading.read_prompts(checkpoints[name], ["amber dusk"], settings)[0]
    plain = flux_loading.read_prompts(checkpoints[name], ["amber dusk"], replace(settings, device="cpu"))[0]
    assert small.tokens.equal(plain.tokens)
    if not torch.cuda.is_available():
        monkeypatch.setattr(flux_loading, "free_bytes", lambda _: needs)
        with pytest.raises((AssertionError, RuntimeError)):  # with room it is the card that is asked
            flux_loading.read_prompts(checkpoints[name], ["amber dusk"], settings)
