from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.video_codecs.aac import filled
from adcraft_tests.drawn_videos import Sound, take, write_video


@given(st.binary(min_size=0, max_size=60), st.integers(0, 7), st.integers(0, 700))
def test_filled_units_keep_their_bits_and_come_near_the_size(body: bytes, padding: int, size: int) -> None:
    bits = ((int.from_bytes(b"\x01" + body) << 3) | 7) << padding
    spare = -bits.bit_length() % 8
    unit = bits.to_bytes((bits.bit_length() + spare) // 8)
    out = filled(unit, size)
    assert len(out) >= len(unit)
    assert abs(len(out) - size) <= 20 or len(out) == len(unit)


def test_filled_sound_decodes_to_the_same_samples(tmp_path: Path) -> None:
    tone = (0.3 * np.sin(np.arange(48000) / 20)).astype(np.float32)
    path = write_video(tmp_path / "a.mp4", take(30), 30, sound=Sound(tone))
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        decoder = av.CodecContext.create("aac", "r")
        decoder.extradata = stream.codec_context.extradata
        again = av.CodecContext.create("aac", "r")
        again.extradata = stream.codec_context.extradata
        for packet in packets:
            plain = [frame.to_ndarray() for frame in decoder.decode(av.Packet(bytes(packet)))]
            long = filled(bytes(packet), 900)
            assert len(long) > 880
            for a, b in zip(plain, again.decode(av.Packet(long)), strict=True):
                np.testing.assert_array_equal(a, b.to_ndarray())
