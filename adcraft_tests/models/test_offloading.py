"""Weights that wait in RAM: the same pictures, two blocks on the device, whatever the number of blocks."""

import numpy as np
import pytest
import torch
from torch import nn

from adcraft_resources.models.engine_values import EngineSettings, Restyle
from adcraft_resources.models.flux_loading import load_engine
from adcraft_resources.models.offloading import PLACES, Streamed, stream_blocks
from adcraft_tests.models.conftest import scene

pytestmark = pytest.mark.models
CPU = torch.device("cpu")


def opened(checkpoints, name, **changes):
    return load_engine(
        checkpoints[name], EngineSettings(device="cpu", compiled=False, area=64 * 64, **changes)
    )


@pytest.mark.parametrize("name", ["klein", "dev"])
@pytest.mark.parametrize("precision", ["fp32", "fp8"])
def test_an_offloaded_engine_makes_the_same_pictures(checkpoints, name, precision):
    made = []
    for memory in ("resident", "offload"):
        engine = opened(checkpoints, name, precision=precision, memory=memory)
        request = Restyle(scene(), engine.blank_prompt(), 3)
        made.append([engine.restyle([request])[0] for _ in range(2)])
        streamed = [one for one in engine.transformer.modules() if isinstance(one, Streamed)]
        assert bool(streamed) == (memory == "offload")
        engine.close()
    assert all(np.array_equal(made[0][0], one) for one in made[0] + made[1])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_blocks_find_their_weights_in_any_number(count):
    torch.manual_seed(0)
    lists = [nn.ModuleList([nn.Linear(8, 8) for _ in range(count)]), nn.ModuleList([nn.Linear(8, 8)])]
    value, wanted = torch.randn(2, 8), []
    for _ in range(3):
        x = value
        for block in [*lists[0], *lists[1]]:
            x = block(x)
        wanted.append(x)
    stream = stream_blocks(lists, CPU)
    for one in wanted:
        x = value
        for block in [*lists[0], *lists[1]]:
            x = block(x)
        assert torch.equal(x, one)
    assert stream.device_bytes < 3 * 1024 * PLACES


def test_tensors_of_other_types_and_odd_sizes_come_back_whole():
    block = nn.Module()
    block.a = nn.Parameter(torch.randn(7, 3))
    block.register_buffer("b", torch.randn(5, 5).to(torch.float8_e4m3fn))
    block.register_buffer("c", torch.randn(3).to(torch.bfloat16))
    kept = {name: value.clone() for name, value in block.state_dict().items()}
    other = nn.Linear(40, 40)
    block.forward = lambda: {name: value.clone() for name, value in block.state_dict().items()}
    other.forward = lambda: None
    lists = [nn.ModuleList([block, other])]
    stream_blocks(lists, CPU)
    for _ in range(2):
        seen = lists[0][0]()
        lists[0][1]()
        assert all(torch.equal(seen[n].view(torch.uint8), kept[n].view(torch.uint8)) for n in kept)


def test_a_batch_that_went_through_is_kept_to():
    from adcraft_resources.models.batching import BatchChooser, MemoryModel
    from adcraft_resources.models.devices import GIB

    chooser = BatchChooser(CPU, MemoryModel(per_token=1 * GIB / 1000), most=4)  # a CPU is given 4 GiB
    assert chooser.choose(1000) == 3
    chooser.run(list(range(6)), lambda batch: batch, tokens=1000)
    chooser.memory = MemoryModel(per_token=2 * GIB / 1000)  # as when the batch's own graphs took the room
    assert chooser.choose(1000) == 3
    assert chooser.choose(999) == 1


def test_a_vae_picture_counts_once_a_call():
    from adcraft_resources.models.batching import MemoryModel

    model = MemoryModel(fixed=10, per_token=1, once_per_pixel=2)
    assert model.call_bytes(3, 100, 50) == 10 + 300 + 100
    assert model.largest(1000, 100, 50) == ((920 - 10 - 100) // 100)
    assert model.largest(50, 100, 50) == 0


def test_with_no_room_for_one_picture_the_vae_goes_tile_by_tile(checkpoints):
    engine = opened(checkpoints, "klein")
    request = Restyle(scene(), engine.blank_prompt(), 3)
    decode, tiled = engine.decode, []

    def tight(latents):
        tiled.append(engine.vae.use_tiling)
        if not engine.vae.use_tiling:
            raise torch.OutOfMemoryError("no room")
        return decode(latents)

    engine.decode = tight
    assert engine.restyle([request])[0].shape == scene().shape
    assert tiled == [False, True]
