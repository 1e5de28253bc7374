"""See-through marks drawn on a gliding scene: told, taken off better than inpainted, and found where nobody reads them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from adcraft_resources.algorithms.glyph_masks import crop_yuv
from adcraft_resources.algorithms.push_pull import push_pull
from adcraft_resources.algorithms.standing_marks import find_standing_marks
from adcraft_resources.algorithms.values import Frame, Mask
from adcraft_resources.algorithms.veils import Veil, estimate_veil
from adcraft_tests.drawn_overlays import Sprite, caption, noisy, put, yuv
from adcraft_tests.drawn_videos import take

SIZE = (120, 220)
PLACE = (52, 40)
COUNT = 30
MARGIN_DB = 3.0  # by which a lifted mark must beat the smooth continuation inside it


def words() -> Sprite:
    return caption("@studio", 22)


def badge() -> Sprite:
    """A ring with a dot: nothing a reader reads."""
    rgba = np.zeros((52, 52, 4), np.uint8)
    cv2.circle(rgba, (26, 26), 22, (255, 255, 255, 255), 5, cv2.LINE_AA)
    cv2.circle(rgba, (26, 26), 8, (255, 255, 255, 255), -1, cv2.LINE_AA)
    return Sprite(rgba, (0, 0, 52, 52))


def two_coloured() -> Sprite:
    return caption("@studio", 22, outline=2)


def marked(sprite: Sprite, alpha: float, *, speed: float = 4.0) -> tuple[list[Frame], list[Frame], Mask]:
    """Frames with the mark as a codec would leave them, those without it, and the mark's pixels."""
    clean = take(COUNT, size=SIZE, seed=4, speed=speed)
    shown = [put(frame, sprite, *PLACE, alpha) for frame in clean]
    return noisy([frame for frame, _ in shown], 1.5), clean, shown[0][1]


def crops(frames: list[Frame]) -> list[np.ndarray]:
    return [crop_yuv(yuv(frame), (0, 0, SIZE[1], SIZE[0])) for frame in frames]


def grown(mask: Mask, reach: int = 7) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0


def psnr(errors: list[np.ndarray]) -> float:
    return float(10 * np.log10(255**2 / max(float(np.mean(np.square(np.stack(errors)))), 1e-9)))


@pytest.mark.parametrize("sprite", [words, badge, two_coloured])
@pytest.mark.parametrize("alpha", [0.25, 0.4, 0.6])
def test_a_mark_is_taken_off_better_than_it_is_inpainted(sprite: Callable[[], Sprite], alpha: float) -> None:
    shown, clean, mask = marked(sprite(), alpha)
    samples, truth = crops(shown), crops(clean)
    veil = estimate_veil(samples, grown(mask))
    assert veil is not None
    lifted = [veil.lift_luma(one[..., 0].astype(np.float32))[0][mask] for one in samples]
    smooth = [push_pull(one[..., 0], ~grown(mask, 3))[mask] for one in samples]
    known = [one[..., 0][mask].astype(np.float32) for one in truth]
    by_lifting = psnr([a - b for a, b in zip(lifted, known, strict=True)])
    by_inpainting = psnr([a - b for a, b in zip(smooth, known, strict=True)])
    assert by_lifting >= by_inpainting + MARGIN_DB


def test_what_a_veil_doubts_holds_what_it_errs() -> None:
    shown, clean, mask = marked(words(), 0.4)
    samples, truth = crops(shown), crops(clean)
    veil = estimate_veil(samples, grown(mask))
    assert veil is not None
    lifted = [veil.lift_luma(one[..., 0].astype(np.float32)) for one in samples]
    errs = [(a - b[..., 0])[mask] ** 2 for (a, _), b in zip(lifted, truth, strict=True)]
    told = [error[mask] for _, error in lifted]
    assert float(np.mean(errs)) <= 1.5 * float(np.mean(told))


def test_an_opaque_mark_has_no_veil() -> None:
    shown, _, mask = marked(words(), 1.0)
    assert estimate_veil(crops(shown), grown(mask)) is None


def test_too_few_frames_tell_nothing() -> None:
    shown, _, mask = marked(words(), 0.4)
    assert estimate_veil(crops(shown)[:5], grown(mask)) is None


def test_a_veil_of_nothing_changes_nothing() -> None:
    luma = np.arange(48, dtype=np.float32).reshape(6, 8)
    veil = Veil(np.zeros((6, 8), np.float32), np.zeros((6, 8, 3), np.float32), np.zeros((6, 8), np.float32))
    assert np.array_equal(veil.lift_luma(luma)[0], luma)


def lumas(frames: list[Frame]) -> list[np.ndarray]:
    return [yuv(frame).y for frame in frames]


@pytest.mark.parametrize("alpha", [0.3, 0.5])
def test_a_logo_nobody_reads_is_found_by_what_shows_through_it(alpha: float) -> None:
    shown, _, mask = marked(badge(), alpha)
    marks = find_standing_marks(lumas(shown), np.zeros(SIZE, np.bool_))
    found = np.logical_or.reduce([mark.mask for mark in marks])
    assert float(found[mask].mean()) >= 0.95
    assert float(mask[found].mean()) >= 0.3
    assert all(all(mark.stands) for mark in marks)
    assert min(abs(mark.alpha - alpha) for mark in marks) < 0.1


def test_no_mark_is_found_on_a_bare_scene_nor_under_an_opaque_logo_nor_where_a_thing_rests() -> None:
    clean = take(COUNT, size=SIZE, seed=4, speed=4.0)
    nothing = np.zeros(SIZE, np.bool_)
    assert find_standing_marks(lumas(noisy(clean)), nothing) == []
    assert find_standing_marks(lumas(noisy([put(f, badge(), *PLACE)[0] for f in clean])), nothing) == []
    resting = [put(f, words(), *PLACE)[0] if 8 <= k < 20 else f for k, f in enumerate(clean)]
    assert find_standing_marks(lumas(noisy(resting)), nothing) == []
    still = take(COUNT, size=SIZE, seed=4, speed=0.0)
    assert find_standing_marks(lumas(noisy([put(f, badge(), *PLACE, 0.4)[0] for f in still])), nothing) == []
