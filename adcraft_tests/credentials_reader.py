"""A reader of Content Credentials that shares nothing with the library that signs: boxes, CBOR, COSE and hashes by hand.

Belongs here: reading the active manifest of an mp4 or jpg and checking its signature, its assertions' hashes and the
file's own hash, after the C2PA specification 2.x. Does not: chains of trust and time stamps.
"""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
X5CHAIN, ALGORITHM, ES256 = 33, 1, -7


class BrokenSealError(Exception):
    """What does not hold."""


@dataclass
class Credentials:
    claim: dict
    assertions: dict
    signer: str
    manifests: int


def read_independently(path: Path) -> Credentials:
    """Return what a file's active manifest says; BrokenSealError where a signature or a hash does not hold."""
    data = path.read_bytes()
    store = _of_jpeg(data) if data[:2] == b"\xff\xd8" else _of_mp4(data)
    (root,) = _superboxes(store)
    manifests = _superboxes(root["content"])
    active = manifests[-1]
    parts = {one["label"]: one for one in _superboxes(active["content"])}
    name = "c2pa.claim.v2" if "c2pa.claim.v2" in parts else "c2pa.claim"
    claim_bytes = _payload(parts[name], b"cbor")
    claim = decode(claim_bytes)
    signer = _check_signature(decode(_payload(parts["c2pa.signature"], b"cbor")), claim_bytes)
    boxes = {one["label"]: one for one in _superboxes(parts["c2pa.assertions"]["content"])}
    for reference in [
        *claim.get("assertions", ()),
        *claim.get("created_assertions", ()),
        *claim.get("gathered_assertions", ()),
    ]:
        label = reference["url"].rsplit("/", 1)[-1]
        if hashlib.sha256(boxes[label]["content_with_description"]).digest() != reference["hash"]:
            raise BrokenSealError(f"the assertion {label} is not what was signed")
    told = {label: decode(_payload(box, b"cbor")) for label, box in boxes.items() if _has(box, b"cbor")}
    bound = [label for label in told if label.startswith(("c2pa.hash.data", "c2pa.hash.bmff"))]
    if len(bound) != 1:
        raise BrokenSealError("nothing binds the manifest to the file")
    hashed = _bmff_hash(data, told[bound[0]]) if "bmff" in bound[0] else _data_hash(data, told[bound[0]])
    if hashed != told[bound[0]]["hash"]:
        raise BrokenSealError("the file is not the one that was signed")
    return Credentials(claim, told, signer, len(manifests))


def _boxes(data: bytes, start: int = 0):
    """Yield (type, start, header length, end) of the boxes in a span."""
    at = start
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1:
            (size,), header = struct.unpack_from(">Q", data, at + 8), 16
        end = len(data) if size == 0 else at + size
        yield kind, at, header, end
        at = end


def _of_mp4(data: bytes) -> bytes:
    for kind, at, header, end in _boxes(data):
        if kind == b"uuid" and data[at + header : at + header + 16] == C2PA_UUID:
            body = data[at + header + 20 : end]
            purpose, rest = body.split(b"\0", 1)
            if purpose == b"manifest":
                return rest[8:]
    raise BrokenSealError("there is no manifest")


def _of_jpeg(data: bytes) -> bytes:
    """Join the APP11 segments of one JUMBF box: each repeats its first eight bytes."""
    at, found = 2, b""
    while data[at] == 0xFF and data[at + 1] not in (0xDA, 0xD9):
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if data[at + 1] == 0xEB and body[:2] == b"JP":
            found += body[8:] if not found else body[16:]
        at += 2 + length
    if not found:
        raise BrokenSealError("there is no manifest")
    return found


def _superboxes(data: bytes) -> list[dict]:
    found = []
    for kind, at, header, end in _boxes(data):
        if kind != b"jumb":
            continue
        inner = data[at + header : end]
        (_, d_at, d_header, d_end), *_ = _boxes(inner)
        description = inner[d_at + d_header : d_end]
        label = description[17:].split(b"\0", 1)[0].decode()
        found.append({"label": label, "content": inner[d_end:], "content_with_description": inner})
    return found


