"""What is read and seen in finished pictures: drawn captions and labels, and a real face twice."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from skimage import data

from adcraft_assets.policy_reviews import as_shown
from adcraft_resources.algorithms.values import TextTrack, TextTracks
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.picture_reviews import (
    look_at_pictures,
    pairs_of,
    show_findings,
    texts_of,
)
from adcraft_resources.policies import LABEL, PICTURES, PolicySettings, review_variant
from adcraft_resources.programmes import Programme, Stretch
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.store import BundleStore
from adcraft_resources.text_detectors import EmbeddedTextDetector
from adcraft_resources.video_codecs import DeliveryWriter, yuv_of

SIZE, FPS = (360, 480), 25
HOOK = "Golden lather"
CLAIM = ("SKIN WHITENING", "IN 7 DAYS")
BOX = (0.1, 0.62, 0.75, 0.2)


class CountingDetector(EmbeddedTextDetector):
    def find_text(self, frame, *, read=True):
        CountingDetector.looks = getattr(CountingDetector, "looks", 0) + 1
        return super().find_text(frame, read=read)


def wall(level=150):
    return np.full((*SIZE, 3), (level, level - 10, level - 30), np.uint8)


def written(frame, *lines):
    """Lines in print: (text, x, y)."""
    for text, x, y in lines:
        cv2.putText(frame, text, (x, y), cv2.FONT_HERSHEY_DUPLEX, 1.1, (20, 20, 20), 2, cv2.LINE_AA)
    return frame


def film(path, *takes):
    """A video of still takes, half a second each; return its shots."""
    shots, at = [], 0
    with DeliveryWriter(path, width=SIZE[1], height=SIZE[0], fps=Fraction(FPS), crf=14) as writer:
        for take in takes:
            for _ in range(13):
                writer.write(yuv_of(take))
            shots.append((at / FPS, (at + 13) / FPS))
            at += 13
    return shots


def label_tracks(text):
    x, y, w, h = (side * full for side, full in zip(BOX, (SIZE[1], SIZE[0]) * 2, strict=True))
    quad = ((x, y), (x + w, y), (x + w, y + h), (x, y + h))
    track = TextTrack(1, "label", "moves with the scene", text, 0.9, 0, 99, "scene", ((0, quad),))
    return TextTracks(SIZE, 100, (track,))


NO_LABELS = TextTracks(SIZE, 100, ())


def review(tmp_path, takes, *, labels=NO_LABELS, pictures="warn", detector=None):
    path = tmp_path / "variant.mp4"
    shots = film(path, *takes)
    cache = ResultCache(store=BundleStore(base=str(tmp_path / "store")))
    seen = look_at_pictures(cache, detector or EmbeddedTextDetector(), path, shots, sha256="a" * 64)
    hook = HookSet("h", HOOK, "A bar that smells of Sunday.", "Turmeric soap", "en", "template", "p")
    found = review_variant(
        hook,
        product_type="generic",
        read_back=texts_of(seen["lines"], HOOK, labels, FPS),
        pairs=pairs_of(seen["pairs"]),
        settings=PolicySettings(pictures=pictures),
    )
    return found, path, cache, shots


def claim_take():
    return written(wall(), (HOOK, 60, 70), (CLAIM[0], 60, 250), (CLAIM[1], 60, 292))


def test_a_caption_left_in_the_video_blocks_with_its_frame_and_span(tmp_path):
    found, path, *_ = review(tmp_path, [claim_take()])
    assert found.verdict == "block"
    assert "the picture at" in found.blocked_by[0]
    told = found.to_dict()
    pictures = next(field for field in told["fields"] if field["field"] == PICTURES)
    one = pictures["findings"][0]
    text = pictures["texts"][one["text"]]
    assert "whitening" in text[slice(*one["span"])].lower()
    assert one["frame"] is not None
    assert all(abs(a - b) < 0.12 for a, b in zip(one["box"][:2], (60 / 480, 225 / 360), strict=True))
    assert all(HOOK not in text for text in pictures["texts"])
    shown = show_findings(path, told)
    assert shown is not None
    x, y = round(one["box"][0] * SIZE[1]), round((one["box"][1] + one["box"][3] / 2) * SIZE[0])
    r, g, _ = shown[y, max(0, x - 1) : x + 3].astype(int).max(axis=0)
    assert r > 200
    assert g < 160


@pytest.mark.parametrize(("pictures", "verdict"), [("warn", "warn"), ("block", "block"), ("off", "pass")])
def test_the_same_words_on_the_product_do_what_the_settings_say(tmp_path, pictures, verdict):
    found, *_ = review(
        tmp_path, [claim_take()], labels=label_tracks("SKIN WHITENING SOAP"), pictures=pictures
    )
    assert found.verdict == verdict
    if verdict == "warn":
        assert not found.findings[PICTURES]
        assert found.findings[LABEL]


def test_a_label_that_stays_is_judged_and_a_caption_that_goes_is_not():
    label = label_tracks("Skin whitening soap").tracks[0]
    caption = TextTrack(2, "overlay", "added in the edit", "Guaranteed fairness", 0.9, 0, 99)
    told = texts_of([], HOOK, TextTracks(SIZE, 100, (label, caption)), FPS)
    assert [(one.text, one.on_label) for one in told] == [("Skin whitening soap", True)]


def test_a_clean_wall_and_the_hook_say_nothing(tmp_path):
    found, path, *_ = review(tmp_path, [written(wall(), (HOOK, 60, 70))])
    assert found.verdict == "pass"
    assert found.texts[PICTURES] == ()
    assert show_findings(path, found.to_dict()) is None


def test_before_and_after_on_two_shots_are_one_claim(tmp_path):
    takes = [written(wall(), ("BEFORE", 60, 250)), written(wall(90)[:, ::-1].copy(), ("AFTER", 200, 120))]
    found, *_ = review(tmp_path, takes)
    assert "before_after" in found.blocked_by[0]


def test_a_video_is_looked_at_once(tmp_path):
    CountingDetector.looks = 0
    detector = CountingDetector()
    _, path, cache, shots = review(tmp_path, [claim_take()], detector=detector)
    looks = CountingDetector.looks
    assert 0 < looks <= 4
    look_at_pictures(cache, detector, path, shots, sha256="a" * 64)
    assert CountingDetector.looks == looks
    look_at_pictures(cache, detector, path, shots, sha256="b" * 64)
    assert CountingDetector.looks == 2 * looks


def test_what_was_seen_in_an_ad_is_told_as_a_variant_shows_it():
    line = {"text": "CURES ACNE", "confidence": 0.9, "box": [0.1, 0.1, 0.2, 0.1]}
    pair = {"kind": "cut", "at": None, "skin_delta_l": 6.0}
    seen = {
        "lines": [{**line, "frame": 10, "time_s": 0.4}, {**line, "frame": 50, "time_s": 2.0}],
        "pairs": [{**pair, "frames": [73, 76], "time_s": 3.04}, {**pair, "frames": [5, 8], "time_s": 0.32}],
    }
    order = Programme(15, 0.6, Stretch(100, 124, 4.0, 5.0))
    told = as_shown(seen, order, 25, 25)
    assert [(one["frame"], one["time_s"]) for one in told["lines"]] == [(60, 2.4)]
    assert [(one["frames"], one["time_s"]) for one in told["pairs"]] == [([83, 86], 3.44)]
    assert as_shown(seen, Programme(), 25, 25) == seen


def face(size, gain=1.0):
    """A real face, made lighter by a gain."""
    head = data.astronaut()[0:300, 90:330]
    shown = cv2.resize(head, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.clip(shown * gain, 0, 255).astype(np.uint8)


def pair(gain):
    take = wall()
    take[:, :240], take[:, 240:] = face((240, 360), 0.7), face((240, 360), 0.7 * gain)
    return take


@pytest.mark.parametrize(("gain", "verdict"), [(1.35, "block"), (0.72, "block"), (1.02, "warn")])
def test_a_face_beside_itself_in_another_light_is_refused(tmp_path, gain, verdict):
    """The light alone makes the difference; a caption is not needed."""
    take = pair(gain)
    take[:, 238:242] = 255
    found, *_ = review(tmp_path, [take])
    assert found.verdict == verdict
    assert found.pairs[0].kind == "beside"
    if verdict == "block":
        assert "before-and-after pair" in found.blocked_by[0]


@pytest.mark.parametrize(("gain", "verdict"), [(1.4, "block"), (1.05, "warn")])
def test_a_cut_from_a_face_to_the_same_face_lightened_is_refused(tmp_path, gain, verdict):
    one, other = (wall() for _ in range(2))
    one[:, 60:300] = face((240, 360), 0.65)
    other[:, 62:302] = face((240, 360), 0.65 * gain)
    found, *_ = review(tmp_path, [one, other])
    assert found.verdict == verdict
    assert [one.kind for one in found.pairs] == ["cut"]


def test_a_cut_to_another_picture_is_no_pair(tmp_path):
    one, other = wall(), cv2.resize(data.coffee(), SIZE[::-1])
    one[:, 60:300] = face((240, 360))
    found, *_ = review(tmp_path, [one, other])
    assert found.pairs == ()
