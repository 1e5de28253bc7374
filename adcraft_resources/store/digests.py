"""Digests: what makes two bundles, or two files, the same.

Belongs here: hashing values and files. Does not: where they lie.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20
DIGEST_CHARS = 24  # 96 bits: no collision among any number of bundles a team will ever make


def digest_of(value: Any) -> str:
    """Return the digest of a JSON-able value; equal values give equal digests on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARS]


def sha256_of(path: Path) -> str:
    """Return the hex sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()