def _has(box: dict, wanted: bytes) -> bool:
    return any(kind == wanted for kind, *_ in _boxes(box["content"]))


def _payload(box: dict, wanted: bytes) -> bytes:
    return next(
        box["content"][at + header : end]
        for kind, at, header, end in _boxes(box["content"])
        if kind == wanted
    )


def _check_signature(sign1: list, claim: bytes) -> str:
    protected, unprotected, payload, signature = sign1
    head = decode(protected)
    chain = head.get(X5CHAIN, unprotected.get(X5CHAIN))
    certificate = x509.load_der_x509_certificate(chain[0] if isinstance(chain, list) else chain)
    if head[ALGORITHM] != ES256 or payload is not None:
        raise BrokenSealError("only a detached ES256 signature is known here")
    signed = b"\x84" + encode("Signature1") + encode(protected) + encode(b"") + encode(claim)
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:64]))
    certificate.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    return certificate.subject.rfc4514_string()


def _data_hash(data: bytes, told: dict) -> bytes:
    kept, at = b"", 0
    for one in sorted(told.get("exclusions", ()), key=lambda one: one["start"]):
        kept += data[at : one["start"]]
        at = one["start"] + one["length"]
    return hashlib.sha256(kept + data[at:]).digest()


def _bmff_hash(data: bytes, told: dict) -> bytes:
    """Hash of the boxes that are not left out, each after its place in the file (from the assertion's version 2 on)."""
    digest = hashlib.sha256()
    for kind, at, _, end in _boxes(data):
        if any(_leaves_out(one, kind, data[at:end]) for one in told["exclusions"]):
            continue
        digest.update(struct.pack(">Q", at))
        digest.update(data[at:end])
    return digest.digest()


def _leaves_out(rule: dict, kind: bytes, box: bytes) -> bool:
    if rule["xpath"] != f"/{kind.decode('latin-1')}":
        return False
    return all(
        box[one["offset"] : one["offset"] + len(one["value"])] == one["value"]
        for one in rule.get("data") or ()
    )


def encode(value: str | bytes) -> bytes:
    """A text or byte string in CBOR."""
    body, major = (value.encode(), 3) if isinstance(value, str) else (value, 2)
    size = len(body)
    if size < 24:
        return bytes([major << 5 | size]) + body
    for code, form, most in ((24, ">B", 1 << 8), (25, ">H", 1 << 16), (26, ">I", 1 << 32)):
        if size < most:
            return bytes([major << 5 | code]) + struct.pack(form, size) + body
    raise ValueError(size)


def decode(data: bytes):
    """The value of a CBOR item (RFC 8949)."""
    value, _ = _item(data, 0)
    return value


def _item(data: bytes, at: int):  # noqa: PLR0911  # one return for each major type
    major, short = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7 and short in (20, 21, 22, 23):
        return {20: False, 21: True}.get(short), at
    if major == 7:
        form, size = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}[short]
        return struct.unpack_from(form, data, at)[0], at + size
    number, at = _number(data, at, short)
    if major in (2, 3):
        if number is None:
            parts, at = _many(data, at, None, 1)
            return b"".join(parts) if major == 2 else "".join(parts), at
        raw = data[at : at + number]
        return raw if major == 2 else raw.decode(), at + number
    if major == 4:
        return _many(data, at, number, 1)
    if major == 5:
        flat, at = _many(data, at, number, 2)
        return dict(zip(flat[::2], flat[1::2], strict=True)), at
    if major == 6:
        return _item(data, at)
    return (number if major == 0 else -1 - number), at


def _number(data: bytes, at: int, short: int):
    if short < 24:
        return short, at
    if short == 31:
        return None, at
    form, size = {24: (">B", 1), 25: (">H", 2), 26: (">I", 4), 27: (">Q", 8)}[short]
    return struct.unpack_from(form, data, at)[0], at + size


def _many(data: bytes, at: int, count: int | None, each: int):
    found = []
    while count is None or len(found) < count * each:
        if count is None and data[at] == 0xFF:
            return found, at + 1
        value, at = _item(data, at)
        found.append(value)
    return found, at
