"""Pictures for the UI: every event row keeps them, so they stay small whatever they show."""

import base64

import cv2
import numpy as np
import pytest

from adcraft_resources.thumbnails import MOST_BYTES, thumbnail_uri


def opened(uri):
    data = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    return len(data), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("long_side", [240, 480])
def test_a_picture_of_detail_has_the_size_asked_and_stays_small(long_side):
    noise = np.random.default_rng(1).integers(0, 256, (1280, 1440, 3), np.uint8)
    busy = cv2.GaussianBlur(noise, (0, 0), 3)
    size, picture = opened(thumbnail_uri(busy, long_side=long_side))
    assert max(picture.shape[:2]) == long_side
    assert size <= MOST_BYTES


def test_a_plain_picture_loses_no_quality_to_the_limit():
    grey = np.full((480, 480, 3), 90, np.uint8)
    grey[100:200, 100:300] = (200, 30, 30)
    _, picture = opened(thumbnail_uri(grey, long_side=480))
    assert np.abs(picture[150, 200].astype(int) - (30, 30, 200)).max() <= 4
