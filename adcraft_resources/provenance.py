"""Where a picture comes from, said in the file itself: IPTC's digital source type, as XMP in mp4 and jpg.

Belongs here: the value by what really ran, writing it without touching what is coded, reading it back, the disclosure
kept in a variant's manifest. Does not: rendering, or signing (a signature goes on last, over these bytes).
"""

from __future__ import annotations

import re
import struct
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from adcraft_resources.errors import VideoUnreadable

VERSION: Final = "2"
VOCABULARY: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
FILTERED: Final = VOCABULARY + "algorithmicallyEnhanced"
GENERATED: Final = VOCABULARY + "compositeWithTrainedAlgorithmicMedia"
EMBEDDED: Final = "Embedded"
"""Roles whose name starts so paint with formulas alone; any other counts as a generative model."""
XMP_BOX: Final = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
HEADER, LARGE_HEADER = 8, 16
JPEG_MARK: Final = b"http://ns.adobe.com/xap/1.0/\x00"
_JPEG_START: Final = b"\xff\xd8"
_VALUE: Final = re.compile(rb'Iptc4xmpExt:DigitalSourceType="([^"]*)"')


def disclose(
    backends: Mapping[str, str],
    copy_by: str,
    prompts: Mapping[str, str],
    models: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the `ai_disclosure` of a variant.

    Args:
        backends: Class that ran, by what it did to the pictures ("removal", "style").
        copy_by: Who wrote the words: "template" or a model's name.
        prompts: Digest of each prompt or style, by use.
        models: Use, name and licence of each generative model that ran.
    """
    generative = generative_uses(backends)
    return {
        "digital_source_type": GENERATED if generative else FILTERED,
        "generative_steps": generative,
        "backends": dict(backends),
        "copy_by": copy_by,
        "copy_generated": copy_by != "template",
        "prompt_digests": dict(prompts),
        "models": [dict(one) for one in models],
        "version": VERSION,
    }


def generative_uses(backends: Mapping[str, str]) -> list[str]:
    """Return the uses whose backend is a generative model."""
    return sorted(use for use, name in backends.items() if not name.startswith(EMBEDDED))


def stamp(video: Path, poster: Path, disclosure: Mapping[str, Any]) -> dict[str, str | None]:
    """Write the source type into both files and return what reading them back finds, beside what was meant."""
    packet = _packet(str(disclosure["digital_source_type"]))
    stamp_mp4(video, packet)
    stamp_jpeg(poster, packet)
    return {
        "meant": str(disclosure["digital_source_type"]),
        "video": source_type_of_mp4(video),
        "poster": source_type_of_jpeg(poster),
    }


def stamp_mp4(path: Path, packet: bytes) -> None:
    """Append the packet as a box behind all others: no offset moves, so nothing coded is touched.

    Raises:
        VideoUnreadable: The file has such a box already, or its last box runs to the end whatever follows.
    """
    boxes = list(_boxes(path))
    if any(name == b"uuid" and usertype == XMP_BOX for name, usertype, _, _ in boxes):
        raise VideoUnreadable(f"{path} carries XMP already.", remedy="Render it again.")
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 24 + len(packet), b"uuid") + XMP_BOX + packet)


def stamp_jpeg(path: Path, packet: bytes) -> None:
    """Insert the packet as the first application segment but JFIF's; the coded picture stays as it is."""
    data = path.read_bytes()
    if data[:2] != _JPEG_START:
        raise VideoUnreadable(f"{path} is no JPEG.", remedy="Render the variant again.")
    at = 2
    if data[2:4] == b"\xff\xe0":
        at = 4 + int.from_bytes(data[4:6], "big")
    body = JPEG_MARK + packet
    path.write_bytes(data[:at] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[at:])


def source_type_of_mp4(path: Path) -> str | None:
    """Return the digital source type an mp4 carries, or None."""
    with path.open("rb") as file:
        for name, usertype, start, size in _boxes(path):
            if name == b"uuid" and usertype == XMP_BOX:
                file.seek(start + 24)
                return _value(file.read(size - 24))
    return None


def source_type_of_jpeg(path: Path) -> str | None:
    """Return the digital source type a jpg carries, or None."""
    data = path.read_bytes()
    at = data.find(JPEG_MARK)
    return None if at < 0 else _value(data[at : at + 65535])


def provenance_fault(figures: Mapping[str, Any]) -> str:
    """Return what is wrong with the read-back of a variant's files, or nothing."""
    found = figures.get("provenance")
    if found is None:
        return ""
    wrong = [name for name in ("video", "poster") if found[name] != found["meant"]]
    return f"{' and '.join(wrong)} do not say {found['meant']}" if wrong else ""


def _packet(source_type: str) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="adcraft"'
        f' Iptc4xmpExt:DigitalSourceType="{source_type}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _value(packet: bytes) -> str | None:
    found = _VALUE.search(packet)
    return None if found is None else found[1].decode("utf-8", "replace")


def _boxes(path: Path) -> list[tuple[bytes, bytes, int, int]]:
    """Return name, user type, start and size of the outermost boxes of an mp4."""
    end, at, boxes = path.stat().st_size, 0, []
    with path.open("rb") as file:
        while at + HEADER <= end:
            file.seek(at)
            head = file.read(24)
            size, name = struct.unpack(">I4s", head[:8])
            if size == 1 and len(head) >= LARGE_HEADER:
                size = int.from_bytes(head[8:16], "big")
            if size < HEADER or at + size > end:
                raise VideoUnreadable(
                    f"{path} has a box {name!r} that does not end.", remedy="Render it again."
                )
            boxes.append((name, head[8:24], at, size))
            at += size
    return boxes
