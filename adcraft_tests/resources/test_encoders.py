from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from adcraft_resources.algorithms.appeal import mean_descriptor, subject_prominence, tone_quality
from adcraft_resources.encoders import EmbeddedEncoder, ImageEncoder

ENCODERS = [EmbeddedEncoder]
SOAP = "turmeric_kojic_soap"


def still_life(tint: tuple[int, int, int] = (0, 0, 0), size: tuple[int, int] = (320, 180)) -> np.ndarray:
    """A golden bar on warm wood under soft light, `tint` added."""
    h, w = size
    light = np.linspace(0.7, 1.2, w)[None, :, None]
    picture = np.full((h, w, 3), (120, 84, 55), np.float32) * light
    cv2.ellipse(picture, (w // 2, h * 3 // 5), (w // 4, h // 9), 0, 0, 360, (226, 170, 60), -1)
    cv2.circle(picture, (w // 2, h * 2 // 5), w // 7, (245, 236, 214), -1)
    return np.clip(picture + np.array(tint), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("make", ENCODERS)
class TestEveryEncoder:
    def test_scores_lie_between_nought_and_one_for_any_type(self, make: type[ImageEncoder]):
        frames = [still_life(), np.zeros((9, 7, 3), np.uint8), np.full((40, 30, 3), 255, np.uint8)]
        for product_type in (SOAP, "generic", "never heard of"):
            scores = make().score(frames, product_type)
            assert len(scores) == 3
            assert all(0 <= score <= 1 for score in scores)

    def test_vectors_are_unit_length_and_one_a_frame(self, make: type[ImageEncoder]):
        vectors = make().embed([still_life(), np.zeros((9, 7, 3), np.uint8)])
        assert vectors.shape[0] == 2
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)

    def test_no_frames_give_no_vectors_and_no_scores(self, make: type[ImageEncoder]):
        assert make().embed([]).shape[0] == 0
        assert make().score([], SOAP) == []

    def test_the_same_frame_gives_the_same_figures(self, make: type[ImageEncoder]):
        assert make().score([still_life()], SOAP) == make().score([still_life()], SOAP)
        assert np.array_equal(make().embed([still_life()]), make().embed([still_life()]))

    def test_method_and_version_are_named(self, make: type[ImageEncoder]):
        assert make().scorer
        assert make().version


class TestHeuristics:
    def test_the_embedded_encoder_calls_itself_a_heuristic(self):
        assert EmbeddedEncoder.scorer == "heuristic"
        assert "heuristic" in EmbeddedEncoder().version

    def test_golden_pictures_suit_turmeric_soap_better_than_blue_and_grey_ones(self):
        grey = np.repeat(still_life().mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8) // 2
        golden, blue, murky = EmbeddedEncoder().score([still_life(), still_life((-90, -20, 120)), grey], SOAP)
        assert golden > blue + 0.2
        assert golden > murky + 0.2

    def test_a_product_type_has_its_own_palette(self):
        blue = [still_life((-90, -20, 120))]
        assert EmbeddedEncoder().score(blue, "generic") > EmbeddedEncoder().score(blue, SOAP)

    def test_tone_prefers_well_exposed_pictures(self):
        dark, bright = still_life() // 8, np.full_like(still_life(), 255)
        assert tone_quality(still_life()) > 2 * tone_quality(dark)
        assert tone_quality(bright) == 0

    def test_one_thing_on_a_plain_ground_stands_out_more_than_noise(self):
        plain = np.full((180, 120, 3), 200, np.uint8)
        cv2.circle(plain, (60, 90), 12, (200, 30, 30), -1)
        noise = np.random.default_rng(0).integers(0, 255, (180, 120, 3), dtype=np.uint8)
        assert subject_prominence(plain) > subject_prominence(noise)


class TestDescriptors:
    def cosine(self, a: np.ndarray, b: np.ndarray) -> float:
        first, second = EmbeddedEncoder().embed([a, b])
        return float(first @ second)

    def test_a_recoded_noisy_slightly_cropped_picture_stays_a_near_duplicate(self):
        noisy = np.clip(
            still_life()[3:-3, 2:-2] + np.random.default_rng(1).normal(0, 3, (314, 176, 3)), 0, 255
        )
        _, coded = cv2.imencode(".jpg", noisy.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 70])
        assert self.cosine(still_life(), cv2.imdecode(coded, cv2.IMREAD_COLOR)) >= 0.97

    def test_another_size_of_the_same_picture_is_a_near_duplicate(self):
        assert self.cosine(still_life(size=(640, 360)), still_life()) >= 0.99

    def test_a_visibly_different_grade_is_no_near_duplicate(self):
        assert self.cosine(still_life(), still_life((-50, -10, 70))) < 0.9

    def test_another_layout_with_the_same_colours_differs(self):
        assert self.cosine(still_life(), still_life()[::-1].copy()) < 0.97

    def test_a_clip_is_described_by_the_mean_of_its_frames(self):
        vectors = EmbeddedEncoder().embed([still_life(), still_life((10, 0, 0))])
        assert float(np.linalg.norm(mean_descriptor(vectors))) == pytest.approx(1, abs=1e-5)

    @settings(max_examples=25, deadline=None)
    @given(arrays.arrays(np.uint8, st.tuples(st.integers(2, 40), st.integers(2, 40), st.just(3))))
    def test_any_picture_has_finite_figures(self, frame: np.ndarray):
        vector = EmbeddedEncoder().embed([frame])[0]
        assert np.isfinite(vector).all()
        assert 0 <= EmbeddedEncoder().score([frame], SOAP)[0] <= 1
