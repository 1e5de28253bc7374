from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity as reference_similarity

from adcraft_resources.algorithms.similarity import (
    luma_of,
    masked_similarity,
    similarity_map,
    structural_similarity,
)
from adcraft_tests.drawn_videos import texture


def _noisy(luma: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, luma.shape)
    return np.clip(luma + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [2.0, 9.0, 40.0])
def test_similarity_is_that_of_the_paper(sigma: float) -> None:
    luma = luma_of(texture(260, 150, 1))
    noisy = _noisy(luma, sigma)
    expected = reference_similarity(
        luma, noisy, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True, data_range=255
    )[1]
    np.testing.assert_allclose(similarity_map(luma, noisy)[6:-6, 6:-6], expected[6:-6, 6:-6], atol=2e-3)


def test_a_picture_is_wholly_like_itself() -> None:
    luma = luma_of(texture(130, 70, 2))
    np.testing.assert_array_equal(similarity_map(luma, luma), 1.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 230), st.integers(5, 90), st.integers(0, 2**16))
def test_similarity_is_symmetric_and_bounded_for_any_size(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 256, (2, height, width), dtype=np.uint8)
    there, back = similarity_map(a, b), similarity_map(b, a)
    np.testing.assert_allclose(there, back, atol=1e-5)
    assert np.abs(there).max() <= 1 + 1e-4


def test_bands_leave_no_seam() -> None:
    luma = luma_of(texture(400, 60, 3))
    noisy = _noisy(luma, 12)
    whole = similarity_map(luma, noisy)
    for top in (0, 37, 90, 200):
        part = similarity_map(luma[top : top + 150], noisy[top : top + 150])
        np.testing.assert_allclose(part[6:-6], whole[top + 6 : top + 144], atol=1e-4)


def test_what_the_mask_covers_does_not_count() -> None:
    before = texture(120, 80, 4)
    after = before.copy()
    mask = np.zeros((120, 80), np.bool_)
    mask[30:60, 20:50] = True
    after[mask] = 255 - after[mask]
    assert masked_similarity(before, after, mask) == pytest.approx(1.0, abs=1e-6)
    assert structural_similarity(luma_of(before), luma_of(after)) < 0.97


def test_damage_outside_the_mask_counts_in_full() -> None:
    before = luma_of(texture(120, 80, 4))
    after = _noisy(before, 15)
    mask = np.zeros((120, 80), np.bool_)
    mask[:20] = True
    kept = similarity_map(before, after)[25:].mean()
    assert masked_similarity(before, after, mask) == pytest.approx(kept, abs=1e-4)


def test_a_mask_over_everything_leaves_nothing_to_judge() -> None:
    before = texture(20, 20, 5)
    assert masked_similarity(before, 255 - before, np.ones((20, 20), np.bool_)) == 1.0


def test_other_shapes_are_refused_with_both() -> None:
    a, b = np.zeros((4, 4), np.uint8), np.zeros((4, 6), np.uint8)
    with pytest.raises(ValueError, match=r"\(4, 4\).*\(4, 6\)"):
        similarity_map(a, b)
    with pytest.raises(ValueError, match="mask"):
        masked_similarity(a, a, np.zeros((6, 4), np.bool_))


def test_more_blur_means_less_alike() -> None:
    luma = luma_of(texture(150, 150, 6))
    scores = [structural_similarity(luma, cv2.GaussianBlur(luma, (0, 0), sigma)) for sigma in (0.6, 1.2, 2.4)]
    assert scores == sorted(scores, reverse=True)
