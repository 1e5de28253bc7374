"""Music for the sample ads: a small band of sine waves, made from the tempo, the chords and the cuts.

Belongs here: samples as arrays. Does not: encoding them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
RATE = 48_000
_A4_HZ, _A4_KEY = 440.0, 69


@dataclass(frozen=True)
class Music:
    """A loop of chords (MIDI keys), one a bar of four beats, at `beats_per_min`; `swing` delays the off-beats."""

    beats_per_min: float
    chords: tuple[tuple[int, ...], ...]
    swing: float = 0.0
    seed: int = 1


def compose(music: Music, duration_s: float, clicks_s: Sequence[float], cuts_s: Sequence[float]) -> Samples:
    """Make (2, n) samples in -1 to 1 at RATE: pad, plucks, drums, a click for each overlay, a whoosh for each cut."""
    count = round(duration_s * RATE)
    mix = np.zeros((2, count), np.float32)
    beat_s = 60 / music.beats_per_min
    for bar in range(int(duration_s / (4 * beat_s)) + 1):
        chord = music.chords[bar % len(music.chords)]
        _add(mix, _pad(chord, 4 * beat_s), bar * 4 * beat_s, 0.16, 0.0)
        for eighth in range(8):
            at_s = (bar * 4 + eighth / 2) * beat_s + (music.swing * beat_s / 2 if eighth % 2 else 0)
            key = chord[(eighth * 2 + bar) % len(chord)] + 12
            _add(mix, _pluck(key), at_s, 0.13, -0.4 if eighth % 2 else 0.4)
            _add(mix, _hat(music.seed + eighth % 3), at_s, 0.05 if eighth % 2 else 0.08, 0.2)
        for beat in range(4):
            _add(mix, _kick(), (bar * 4 + beat) * beat_s, 0.34, 0.0)
            if beat % 2:
                _add(mix, _clap(music.seed), (bar * 4 + beat) * beat_s, 0.16, 0.0)
    for at_s in clicks_s:
        _add(mix, _click(), at_s, 0.30, 0.1)
    for at_s in cuts_s:
        _add(mix, _whoosh(music.seed), at_s - 0.22, 0.12, -0.1)
    fade = np.minimum(1, (count - np.arange(count, dtype=np.float32)) / (0.25 * RATE))
    return np.tanh(
        1.25 * mix * fade * np.minimum(1, np.arange(count, dtype=np.float32) / 240 + 0.05)
    ) * np.float32(0.9)


def _add(mix: Samples, sound: Samples, at_s: float, gain: float, side: float) -> None:
    start = round(at_s * RATE)
    if start < 0:
        sound, start = sound[-start:], 0
    sound = sound[: max(0, mix.shape[1] - start)]
    mix[0, start : start + len(sound)] += sound * np.float32(gain * (1 - max(0.0, side)))
    mix[1, start : start + len(sound)] += sound * np.float32(gain * (1 + min(0.0, side)))


def _time(seconds: float) -> Samples:
    return np.arange(round(seconds * RATE), dtype=np.float32) / np.float32(RATE)


def _hertz(key: float) -> float:
    return _A4_HZ * 2 ** ((key - _A4_KEY) / 12)


def _pad(chord: Sequence[int], seconds: float) -> Samples:
    t = _time(seconds)
    total = np.zeros_like(t)
    for key in (chord[0] - 12, *chord):
        for partial, share in ((1, 1.0), (2.003, 0.35), (3.01, 0.12)):
            total += share * np.sin(np.float32(2 * np.pi * _hertz(key) * partial) * t, dtype=np.float32)
    swell = np.minimum(1, t / 0.12) * np.minimum(1, (seconds - t) / 0.2)
    return total * swell / np.float32(len(chord) + 1)


def _pluck(key: int) -> Samples:
    t = _time(0.5)
    tone = sum(np.sin(2 * np.pi * _hertz(key) * n * t) * np.exp(-t * (5 + 4 * n)) / n for n in (1, 2, 3, 4))
    return np.asarray(tone, np.float32) * np.minimum(1, t / 0.004)


def _kick() -> Samples:
    t = _time(0.28)
    return (np.sin(2 * np.pi * (48 * t + 3.2 * (1 - np.exp(-t * 34)))) * np.exp(-t * 13)).astype(np.float32)


def _noise(seconds: float, seed: int) -> Samples:
    return np.random.default_rng(seed).uniform(-1, 1, round(seconds * RATE)).astype(np.float32)


def _hat(seed: int) -> Samples:
    noise = _noise(0.06, seed)
    return np.diff(noise, prepend=np.float32(0)) * np.exp(-_time(0.06) * 90)


def _clap(seed: int) -> Samples:
    t = _time(0.18)
    hands = sum(np.exp(-np.maximum(t - at, 0) * 60) * (t >= at) for at in (0.0, 0.011, 0.023))
    return np.diff(_noise(0.18, seed + 7), prepend=np.float32(0)) * np.asarray(hands, np.float32)


def _click() -> Samples:
    t = _time(0.07)
    return ((np.sin(2 * np.pi * 1900 * t) + 0.6 * np.sin(2 * np.pi * 2900 * t)) * np.exp(-t * 95)).astype(
        np.float32
    )


def _whoosh(seed: int) -> Samples:
    t = _time(0.34)
    rough = np.cumsum(_noise(0.34, seed + 11)).astype(np.float32)
    rough -= np.convolve(rough, np.ones(301, np.float32) / 301, mode="same")
    return rough / np.abs(rough).max() * np.sin(np.pi * t / 0.34) ** 3
