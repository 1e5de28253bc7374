"""adcraft's definitions with x264 pinned, for comparing bytes: loaded by pods and by the test alike.

On processors with AVX-512 the x264 of PyAV's wheel codes the same pictures differently from run to run while mbtree is on
(seen: three files of six; one of six without mbtree). Belongs here: that pin. Does not: anything else.
"""

import dagster as dg

from adcraft_assets.definitions import build_defs, config_path
from adcraft_resources.video_codecs.delivery import DeliveryWriter
from adcraft_resources.video_codecs.fitting import Choice

PIN = ":mbtree=0"


def _pinned(options):
    return {**options, "x264-params": options["x264-params"] + PIN}


class _Pin:
    """Takes the place of the two rooms' options, once a process."""

    add_video, options = DeliveryWriter._add_video, Choice.options

    @classmethod
    def set(cls):
        def add_video(writer, output):
            stream = cls.add_video(writer, output)
            stream.codec_context.options = _pinned(stream.codec_context.options)
            return stream

        DeliveryWriter._add_video = add_video
        Choice.options = property(lambda choice: _pinned(cls.options.fget(choice)))


_Pin.set()


@dg.definitions
def defs() -> dg.Definitions:
    """Adcraft's own."""
    return build_defs(config_path())
