"""Overlay or label: was a text added in the edit, or does it belong to the scene?

Belongs here: the decision and its reason in plain words. Does not: gathering the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from adcraft_resources.algorithms.text_tracks import TextLife

UNREADABLE = 0.5  # a reader's confidence below which letters are doubtful
CLEARLY_TEXT = (
    0.66  # a detector's score above which unread letters (another script, handwriting) count as text
)


@dataclass(frozen=True, slots=True)
class TextNature:
    """What a text is, and why."""

    kind: Literal["overlay", "label"]
    reason: str
    motion: Literal["still", "moving", "scene"]


def nature_of(life: TextLife, text: str, confidence: float, protected: Sequence[str]) -> TextNature | None:
    """Decide for one life; None where it is no text at all."""
    if confidence < UNREADABLE and life.score < CLEARLY_TEXT:
        return None
    motion: Literal["still", "moving"] = "moving" if life.moving else "still"
    for pattern in protected:
        if re.search(pattern, text):
            return TextNature("label", f"protected: it reads “{text}”, which matches {pattern}", motion)
    return TextNature("overlay", "it stands still on the screen", motion)
