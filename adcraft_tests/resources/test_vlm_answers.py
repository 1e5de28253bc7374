"""The grammar of a vision model's answers: what is repaired, what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.algorithms.values import TextTrack
from adcraft_resources.text_detectors.vlm import frames_to_ask, question_of
from adcraft_resources.text_detectors.vlm_alone import SpokenTexts, judgements_of
from adcraft_resources.text_detectors.vlm_answers import (
    Judgement,
    SpokenText,
    parse_judgements,
    parse_sentence,
    parse_texts,
)

GOOD = '[{"id": 1, "kind": "overlay", "text": "SALE 50"}, {"id": 2, "kind": "label", "text": "Turmeric"}]'
WANTED = {1: Judgement(1, "overlay", "SALE 50"), 2: Judgement(2, "label", "Turmeric")}


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Sure! Here it is: {GOOD} Anything else?",
        GOOD.replace("}]", "},]"),
        GOOD.replace('"id": 1', '"id": "1"'),
        GOOD + GOOD,
        GOOD[:-1] + ', {"id": 3, "kind": "ov',
        GOOD.replace('"overlay"', '"Overlay "'),
    ],
)
def test_what_is_meant_is_read(answer):
    assert parse_judgements(answer, {1, 2}) == WANTED


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I cannot help with that.",
        "[1, 2, 3]",
        '{"id": 1}',
        '[{"id": 9, "kind": "overlay", "text": "x"}]',
        '[{"id": 1, "kind": "watermark", "text": "x"}]',
        '[{"id": true, "kind": "overlay"}]',
        '[{"id": 1, "kind": "overlay"}, {"id": 1, "kind": "label"}]',
        '[{"id": 1, "kind": ["overlay"]}]',
        "[[[[",
    ],
)
def test_what_breaks_the_grammar_is_refused(answer):
    assert parse_judgements(answer, {1, 2}) == {}


@given(st.text(max_size=300))
def test_no_answer_is_a_crash(answer):
    for judged in parse_judgements(answer, {1, 2}).values():
        assert judged.kind in ("overlay", "label")
    assert "\n" not in parse_sentence(answer)


def test_a_description_is_one_bounded_line():
    assert parse_sentence('"A hand\n holds soap."') == "A hand holds soap."
    assert len(parse_sentence("word " * 400)) <= 240


def track(number, first, last):
    quad = ((10.0, 20.0), (60.0, 20.0), (60.0, 30.0), (10.0, 30.0))
    return TextTrack(number, "overlay", "", "x", 1.0, first, last, quads=((first, quad),))


def test_few_frames_are_asked_about_many_tracks():
    tracks = [track(1, 0, 40), track(2, 10, 30), track(3, 15, 90), track(4, 100, 120)]
    asked = frames_to_ask(tracks)
    assert len(asked) == 2
    assert sorted(one.id for alive in asked.values() for one in alive) == [1, 2, 3, 4]
    assert all(one.first_frame <= frame <= one.last_frame for frame, alive in asked.items() for one in alive)


def test_boxes_are_asked_about_in_thousandths():
    assert "\n7: 100, 100, 600, 150\n" in question_of(3, [track(7, 0, 9)], (200, 100))


LISTED = '[{"box": [100, 200, 900, 260], "kind": "overlay", "text": "SALE 50"}]'
SPOKEN = [SpokenText((100, 200, 900, 260), "overlay", "SALE 50")]


@pytest.mark.parametrize(
    "answer",
    [
        LISTED,
        f"```json\n{LISTED}\n```",
        LISTED.replace("100, 200", '"100", 200.3'),
        LISTED.replace("}]", "},]"),
        LISTED[:-1] + ', {"box": [1, 2, 3',
        LISTED[:-1] + ', {"box": [900, 200, 100, 260], "kind": "overlay"}]',
        LISTED[:-1] + ', {"box": [0, 0, 1000, 1000], "kind": "overlay"}]',
        LISTED[:-1] + ', {"box": [0, 0, 4000, 10], "kind": "overlay"}]',
        LISTED[:-1] + ', {"box": [0, 0, 10, 10], "kind": "sign"}, {"box": [1, 2], "kind": "label"}, 7]',
    ],
)
def test_texts_a_model_finds_alone_are_read_by_the_same_grammar(answer):
    assert parse_texts(answer) == SPOKEN


@given(st.text(max_size=300))
def test_no_list_of_texts_is_a_crash(answer):
    assert isinstance(parse_texts(answer), list)


def test_boxes_are_found_again_by_the_frames_pixels_and_asked_for_once():
    asked = []

    def ask(pairs, most):
        asked.append(len(pairs))
        return [LISTED] * len(pairs)

    texts = SpokenTexts(ask, "find", "read")
    frame = np.full((40, 20, 3), 9, np.uint8)
    first = texts.detect(frame, 40, size=(1000, 500))
    assert texts.detect(frame, 40, size=(1000, 500)) == first
    assert asked == [1]
    assert first[0].quad == ((50.0, 200.0), (450.0, 200.0), (450.0, 260.0), (50.0, 260.0))
    assert texts.detect(frame[:10], 40) == [], "parts of frames are not asked about"


def test_what_a_track_is_goes_by_the_most_votes():
    box = ((10.0, 20.0), (90.0, 20.0), (90.0, 26.0), (10.0, 26.0))
    tracks = [TextTrack(5, "overlay", "", "x", 1.0, 0, 30, quads=((0, box),)), track(6, 40, 60)]
    label = [SpokenText((100, 200, 900, 260), "label", "x")]
    said = judgements_of(tracks, {0: label, 10: SPOKEN, 20: label, 90: SPOKEN}, (100, 100))
    assert said == {5: Judgement(5, "label", "")}
