from __future__ import annotations

from dataclasses import replace

import pytest

from adcraft_resources.algorithms.values import Quad, TextTrack
from adcraft_resources.text_detectors.kinship import join_labels


def place(x: float, y: float = 50) -> Quad:
    return (x, y), (x + 100, y), (x + 100, y + 20), (x, y + 20)


LABEL = TextTrack(
    0, "label", "it moves with the scene around it", "NET WT 90 G", 0.9, 0, 30, "scene", ((0, place(10)),)
)
PIECE = TextTrack(1, "overlay", "it stands still", "NET WT. 90 g", 0.9, 33, 44, "still", ((33, place(18)),))


def test_a_piece_of_a_label_found_again_is_that_label() -> None:
    _, piece = join_labels([LABEL, PIECE], [])
    assert piece.kind == "label"
    assert "goes on a label" in piece.reason
    assert piece.spans == ()


@pytest.mark.parametrize(
    ("piece", "cuts"),
    [
        (replace(PIECE, text="ONLY TODAY"), []),
        (replace(PIECE, quads=((33, place(90)),)), []),
        (replace(PIECE, first_frame=60, last_frame=70), []),
        (PIECE, [32]),
        (replace(PIECE, text="90"), []),
    ],
    ids=["other words", "another place", "long after", "another shot", "hardly a word"],
)
def test_what_only_resembles_a_label_stays_an_overlay(piece: TextTrack, cuts: list[int]) -> None:
    assert join_labels([LABEL, piece], cuts)[1].kind == "overlay"


def test_a_label_that_is_only_protected_joins_nothing() -> None:
    protected = replace(LABEL, motion="still")
    assert join_labels([protected, PIECE], [])[1].kind == "overlay"
