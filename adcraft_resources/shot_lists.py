"""Reading `keyframes.json` back: the shots and keyframes later stages work by.

Belongs here: the file's shape. Does not: finding shots.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from adcraft_resources.algorithms.values import Frame, Keyframe, Shot
from adcraft_resources.store import Bundle, Draft
from adcraft_resources.thumbnails import read_picture
from adcraft_resources.video_codecs import read_frames

NAME = "keyframes.json"
_MOST_KEYS: Final = 12  # handed to a stylist: enough to know a look, few enough for flat memory


@dataclass(frozen=True)
class ShotList:
    """Shots and keyframes of an ad of `frame_count` frames; `stills` are the keyframes' picture files."""

    shots: tuple[Shot, ...]
    keyframes: tuple[Keyframe, ...]
    stills: tuple[Path, ...]
    frame_count: int

    def pictures(self) -> list[tuple[Keyframe, Frame]]:
        """Return the keyframes with their stills, RGB (h, w, 3) uint8."""
        return [(one, read_picture(still)) for one, still in zip(self.keyframes, self.stills, strict=True)]


def write_shot_list(
    draft: Draft, shots: list[Shot], keyframes: list[Keyframe], stills: list[Path], frames: int
) -> None:
    """Write the shot list of a bundle being made; the stills already lie in its folder."""
    named = [{**asdict(one), "file": still.name} for one, still in zip(keyframes, stills, strict=True)]
    draft.write_json(
        NAME, {"shots": [asdict(shot) for shot in shots], "keyframes": named, "frame_count": frames}
    )


def read_shot_list(bundle: Bundle) -> ShotList:
    """Return the shot list of a `keyframes` bundle."""
    content = bundle.read_json(NAME)
    return ShotList(
        shots=tuple(Shot(**shot) for shot in content["shots"]),
        keyframes=tuple(
            Keyframe(frame=one["frame"], pts_s=one["pts_s"], shot=one["shot"]) for one in content["keyframes"]
        ),
        stills=tuple(bundle.file(one["file"]) for one in content["keyframes"]),
        frame_count=content["frame_count"],
    )


def look_keys(cleaned: Path, shot_list: ShotList) -> list[tuple[Keyframe, Frame]]:
    """Return the keyframes a look is developed from, spread over the ad, as they are in the cleaned video."""
    every = max(1, -(-len(shot_list.keyframes) // _MOST_KEYS))
    keyframes = shot_list.keyframes[::every]
    frames = read_frames(cleaned, [one.frame for one in keyframes])
    return [(one, frames[one.frame]) for one in keyframes if one.frame in frames]
