"""Reading and writing video: the face of the rooms in this folder, all of them PyAV and numpy.

Belongs here: the public names. Does not: code.
"""

from adcraft_resources.video_codecs.coded_sound import CodedSound
from adcraft_resources.video_codecs.delivery import DeliveryWriter, Effort
from adcraft_resources.video_codecs.facts import VideoFacts, probe_video, shown_packets
from adcraft_resources.video_codecs.inspection import audio_offset_ms, inspect_delivery
from adcraft_resources.video_codecs.loudness import (
    Loudness,
    Mastering,
    master_sound,
    measure_loudness,
    sound_digest,
)
from adcraft_resources.video_codecs.mezzanine import MezzanineWriter, stream_copy
from adcraft_resources.video_codecs.pictures import TimedFrame, TimedPicture, rgb_of, small_rgb_of, yuv_of
from adcraft_resources.video_codecs.reading import VideoReader, frames_at, pictures_at, read_frames
from adcraft_resources.video_codecs.sound import DecodedSound, SplicedSound
from adcraft_resources.video_codecs.timing import (
    at_constant_rate,
    delivery_rate,
    resample_times,
    shown_at_constant_rate,
)

__all__ = [
    "CodedSound",
    "DecodedSound",
    "DeliveryWriter",
    "Effort",
    "Loudness",
    "Mastering",
    "MezzanineWriter",
    "SplicedSound",
    "TimedFrame",
    "TimedPicture",
    "VideoFacts",
    "VideoReader",
    "at_constant_rate",
    "audio_offset_ms",
    "delivery_rate",
    "frames_at",
    "inspect_delivery",
    "master_sound",
    "measure_loudness",
    "pictures_at",
    "probe_video",
    "read_frames",
    "resample_times",
    "rgb_of",
    "shown_at_constant_rate",
    "shown_packets",
    "small_rgb_of",
    "sound_digest",
    "stream_copy",
    "yuv_of",
]
