from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.algorithms.likeness import (
    HASH_BITS,
    cosine_similarity,
    hamming_distance,
    hash_picture,
    mean_hash_distance,
)


def scene(seed: int = 0, size: tuple[int, int] = (240, 135)) -> np.ndarray:
    """Soft shapes on a gradient, as varied as a photograph at low frequencies."""
    chance = np.random.default_rng(seed)
    picture = np.zeros((*size, 3), np.uint8)
    picture[:] = np.linspace(20, 200, size[0], dtype=np.uint8)[:, None, None]
    for _ in range(12):
        centre = int(chance.integers(size[1])), int(chance.integers(size[0]))
        colour = tuple(int(value) for value in chance.integers(0, 255, 3))
        cv2.circle(picture, centre, int(chance.integers(8, 45)), colour, -1)
    return cv2.GaussianBlur(picture, (0, 0), 2)


def test_a_resized_recoded_brightened_picture_keeps_its_hash_nearly():
    original = scene()
    _, coded = cv2.imencode(".jpg", cv2.resize(original, None, fx=2, fy=2), [cv2.IMWRITE_JPEG_QUALITY, 60])
    changed = np.clip(cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(int) + 8, 0, 255).astype(np.uint8)
    assert hamming_distance(hash_picture(original), hash_picture(changed)) <= 4


def test_different_pictures_have_distant_hashes():
    hashes = [hash_picture(scene(seed)) for seed in range(8)]
    distances = [hamming_distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(distances) > 10


def test_a_mirrored_picture_is_another_picture():
    assert hamming_distance(hash_picture(scene(3)), hash_picture(scene(3)[:, ::-1].copy())) > 10


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 400, 3), (33, 7, 3)])
def test_pictures_of_any_size_are_hashed(shape: tuple[int, int, int]):
    assert 0 <= hash_picture(np.full(shape, 90, np.uint8)) < 2**HASH_BITS


def test_a_flat_picture_has_the_same_hash_at_any_size():
    assert hash_picture(np.full((64, 64, 3), 90, np.uint8)) == hash_picture(
        np.full((300, 200, 3), 90, np.uint8)
    )


def test_what_is_no_picture_is_refused_with_its_shape():
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        hash_picture(np.zeros((4, 4), np.uint8))


def test_mean_distance_compares_place_by_place():
    assert mean_hash_distance([0b1111, 0], [0, 0]) == 2.0
    with pytest.raises(ValueError, match="1 and 2"):
        mean_hash_distance([1], [1, 2])
    with pytest.raises(ValueError, match="0 and 0"):
        mean_hash_distance([], [])


bits = st.integers(0, 2**HASH_BITS - 1)


@given(bits, bits, bits)
def test_hamming_distance_is_a_distance(a: int, b: int, c: int):
    assert hamming_distance(a, a) == 0
    assert hamming_distance(a, b) == hamming_distance(b, a) <= HASH_BITS
    assert hamming_distance(a, c) <= hamming_distance(a, b) + hamming_distance(b, c)


@settings(max_examples=50)
@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), st.floats(0.01, 100))
def test_cosine_ignores_length_and_stays_in_range(values: list[float], factor: float):
    vector = np.array(values)
    other = np.array([1.0, 2.0, 3.0])
    assert -1 <= cosine_similarity(vector, other) <= 1
    assert cosine_similarity(vector * factor, other) == pytest.approx(
        cosine_similarity(vector, other), abs=1e-6
    )


def test_a_zero_vector_is_like_nothing():
    assert cosine_similarity(np.zeros(3), np.ones(3)) == 0.0
