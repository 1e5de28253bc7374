"""Drawing a sample ad frame by frame into an mp4, as a phone's editor would upload it.

Belongs here: the frames of a sample, and their encoding. Does not: what is in them (specs.py), the truth (truth.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import av.container
import numpy as np

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.errors import SourceMissing
from adcraft_resources.sample_ads.camera_moves import view
from adcraft_resources.sample_ads.overlays import OverlayLayer
from adcraft_resources.sample_ads.sound import RATE, Samples, compose
from adcraft_resources.sample_ads.specs import FPS, SAMPLES, SIZE, SampleSpec
from adcraft_resources.sample_ads.stills import STILL_SIZE, still_named
from adcraft_resources.video_codecs.pictures import av_frame_of, yuv_of

_AUDIO_BLOCK = 1024
_THREADS = 2  # fixed, because x264's bytes depend on it


def spec_named(name: str) -> SampleSpec:
    """Return a sample's description.

    Raises:
        SourceMissing: There is none of that name.
    """
    if name not in SAMPLES:
        raise SourceMissing(f"There is no sample ad {name!r}.", remedy=f"There are {', '.join(SAMPLES)}.")
    return SAMPLES[name]


def render_sample(name: str, path: Path, *, overlays: bool = True) -> None:
    """Write the sample ad `name` to `path`, the same bytes each time: H.264 at crf 20 and AAC, 720x1280, 25 fps.

    Args:
        name: A key of SAMPLES.
        path: An mp4; it is there only once it is whole.
        overlays: False leaves out what the edit laid over the footage.

    Raises:
        SourceMissing: There is no such sample.
    """
    render_spec(spec_named(name), path, overlays=overlays)


def render_spec(spec: SampleSpec, path: Path, *, overlays: bool = True) -> None:
    """Write any ad described as the samples are; see `render_sample`."""
    beside = path.with_name(f".{path.name}.making")
    try:
        _encode(frames_of(spec, overlays=overlays), _sound_of(spec), beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@cache
def sample_version(name: str) -> str:
    """What changes when the sample's description or the way of drawing changes, 16 hex digits.

    Raises:
        SourceMissing: There is no such sample.
    """
    code = hashlib.sha256(repr(spec_named(name)).encode())
    for room in sorted(Path(__file__).parent.glob("*.py")):
        code.update(room.read_bytes())
    return code.hexdigest()[:16]


def frames_of(spec: SampleSpec, *, overlays: bool = True) -> Iterator[Frame]:
    """Draw the frames in order; each is (1280, 720, 3) RGB and yours to keep."""
    layer = OverlayLayer(spec.overlays if overlays else (), SIZE)
    stills = {name: still_named(name) for name in dict.fromkeys(shot.still for shot in spec.shots)}
    for index in range(spec.frame_count):
        shot, matrix = spec.camera_at(index, STILL_SIZE)
        yield layer.lay(view(stills[shot.still], matrix, SIZE), float(index / FPS))


def _sound_of(spec: SampleSpec) -> Samples:
    clicks = sorted({overlay.start_s for overlay in spec.overlays if overlay.entrance in {"pop", "slide"}})
    return compose(spec.music, spec.duration_s, clicks, [float(cut / FPS) for cut in spec.cuts])


def _encode(frames: Iterator[Frame], sound: Samples, path: Path) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as output:
        video = _video_stream(output)
        audio = output.add_stream("aac", rate=RATE, layout="stereo", bit_rate=160_000)
        heard = 0
        for index, frame in enumerate(frames):
            picture = av_frame_of(yuv_of(frame))
            picture.pts, picture.time_base = index, 1 / FPS
            output.mux(video.encode(picture))
            until = round((index + 1) * RATE / FPS)
            while heard < min(until, sound.shape[1]):
                block = sound[:, heard : heard + _AUDIO_BLOCK]
                output.mux(audio.encode(_audio_frame(block, heard)))
                heard += block.shape[1]
        output.mux(video.encode(None))
        output.mux(audio.encode(None))


def _video_stream(output: av.container.OutputContainer) -> av.VideoStream:
    stream = output.add_stream("libx264", rate=FPS)
    stream.height, stream.width = SIZE
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = 1 / FPS
    context.thread_count = _THREADS
    context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
    context.color_range = 1  # limited
    # Without mbtree: its AVX-512 code reads memory nobody wrote, and gives other bytes at each run and processor.
    context.options = {"preset": "veryfast", "crf": "20", "profile": "high", "x264-params": "mbtree=0"}
    return stream


def _audio_frame(block: Samples, start: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(block, np.float32), format="fltp", layout="stereo"
    )
    frame.sample_rate = RATE
    frame.pts, frame.time_base = start, Fraction(1, RATE)
    return frame
