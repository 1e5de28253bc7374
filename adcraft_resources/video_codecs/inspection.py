"""Figures of a finished file for the gate `variants_play_everywhere`, and the sound's offset against its source.

Belongs here: measuring delivered files. Does not: thresholds, verdicts, writing.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from adcraft_resources.errors import VideoUnreadable
from adcraft_resources.video_codecs.boxes import Movie, Track, children, read_movie
from adcraft_resources.video_codecs.facts import probe_video
from adcraft_resources.video_codecs.sound import DELIVERY_RATE_HZ, DecodedSound, Samples, SplicedSound

_PROFILES = {66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High 10", 122: "High 4:2:2"}
_MAX_PRIMING = 2112  # samples before the first audible one: 1024 to 2112 by encoder
_COMPARED_S = 20.0  # sound compared for the offset
_LARGEST_OFFSET_S = 0.5
_VISUAL_ENTRY_BYTES = 78  # fields of a visual sample entry before its boxes


def inspect_delivery(path: Path) -> dict[str, object]:
    """Measure a delivered MP4.

    Returns JSON-able figures. `edit_lists` names per track what its edit list does: "none", "b_frame_delay",
    "priming" (both only undo a codec's delay), "delay" (starts late) or "trim" (hides more). `av_offset_ms`: first
    audible sample minus first picture, after edit lists. `gop_s`: longest distance of sync pictures.
    `closed_gop`: no picture shown before a sync picture is decoded after it.

    Raises:
        VideoUnreadable: Not an MP4 with a video track.
    """
    path = Path(path)
    movie = read_movie(path)
    video, sound = movie.track("vide"), movie.track("soun")
    if video is None:
        raise VideoUnreadable(f"{path} holds no video track.", remedy="Render it again.")
    facts = probe_video(path)
    figures: dict[str, object] = {
        "container": "mp4" if movie.brands else "unknown",
        "codec": facts.codec,
        "pix_fmt": facts.pix_fmt,
        "width": facts.width,
        "height": facts.height,
        "fps": str(facts.fps),
        "frame_count": video.sample_count,
        "size_bytes": facts.size_bytes,
        "bit_rate": facts.bit_rate,
        "faststart": _index_first(movie),
        "constant_rate": len({delta for _, delta in video.deltas}) == 1,
        "edit_lists": {"video": _edit_kind(video)} | ({"audio": _edit_kind(sound)} if sound else {}),
        "video_duration_s": _shown_s(video),
        "audio_duration_s": _shown_s(sound) if sound else None,
        "av_offset_ms": 1000 * (_start_s(sound) - _start_s(video)) if sound else None,
        **_groups(video),
        **_avc(video),
        **_sound_figures(path),
    }
    return figures


def audio_offset_ms(a: Path | SplicedSound | None, b: Path) -> float | None:
    """Milliseconds the sound of `b` comes later than that of `a`, each against its own first picture.

    Cross-correlation of the first 20 s, lags up to 500 ms; None when either has no sound to compare.

    Raises:
        VideoUnreadable: A file cannot be read.
    """
    first, second = _mono(a), _mono(b)
    if first is None or second is None:
        return None
    length = min(len(first), len(second))
    padded = 1 << (2 * length - 1).bit_length()
    spectrum = np.fft.rfft(second[:length], padded) * np.conj(np.fft.rfft(first[:length], padded))
    correlation = np.fft.irfft(spectrum, padded)
    reach = min(round(_LARGEST_OFFSET_S * DELIVERY_RATE_HZ), length - 1)
    lags = np.concatenate([np.arange(reach), np.arange(-reach, 0)])
    return float(lags[int(np.argmax(correlation[lags]))] * 1000 / DELIVERY_RATE_HZ)


def _mono(sound: Path | SplicedSound | None) -> np.ndarray | None:
    if sound is None:
        return None
    if isinstance(sound, SplicedSound):
        line = sound.blocks()
    else:
        facts = probe_video(sound)
        if not facts.has_audio:
            return None
        line = DecodedSound(sound, facts.start_s).blocks()
    pieces: list[Samples] = []
    count = 0
    for piece in line:
        pieces.append(piece)
        count += piece.shape[1]
        if count >= _COMPARED_S * DELIVERY_RATE_HZ:
            break
    line.close()
    if not pieces:
        return None
    mono = np.concatenate(pieces, axis=1).mean(0)
    return mono if len(mono) > 1 and np.abs(mono).max() > 0 else None


def _index_first(movie: Movie) -> bool:
    order = movie.top_level
    return "moov" in order and "mdat" in order and order.index("moov") < order.index("mdat")


def _edit_kind(track: Track) -> str:
    """Name what the edit list does beyond undoing the codec's delay."""
    if not track.edits:
        return "none"
    if any(edit.media_time < 0 for edit in track.edits):
        return "delay"
    if len(track.edits) > 1:
        return "trim"
    hidden = max(edit.media_time for edit in track.edits)
    if track.handler == "soun":
        return "priming" if hidden <= _MAX_PRIMING else "trim"
    return "b_frame_delay" if hidden <= min(track.composition_times(), default=0) else "trim"


def _start_s(track: Track) -> float:
    """Time of the track's first picture or sample after its edit list."""
    waiting = sum(edit.duration_s for edit in track.edits if edit.media_time < 0)
    hidden = next((edit.media_time for edit in track.edits if edit.media_time >= 0), 0)
    first = min(track.composition_times(), default=0)
    return waiting + max(0, first - hidden) / track.timescale


def _shown_s(track: Track) -> float:
    """Seconds the track shows, by its edit list where it has one."""
    shown = [edit.duration_s for edit in track.edits if edit.media_time >= 0]
    return sum(shown) if shown else track.duration / track.timescale


def _groups(video: Track) -> dict[str, object]:
    """Longest group of pictures in seconds, and whether all groups are closed."""
    decode, shown = video.decode_times(), video.composition_times()
    starts = [number - 1 for number in video.sync_samples or range(1, video.sample_count + 1)]
    ends = [*(decode[start] for start in starts[1:]), sum(count * delta for count, delta in video.deltas)]
    longest = max((end - decode[start] for start, end in zip(starts, ends, strict=True)), default=0)
    bounds = pairwise([*starts, video.sample_count])
    closed = all(min(shown[start:end]) >= shown[start] for start, end in bounds if end > start)
    return {"gop_s": longest / video.timescale, "closed_gop": closed}


def _avc(video: Track) -> dict[str, object]:
    """Profile, level and colour tags of the sample entry's avcC and colr boxes."""
    entry = dict(children(video.boxes[b"stsd"][8:]))
    figures: dict[str, object] = {"profile": None, "level": None, "primaries": None, "transfer": None}
    figures |= {"matrix": None, "full_range": None}
    if b"avc1" not in entry:
        return figures
    boxes = dict(children(entry[b"avc1"][_VISUAL_ENTRY_BYTES:]))
    if b"avcC" in boxes:
        profile, level = boxes[b"avcC"][1], boxes[b"avcC"][3]
        figures |= {"profile": _PROFILES.get(profile, str(profile)), "level": level / 10}
    if boxes.get(b"colr", b"")[:4] == b"nclx":
        primaries, transfer, matrix, full = struct.unpack_from(">HHHB", boxes[b"colr"], 4)
        figures |= {
            "primaries": primaries,
            "transfer": transfer,
            "matrix": matrix,
            "full_range": bool(full >> 7),
        }
    return figures


def _sound_figures(path: Path) -> dict[str, object]:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return {"has_audio": False}
        context = container.streams.audio[0].codec_context
        return {
            "has_audio": True,
            "audio_codec": context.name,
            "audio_profile": context.profile,
            "audio_rate": context.sample_rate,
            "audio_channels": context.channels,
            "audio_bit_rate": context.bit_rate,
        }
