import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.mask_geometry import MaskGeometry
from adcraft_resources.algorithms.mask_windows import Window
from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.source_tracing import trace_sources
from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.algorithms.window_clip import WindowClip
from adcraft_resources.algorithms.window_fill import fill_window
from adcraft_resources.algorithms.window_motion import camera_steps, dense_flow

HEIGHT, WIDTH = 120, 200
WINDOW = Window(0, 0, WIDTH, HEIGHT)
TEXT = 250


def texture(seed, height=HEIGHT, width=WIDTH, sigma=1.5):
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), sigma)
    return np.clip(120 + 40 * noise / noise.std(), 20, 230).astype(np.uint8)


def picture(luma):
    small = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return Yuv420(luma, 255 - small, small)


def caption(x=40, y=50, width=100, height=20):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + height, x : x + width] = True
    return mask


def run(lumas, masks, steps=None, guards=None):
    """Cover each luma's mask with text, fill; return the clip and the covered pictures.

    `guards` are masks no frame may take pixels from, without being filled.
    """
    clip = WindowClip(WINDOW, len(lumas))
    geometries, covered = [], []
    for t, (luma, mask) in enumerate(zip(lumas, masks, strict=True)):
        geometry = MaskGeometry(mask) if mask is not None and mask.any() else None
        shown = luma.copy()
        if mask is not None:
            shown[mask] = TEXT
        covered.append(picture(shown))
        hidden = geometry.unsafe if geometry else np.zeros(clip.blocks, bool)
        if guards is not None and guards[t] is not None:
            hidden = hidden | MaskGeometry(guards[t]).unsafe
        clip.put(t, covered[-1], hidden)
        geometries.append(geometry)
    figures = fill_window(clip, geometries, steps or [np.eye(3)] * len(lumas), membrane)
    return clip, covered, figures


def membrane(clip, frame, mask):
    luma = clip.luma(frame)
    luma[mask] = push_pull(luma, ~mask)[mask].astype(np.uint8)


def psnr(a, b, mask):
    return 10 * np.log10(255**2 / max(float(np.mean((a[mask].astype(float) - b[mask]) ** 2)), 1e-9))


def test_a_caption_in_the_middle_third_of_a_still_shot_gives_back_the_hidden_pixels_exactly():
    world = texture(1)
    masks = [caption() if 4 <= t < 8 else None for t in range(12)]
    clip, _, figures = run([world] * 12, masks)
    for t in range(12):
        assert np.array_equal(clip.luma(t), world)
    assert figures.stills == []
    assert all(shares[0] == pytest.approx(1.0) for shares in figures.shares.values())


def test_captions_that_follow_each_other_reveal_what_the_other_hides():
    world = texture(2)
    masks = [caption(x=30, width=60)] * 5 + [caption(x=90, width=60)] * 5
    clip, _, _ = run([world] * 10, masks)
    inner = caption(x=34, width=50)
    assert np.array_equal(clip.luma(1)[inner], world[inner])


def test_a_caption_beside_which_another_text_fades_takes_its_own_pixels():
    world = texture(8)
    masks = [caption(y=70) if 4 <= t < 10 else None for t in range(14)]
    fading = [caption(x=20, y=20, width=150, height=30) if 4 <= t < 8 else None for t in range(14)]
    clip, _, _ = run([world] * 14, masks, guards=fading)
    for t in range(14):
        assert np.array_equal(clip.luma(t), world)


def test_a_pan_under_a_caption_that_never_leaves_recovers_the_texture():
    wide = texture(3, width=WIDTH + 200)
    shift = 5
    lumas = [np.ascontiguousarray(wide[:, shift * t : shift * t + WIDTH]) for t in range(30)]
    mask = caption(x=80, width=36)
    step = np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1.0]])
    clip, _, _ = run(lumas, [mask] * 30, [np.eye(3)] + [step] * 29)
    assert psnr(clip.luma(14), lumas[14], mask) > 35


