"""What a removal did, in numbers: the figures gates judge and the story of each track.

Belongs here: records and their JSON form. Does not: measuring.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TrackStory:
    """How one removed track was filled; shares are of its masked area over its life and sum to 1."""

    id: int
    text: str
    first_frame: int
    last_frame: int
    area: float
    """Mean masked share of the picture while the track lives."""
    revealed: float
    """Real pixels of other frames."""
    carried: float
    """One still fill carried along the motion."""
    surroundings: float
    """Continued from around the mask, frame by frame."""
    motion: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "id": self.id,
            "text": self.text,
            "first_frame": self.first_frame,
            "last_frame": self.last_frame,
            "area": round(self.area, 5),
            "shares": {
                "revealed": round(self.revealed, 4),
                "carried": round(self.carried, 4),
                "surroundings": round(self.surroundings, 4),
            },
            "motion": list(self.motion),
        }


@dataclass(frozen=True, slots=True)
class RemovalReport:
    """Figures of a whole removal and the story of each track."""

    figures: dict[str, Any]
    tracks: tuple[TrackStory, ...] = ()
    method: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "figures": dict(self.figures),
            "method": dict(self.method),
            "tracks": [track.to_dict() for track in self.tracks],
        }
