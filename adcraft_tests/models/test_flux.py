"""FLUX engines on tiny checkpoints: what diffusers' own pipelines give, seeds, batches, masks, fp8, memory, cancelling."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from adcraft_resources.errors import ModelUnavailable
from adcraft_resources.models.denoising import Cancelled
from adcraft_resources.models.engine_values import EngineSettings, Restyle
from adcraft_resources.models.flux_loading import load_engine, read_prompts
from adcraft_resources.models.fp8 import relative_error
from adcraft_resources.models.picture_sizes import bucket_of, resize
from adcraft_tests.models.conftest import scene

pytestmark = pytest.mark.models

EAGER = EngineSettings(device="cpu", compiled=False, area=64 * 64)
STYLISTS = ["klein", "schnell", "dev"]
PROMPT = "the same scene at dusk"


def opened(checkpoints, name, **changes):
    return load_engine(checkpoints[name], replace(EAGER, **changes))


def prompt_of(checkpoints, name, text=PROMPT):
    return read_prompts(checkpoints[name], [text], EAGER)[0]


def request_of(checkpoints, name, frame=None, **changes):
    request = Restyle(scene() if frame is None else frame, prompt_of(checkpoints, name), 5)
    return replace(request, **changes)


def test_klein_edits_as_diffusers_own_pipeline(checkpoints):
    from diffusers import Flux2KleinPipeline
    from PIL import Image

    engine = opened(checkpoints, "klein")
    frame = scene(64, 64)
    request = request_of(checkpoints, "klein", frame)
    ours = engine.restyle([request])[0]
    pipe = Flux2KleinPipeline.from_pretrained(checkpoints["klein"], dtype=torch.float32)
    noise = engine.noise([5], (32, 4, 4))
    theirs = pipe(
        image=Image.fromarray(frame), prompt=PROMPT, num_inference_steps=4, guidance_scale=1.0,
        height=64, width=64, latents=noise, output_type="np",
    ).images[0]  # fmt: skip
    assert np.abs(ours.astype(float) - theirs * 255).max() < 1.01


def test_klein_takes_a_guide_as_diffusers_takes_a_second_reference(checkpoints):
    from diffusers import Flux2KleinPipeline
    from PIL import Image

    engine = opened(checkpoints, "klein")
    frame, guide = scene(64, 64), scene(64, 64, seed=4)
    ours = engine.restyle([request_of(checkpoints, "klein", frame, guide=guide)])[0]
    pipe = Flux2KleinPipeline.from_pretrained(checkpoints["klein"], dtype=torch.float32)
    theirs = pipe(
        image=[Image.fromarray(frame), Image.fromarray(guide)], prompt=PROMPT, num_inference_steps=4,
        guidance_scale=1.0, height=64, width=64, latents=engine.noise([5], (32, 4, 4)), output_type="np",
    ).images[0]  # fmt: skip
    assert np.abs(ours.astype(float) - theirs * 255).max() < 1.01


def test_klein_inpaints_as_diffusers_own_pipeline(checkpoints):
    from diffusers import Flux2KleinInpaintPipeline
    from PIL import Image

    engine = opened(checkpoints, "klein")
    frame = scene(64, 64)
    mask = np.zeros((64, 64), bool)
    mask[16:48, 16:48] = True  # whole latents, where both ways of shrinking a mask agree
    ours = engine.fill(frame, mask, prompt_of(checkpoints, "klein"), 5)
    pipe = Flux2KleinInpaintPipeline.from_pretrained(checkpoints["klein"], dtype=torch.float32)
    noise = engine.noise([5], (32, 4, 4))
    theirs = pipe(
        image=Image.fromarray(frame), mask_image=Image.fromarray((mask * 255).astype(np.uint8)), prompt=PROMPT,
        num_inference_steps=4, guidance_scale=1.0, strength=1.0, latents=noise, output_type="np",
    ).images[0]  # fmt: skip
    assert np.abs(ours.astype(float) - theirs * 255).max() < 1.01


@pytest.mark.parametrize(("name", "steps"), [("schnell", 4), ("dev", 28)])
def test_flux1_image_to_image_as_diffusers_own_pipeline(checkpoints, name, steps):
    from diffusers import FluxImg2ImgPipeline

    engine = opened(checkpoints, name)
    frame = scene(64, 64)
    ours = engine.restyle([request_of(checkpoints, name, frame, strength=0.5)])[0]
    pipe = FluxImg2ImgPipeline.from_pretrained(checkpoints[name], dtype=torch.float32)
    known = engine.encode(frame, (64, 64))
    whole = engine.schedule((64, 64))
    sigma = whole.last(steps // 2).sigmas[0]
    start = sigma * engine.noise([5], tuple(known.shape[1:])) + (1 - sigma) * known
    packed = pipe._pack_latents(start, 1, 4, 8, 8)
    theirs = pipe(
        image=torch.zeros(1, 3, 64, 64), prompt=PROMPT, strength=0.5, num_inference_steps=steps, guidance_scale=3.5,
        height=64, width=64, latents=packed, output_type="np",
    ).images[0]  # fmt: skip
    assert np.abs(ours.astype(float) - theirs * 255).max() < 1.01


def test_flux1_fill_as_diffusers_own_pipeline(checkpoints):
    from diffusers import FluxFillPipeline

    engine = opened(checkpoints, "fill")
    frame = scene(64, 64)
    mask = np.zeros((64, 64), bool)
    mask[10:40, 20:50] = True
    ours = engine.fill(frame, mask, prompt_of(checkpoints, "fill"), 5)
    pipe = FluxFillPipeline.from_pretrained(checkpoints["fill"], dtype=torch.float32)
    theirs = pipe(
        image=torch.from_numpy(frame).permute(2, 0, 1)[None] / 255, mask_image=torch.from_numpy(mask)[None, None].float(),
        prompt=PROMPT, guidance_scale=30.0, height=64, width=64, num_inference_steps=28,
        latents=pipe._pack_latents(engine.noise([5], (4, 8, 8)), 1, 4, 8, 8), output_type="np",
    ).images[0]  # fmt: skip
    # A hole is code 127 here and exactly grey there, which is 127.5.
    assert np.abs(ours.astype(float) - theirs * 255).max() < 2.5


@pytest.mark.parametrize("name", STYLISTS)
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(checkpoints, name):
    engine = opened(checkpoints, name)
    request = request_of(checkpoints, name)
    first, again = (engine.restyle([request])[0] for _ in range(2))
    other = engine.restyle([replace(request, seed=6)])[0]
    assert first.shape == request.frame.shape
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", STYLISTS)
def test_a_batch_gives_what_single_calls_give(checkpoints, name):
    engine = opened(checkpoints, name)
    requests = [request_of(checkpoints, name, seed=seed) for seed in range(5)]
    together = engine.restyle(requests)
    for request, one in zip(requests, together, strict=True):
        alone = engine.restyle([request])[0]
        assert np.abs(one.astype(int) - alone).max() <= 1


@pytest.mark.parametrize("name", STYLISTS)
def test_another_prompt_gives_another_picture(checkpoints, name):
    engine = opened(checkpoints, name)
    request = request_of(checkpoints, name)
    other = replace(request, prompt=prompt_of(checkpoints, name, "snow"))
    one, two = engine.restyle([request, other])
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("name", ["klein", "schnell"])
def test_compiled_is_eager(checkpoints, name):
    request = request_of(checkpoints, name)
    eager = opened(checkpoints, name).restyle([request])[0]
    compiled = opened(checkpoints, name, compiled=True).restyle([request])[0]
    assert np.abs(eager.astype(int) - compiled).max() <= 2


@pytest.mark.parametrize("name", ["klein", "dev"])
def test_fp8_stays_near_and_tells_how_far(checkpoints, name):
    request = request_of(checkpoints, name)
    exact, coarse = opened(checkpoints, name), opened(checkpoints, name, precision="fp8")
    assert coarse.fp8_layers >= 8
    size = bucket_of(*request.frame.shape[:2], EAGER.area)
    outs = [one._restyle([request], size, None).float() for one in (exact, coarse)]
    error = relative_error(*outs)
    print(f"\nfp8 error of {name}: {error:.4f}")
    assert 1e-4 < error < 0.25


def test_foreseen_steps_stay_near_the_computed(checkpoints):
    request = request_of(checkpoints, "dev", strength=1.0)
    whole, part = (opened(checkpoints, "dev", computed=share).restyle([request])[0] for share in (1.0, 0.64))
    assert not np.array_equal(whole, part)
    assert np.abs(whole.astype(int) - part).mean() < 12


@pytest.mark.parametrize("name", STYLISTS)
def test_stopping_between_steps_leaves_an_engine_that_goes_on(checkpoints, name):
    engine = opened(checkpoints, name)
    request = request_of(checkpoints, name)
    whole = engine.restyle([request])[0]
    asked = iter([False, True])
    with pytest.raises(Cancelled, match="before step 2"):
        engine.restyle([request], lambda: next(asked))
    assert np.array_equal(engine.restyle([request])[0], whole)


@pytest.mark.parametrize("name", STYLISTS)
def test_out_of_memory_halves_the_batch_and_remembers(checkpoints, name):
    engine = opened(checkpoints, name)
    requests = [request_of(checkpoints, name, seed=seed) for seed in range(4)]
    fine = engine.restyle(requests)
    sizes = []
    step = engine._step

    def narrow(**inputs):
        sizes.append(inputs["hidden_states"].shape[0])
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(**inputs)

    engine._step = narrow
    assert all(
        np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(engine.restyle(requests), fine, strict=True)
    )
    assert sizes[0] == 4
    assert max(sizes[1:]) == 2
    sizes.clear()
    engine.restyle(requests)
    assert max(sizes) == 2, "it tried a batch that had failed before"


def test_out_of_memory_with_one_picture_says_what_to_do(checkpoints):
    engine = opened(checkpoints, "klein")

    def never(**_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    engine._step = never
    with pytest.raises(ModelUnavailable, match="offload"):
        engine.restyle([request_of(checkpoints, "klein")])


@pytest.mark.parametrize("name", STYLISTS)
def test_fine_detail_of_the_source_survives_the_models_size(checkpoints, name):
    engine = opened(checkpoints, name)
    rng = np.random.default_rng(1)
    frame = resize(scene(), (192, 128))
    noisy = np.clip(frame.astype(int) + rng.integers(-20, 21, frame.shape), 0, 255).astype(np.uint8)
    made = engine.restyle([request_of(checkpoints, name, noisy)])[0]
    assert made.shape == noisy.shape
    coarse = resize(resize(made, (96, 64)), (192, 128))
    assert (made.astype(float) - coarse).std() > 5


def test_a_picture_seen_before_is_not_encoded_again(checkpoints):
    engine = opened(checkpoints, "klein")
    encoded = []
    encode = engine._encode
    engine._encode = lambda frame: encoded.append(1) or encode(frame)
    engine.restyle([request_of(checkpoints, "klein", seed=seed) for seed in range(4)])
    assert len(encoded) == 1


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(ModelUnavailable, match="weights pull"):
        load_engine(tmp_path, EAGER)
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(ModelUnavailable, match="StableDiffusionPipeline"):
        load_engine(tmp_path, EAGER)