def test_a_person_who_passes_behind_the_caption_is_not_papered_over_with_background():
    world = texture(4, sigma=4)
    lumas = []
    for t in range(15):
        luma = world.copy()
        if 5 <= t < 10:
            luma[:, 60:120] = 220
        lumas.append(luma)
    masks = [caption(x=70, width=30) if 5 <= t < 10 else None for t in range(15)]
    clip, _, _ = run(lumas, masks)
    assert np.abs(clip.luma(7)[masks[7]].astype(int) - 220).mean() < 12


def test_light_that_changes_is_carried_over_to_revealed_pixels():
    world = texture(5)
    lumas = [np.clip(world.astype(int) + 2 * t, 0, 255).astype(np.uint8) for t in range(12)]
    masks = [caption() if t >= 6 else None for t in range(12)]
    clip, _, _ = run(lumas, masks)
    gap = clip.luma(11)[masks[11]].astype(float) - lumas[11][masks[11]]
    assert abs(gap.mean()) < 2


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.booleans())
@settings(max_examples=15, deadline=None)
def test_pixels_outside_the_mask_never_change_and_the_same_input_gives_the_same_bytes(seed, frames, still):
    rng = np.random.default_rng(seed)
    lumas = [texture(seed if still else seed + t) for t in range(frames)]
    masks = [
        cv2.dilate((rng.random((HEIGHT, WIDTH)) > 0.999).astype(np.uint8), np.ones((9, 25))) > 0
        for _ in lumas
    ]
    first, covered, _ = run(lumas, masks)
    second, _, _ = run(lumas, masks)
    for t, mask in enumerate(masks):
        assert np.array_equal(first.luma(t)[~mask], covered[t].y[~mask])
        blocks = mask.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).any(axis=(1, 3))
        assert np.array_equal(first.chroma(t)[..., 0][~blocks], covered[t].u[~blocks])
        assert np.array_equal(first.chroma(t)[..., 1][~blocks], covered[t].v[~blocks])
        assert np.array_equal(first.luma(t), second.luma(t))


@pytest.mark.parametrize(
    "mask",
    [
        caption(x=0, y=0),
        caption(x=100, y=100),
        np.ones((HEIGHT, WIDTH), bool),
        caption(0, 0, WIDTH, HEIGHT // 2),
    ],
    ids=["top left corner", "bottom right corner", "everything", "upper half"],
)
@pytest.mark.parametrize("frames", [1, 3])
def test_masks_at_borders_and_over_everything_are_filled_without_text(mask, frames):
    clip, _, _ = run([texture(6)] * frames, [mask] * frames)
    if not mask.all():
        assert clip.luma(0)[mask].max() < TEXT


@pytest.mark.parametrize("size", [(8, 400), (30, 8), (2, 2), (62, 864)])
def test_flow_of_pictures_too_small_for_a_pyramid(size):
    here = texture(11, height=max(size) + 8, width=max(size) + 8)[: size[0], : size[1]].copy()
    engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = dense_flow(engine, here, here)
    assert flow.shape == (*size, 2)
    assert np.abs(flow).max() < 0.5


def test_tracing_finds_the_nearest_frame_that_shows_a_block_and_its_place():
    clip = WindowClip(WINDOW, 6)
    geometry = MaskGeometry(caption(x=80, width=16))
    for t in range(6):
        clip.put(t, picture(texture(7)), geometry.unsafe)
    step = np.array([[1, 0, 7.0], [0, 1, 0], [0, 0, 1]])
    traced = trace_sources(clip, camera_steps(clip, [np.eye(3)] + [step] * 5), past=True)[5]
    row, column = np.divmod(traced.where, clip.blocks[1])
    found = traced.found
    assert found.all()
    assert np.allclose(traced.dx, 7.0 * (5 - traced.frame))
    landing = np.rint(column + traced.dx / 2).astype(int)
    assert not geometry.unsafe[row, landing].any()
    one_frame_later = np.rint(column + (traced.dx - 7) / 2).astype(int)
    assert geometry.unsafe[row, one_frame_later].all()
