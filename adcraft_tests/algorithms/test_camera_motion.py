import cv2
import numpy as np
import pytest

from adcraft_resources.algorithms.camera_motion import CameraTracker, is_still


def scene(seed=3, height=400, width=600):
    rng = np.random.default_rng(seed)
    return cv2.GaussianBlur(rng.integers(0, 256, (height, width)).astype(np.uint8), (0, 0), 3)


def seen_through(world, transform, size=(240, 320)):
    inverse = np.linalg.inv(transform)
    return cv2.warpPerspective(world, inverse, size[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)


def camera(frame, pan=(1.3, 0.4), zoom=0.0):
    scale = 1 + zoom * frame
    return np.array([[scale, 0, -40 - pan[0] * frame], [0, scale, -40 - pan[1] * frame], [0, 0, 1.0]])


def track(pictures, hidden=None):
    tracker = CameraTracker(pictures[0].shape)
    for picture in pictures:
        tracker.push(picture, hidden)
    return tracker


@pytest.mark.parametrize("zoom", [0.0, 0.004])
def test_a_pan_with_zoom_is_followed_within_a_tenth_of_a_pixel(zoom):
    world = scene()
    views = [cv2.warpPerspective(world, camera(t, zoom=zoom), (320, 240)) for t in range(8)]
    steps = track(views).steps()
    corner = np.array([[[40.0, 40], [280, 200]]])
    for t in range(1, 8):
        true = camera(t - 1, zoom=zoom) @ np.linalg.inv(camera(t, zoom=zoom))
        gap = cv2.perspectiveTransform(corner, steps[t]) - cv2.perspectiveTransform(corner, true)
        assert np.abs(gap).max() < 0.12


def test_a_still_camera_before_a_moving_person_is_still():
    world = scene()[:240, :320]
    person = scene(9)[:120, :60]
    views = []
    for t in range(8):
        view = world.copy()
        view[60:180, 40 + 4 * t : 100 + 4 * t] = person
        views.append(view)
    assert is_still(track(views).steps())


def test_a_caption_that_stays_on_the_screen_does_not_hold_the_camera():
    world = scene()
    hidden = np.zeros((240, 320), bool)
    hidden[100:160, 20:300] = True
    views = [cv2.warpPerspective(world, camera(t), (320, 240)) for t in range(5)]
    for view in views:
        view[hidden] = scene(5)[:240, :320][hidden]
    steps = track(views, hidden).steps()
    assert np.allclose(steps[3][:2, 2], [1.3, 0.4], atol=0.1)


def test_an_empty_picture_gives_identity():
    assert is_still(track([np.zeros((120, 160), np.uint8)] * 3).steps())
