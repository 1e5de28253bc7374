"""Loudness measured and mastered, on sound whose level is known."""

import wave
from fractions import Fraction

import numpy as np
import pytest

from adcraft_resources.algorithms.values import Yuv420
from adcraft_resources.sample_ads.sound import compose
from adcraft_resources.sample_ads.specs import FPS, SAMPLES
from adcraft_resources.video_codecs import (
    CodedSound,
    DecodedSound,
    DeliveryWriter,
    audio_offset_ms,
    inspect_delivery,
    master_sound,
    measure_loudness,
)
from adcraft_tests.drawn_videos import Sound, montage, write_video

RATE = 48000
TARGET = {"lufs": -14.0, "true_peak_dbtp": -1.5}


def tone(seconds, peak):
    return (peak * np.sin(2 * np.pi * 997 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def coded(wav):
    return CodedSound(DecodedSound(wav, 0.0))


def drums(seconds, peak, seed=0):
    rng = np.random.default_rng(seed)
    line = rng.normal(0, 0.02, round(seconds * RATE)).astype(np.float32)
    for at in range(0, len(line) - 6000, RATE // 2):
        line[at : at + 6000] += peak * np.exp(-np.arange(6000) / 900) * rng.uniform(-1, 1, 6000)
    return line.clip(-1, 1)


def video(path, samples, **kwargs):
    frames = montage([30], size=(96, 64))
    sound = None if samples is None else Sound(samples, **kwargs)
    return write_video(path, frames, sound=sound)


@pytest.mark.parametrize("peak", [0.02, 0.2, 0.9])
def test_a_tone_of_any_level_comes_out_at_the_target(tmp_path, peak):
    source = video(tmp_path / "in.mp4", tone(4, peak))
    told = master_sound(source, tmp_path / "out.wav", duration_s=3.5, **TARGET)
    assert told.coded.integrated_lufs == pytest.approx(-14, abs=0.5)
    assert told.coded.true_peak_dbtp <= -1.5


def test_peaks_that_would_be_over_are_limited_and_sound_stays_in_sync(tmp_path):
    source = video(tmp_path / "in.mp4", drums(5, 0.9))
    told = master_sound(source, tmp_path / "out.wav", duration_s=5, **TARGET)
    assert told.limited
    assert told.coded.true_peak_dbtp <= -1.5
    with DeliveryWriter(
        tmp_path / "out.mp4", width=64, height=96, fps=Fraction(30), audio_source=coded(tmp_path / "out.wav")
    ) as writer:
        planes = np.full((96, 64), 90, np.uint8), *[np.full((48, 32), 128, np.uint8)] * 2
        for _ in range(150):
            writer.write(Yuv420(*planes))
    found = measure_loudness(tmp_path / "out.mp4")
    assert found.true_peak_dbtp <= -1.5
    assert found.integrated_lufs == pytest.approx(told.coded.integrated_lufs, abs=0.3)
    assert abs(audio_offset_ms(source, tmp_path / "out.mp4")) <= 1
    assert inspect_delivery(tmp_path / "out.mp4")["av_offset_ms"] == pytest.approx(0, abs=1)


@pytest.mark.parametrize("samples", [None, np.zeros(4 * RATE, np.float32), tone(4, 1e-5)])
def test_no_sound_and_silence_become_silence_of_the_full_length(tmp_path, samples):
    source = video(tmp_path / "in.mp4", samples)
    told = master_sound(source, tmp_path / "out.wav", duration_s=2, **TARGET)
    assert told.source.is_silent
    assert told.gain_db == 0
    with DeliveryWriter(
        tmp_path / "out.mp4", width=64, height=96, fps=Fraction(30), audio_source=coded(tmp_path / "out.wav")
    ) as writer:
        planes = np.full((96, 64), 90, np.uint8), *[np.full((48, 32), 128, np.uint8)] * 2
        for _ in range(60):
            writer.write(Yuv420(*planes))
    probe = inspect_delivery(tmp_path / "out.mp4")
    assert probe["has_audio"]
    assert probe["audio_duration_s"] == pytest.approx(2, abs=0.03)


def test_loudness_is_that_of_the_norm(tmp_path):
    """BS.1770: a 997 Hz tone in both channels at -20 dBFS peak measures -20 LUFS (EBU Tech 3341, case 1 at -23)."""
    source = video(tmp_path / "in.mkv", tone(4, 0.1), codec="flac")
    found = measure_loudness(source)
    assert found.integrated_lufs == pytest.approx(-20, abs=0.1)
    assert found.true_peak_dbtp == pytest.approx(-20, abs=0.1)
    assert measure_loudness(video(tmp_path / "mute.mp4", None)) is None


def test_ordinary_delivery_adds_no_peaks_to_music(tmp_path):
    """FFmpeg's default AAC coder lifts this piece by decibels, over full scale."""
    spec = SAMPLES["turmeric-hero"]
    source, out = tmp_path / "in.wav", tmp_path / "out.mp4"
    piece = compose(
        spec.music, spec.duration_s, [0.3, 1.1, 2.2, 3.4], [float(cut / FPS) for cut in spec.cuts]
    )
    write_wav(source, piece)
    with DeliveryWriter(out, width=64, height=96, fps=Fraction(30), audio_source=coded(source)) as writer:
        planes = np.full((96, 64), 90, np.uint8), *[np.full((48, 32), 128, np.uint8)] * 2
        for _ in range(150):
            writer.write(Yuv420(*planes))
    assert measure_loudness(out).true_peak_dbtp <= measure_loudness(source).true_peak_dbtp + 0.5


def write_wav(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples.T * 32767).round().astype("<i2").tobytes())
