from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from adcraft_resources.errors import VideoUnreadable
from adcraft_resources.provenance import (
    FILTERED,
    GENERATED,
    disclose,
    provenance_fault,
    source_type_of_jpeg,
    source_type_of_mp4,
    stamp,
)
from adcraft_resources.video_codecs import DeliveryWriter, yuv_of
from adcraft_resources.video_codecs.boxes import read_movie

NAME = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
WORDS = ("template", {"style": "ab12"})


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    rng = np.random.default_rng(0)
    with DeliveryWriter(folder / "video.mp4", width=64, height=96, fps=10, audio_source=None) as writer:
        for _ in range(6):
            writer.write(yuv_of(rng.integers(0, 255, (96, 64, 3), np.uint8)))
    cv2.imwrite(str(folder / "poster.jpg"), rng.integers(0, 255, (96, 64, 3), np.uint8))
    return folder


@pytest.fixture
def files(rendered, tmp_path) -> tuple[Path, Path]:
    for name in ("video.mp4", "poster.jpg"):
        shutil.copy(rendered / name, tmp_path / name)
    return tmp_path / "video.mp4", tmp_path / "poster.jpg"


def frames_of(path: Path) -> str:
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    return hashlib.sha256(b"".join(packets)).hexdigest()


def told_by(xmp: str | bytes) -> str:
    """What an XML parser of its own reads in the packet."""
    (node,) = [one for one in ET.fromstring(xmp).iter() if NAME in one.attrib]
    return node.attrib[NAME]


@pytest.mark.parametrize(
    ("backends", "value"),
    [
        ({"removal": "EmbeddedInpainter", "style": "EmbeddedStylist"}, FILTERED),
        ({"removal": "EmbeddedInpainter", "style": "FluxStylist"}, GENERATED),
        ({"removal": "FluxInpainter", "style": "EmbeddedStylist"}, GENERATED),
        ({"removal": "EmbeddedInpainter", "style": "SomebodysStylist"}, GENERATED),
    ],
)
def test_the_value_follows_from_what_ran_and_independent_readers_find_it(files, backends, value):
    video, poster = files
    said = stamp(video, poster, disclose(backends, *WORDS))
    assert said == {"meant": value, "video": value, "poster": value}
    with av.open(str(video), options={"export_xmp": "1"}) as container:
        assert told_by(container.metadata["xmp"]) == value
    with Image.open(poster) as picture:
        assert told_by(picture.info["xmp"]) == value


def test_what_is_coded_stays_and_the_index_stays_in_front(files):
    video, poster = files
    before, pixels, start = frames_of(video), cv2.imread(str(poster)), video.read_bytes()
    stamp(video, poster, disclose({"style": "EmbeddedStylist"}, *WORDS))
    assert frames_of(video) == before
    assert video.read_bytes().startswith(start)
    assert (cv2.imread(str(poster)) == pixels).all()
    boxes = read_movie(video).top_level
    assert boxes.index("moov") < boxes.index("mdat")
    assert boxes[-1] == "uuid"


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_reads_it_too(files):
    stamp(*files, disclose({"style": "FluxStylist"}, *WORDS))
    for path in files:
        command = ["exiftool", "-s3", "-XMP-iptcExt:DigitalSourceType", str(path)]
        assert GENERATED in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_files_that_were_not_stamped_say_nothing_and_none_is_stamped_twice(files):
    video, poster = files
    assert source_type_of_mp4(video) is None
    assert source_type_of_jpeg(poster) is None
    stamp(video, poster, disclose({"style": "EmbeddedStylist"}, *WORDS))
    with pytest.raises(VideoUnreadable, match="carries XMP already"):
        stamp(video, poster, disclose({"style": "EmbeddedStylist"}, *WORDS))


def test_a_broken_file_is_refused(files):
    video, poster = files
    video.write_bytes(video.read_bytes()[:-5])
    with pytest.raises(VideoUnreadable, match="does not end"):
        stamp(video, poster, disclose({"style": "EmbeddedStylist"}, *WORDS))


def test_a_read_back_that_says_something_else_is_a_fault():
    assert provenance_fault({"provenance": {"meant": FILTERED, "video": FILTERED, "poster": FILTERED}}) == ""
    assert "video" in provenance_fault({"provenance": {"meant": FILTERED, "video": None, "poster": FILTERED}})


def test_the_disclosure_tells_who_painted_and_who_wrote():
    told = disclose({"removal": "FluxInpainter", "style": "EmbeddedStylist"}, "grok-4", {"style": "ab12"})
    assert told["generative_steps"] == ["removal"]
    assert told["copy_generated"]
    assert told["prompt_digests"] == {"style": "ab12"}
