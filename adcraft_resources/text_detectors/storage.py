"""Text tracks on disk: `tracks.json` with `masks.npz`, and the mask file of `adcraft clean --masks`.

Belongs here: the two formats, written so that the same tracks give the same bytes. Does not: stores and digests.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.values import Mask, MaskSpan, Quad, TextTrack, TextTracks
from adcraft_resources.errors import StoreDamaged

TRACKS_FILE, MASKS_FILE = "tracks.json", "masks.npz"
FORMAT = 2


def save_tracks(tracks: TextTracks, folder: Path) -> None:
    """Write `tracks` into `folder`; a bitmap that several spans share is written once."""
    bitmaps: dict[bytes, int] = {}
    packed: list[NDArray[np.uint8]] = []
    body = {
        "format": FORMAT,
        "size": list(tracks.size),
        "frame_count": tracks.frame_count,
        "tracks": [_track_to_dict(track, bitmaps, packed) for track in tracks.tracks],
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / TRACKS_FILE).write_text(text + "\n", encoding="utf-8")
    starts = np.cumsum([0, *(len(bits) for bits in packed)]).astype(np.int64)
    joined = np.concatenate(packed) if packed else np.zeros(0, np.uint8)
    with zipfile.ZipFile(folder / MASKS_FILE, "w") as archive:
        _write_array(archive, "bits", joined.shape, "|u1", [joined])
        _write_array(archive, "starts", starts.shape, "<i8", [starts.astype("<i8")])


def load_tracks(folder: Path) -> TextTracks:
    """Read what `save_tracks` wrote.

    Raises:
        StoreDamaged: A file is missing, cut short or of another format.
    """
    try:
        body = json.loads((folder / TRACKS_FILE).read_text(encoding="utf-8"))
        with np.load(folder / MASKS_FILE) as archive:
            bits, starts = archive["bits"], archive["starts"]
        if body["format"] != FORMAT:
            raise StoreDamaged(
                f"{folder} holds text tracks of format {body['format']}.", remedy="Run ocr_masks again."
            )
        chunks = [bits[a:b] for a, b in pairwise(starts)]
        tracks = tuple(_track_from_dict(item, chunks) for item in body["tracks"])
        return TextTracks((int(body["size"][0]), int(body["size"][1])), int(body["frame_count"]), tracks)
    except (OSError, KeyError, ValueError, IndexError, TypeError, zipfile.BadZipFile) as error:
        raise StoreDamaged(
            f"the text tracks in {folder} cannot be read: {error}.", remedy="Run ocr_masks again."
        ) from error


def write_mask_file(tracks: TextTracks, path: Path) -> None:
    """Write one packed mask per frame, frame by frame.

    The file holds `packed` uint8 (n, ceil(h * w / 8)) and `shape` int64 (n, h, w); True = replaced.
    """
    height, width = tracks.size
    count = tracks.frame_count
    with zipfile.ZipFile(path, "w") as archive:
        _write_array(archive, "packed", (count, -(-height * width // 8)), "|u1", _packed_frames(tracks))
        _write_array(archive, "shape", (3,), "<i8", [np.array([count, height, width], "<i8")])


def _packed_frames(tracks: TextTracks) -> Iterable[NDArray[np.uint8]]:
    empty = np.zeros(-(-tracks.size[0] * tracks.size[1] // 8), np.uint8)
    for frame in range(tracks.frame_count):
        mask = tracks.mask_at(frame)
        yield empty if mask is None else np.packbits(mask.ravel())


def _write_array(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], kind: str, parts: Iterable[NDArray[Any]]
) -> None:
    """Stream one .npy member; the date is fixed so that equal arrays give equal bytes."""
    info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as member:
        _write_header(member, shape, kind)
        for part in parts:
            member.write(np.ascontiguousarray(part).tobytes())


def _write_header(member: IO[bytes], shape: tuple[int, ...], kind: str) -> None:
    np.lib.format.write_array_header_2_0(member, {"descr": kind, "fortran_order": False, "shape": shape})


def _track_to_dict(
    track: TextTrack, bitmaps: dict[bytes, int], packed: list[NDArray[np.uint8]]
) -> dict[str, Any]:
    spans = []
    for span in track.spans:
        bits = np.packbits(span.bitmap.ravel())
        key = bits.tobytes() + repr(span.bitmap.shape).encode()
        if key not in bitmaps:
            bitmaps[key] = len(packed)
            packed.append(bits)
        place = [span.first_frame, span.last_frame, span.x, span.y, *span.bitmap.shape, bitmaps[key]]
        spans.append([int(value) for value in place])
    return {
        "id": track.id,
        "kind": track.kind,
        "reason": track.reason,
        "text": track.text,
        "confidence": round(track.confidence, 4),
        "first_frame": track.first_frame,
        "last_frame": track.last_frame,
        "motion": track.motion,
        "sudden": list(track.sudden),
        "see_through": track.see_through,
        "quads": [[frame, [[round(x, 2), round(y, 2)] for x, y in quad]] for frame, quad in track.quads],
        "spans": spans,
    }


def _track_from_dict(item: dict[str, Any], chunks: list[NDArray[np.uint8]]) -> TextTrack:
    return TextTrack(
        id=item["id"],
        kind=item["kind"],
        reason=item["reason"],
        text=item["text"],
        confidence=item["confidence"],
        first_frame=item["first_frame"],
        last_frame=item["last_frame"],
        motion=item["motion"],
        quads=tuple((frame, _quad_from_list(points)) for frame, points in item["quads"]),
        spans=tuple(_span_from_list(values, chunks) for values in item["spans"]),
        sudden=(item["sudden"][0], item["sudden"][1]),
        see_through=bool(item.get("see_through", False)),
    )


def _span_from_list(values: list[int], chunks: list[NDArray[np.uint8]]) -> MaskSpan:
    first, last, x, y, height, width, chunk = values
    bits: Mask = np.unpackbits(chunks[chunk], count=height * width).reshape(height, width).astype(np.bool_)
    return MaskSpan(first, last, x, y, bits)


def _quad_from_list(points: list[list[float]]) -> Quad:
    a, b, c, d = ((x, y) for x, y in points)
    return a, b, c, d
