"""The gallery: one page per ad that shows its variants to a person, and one index over all ads.

Belongs here: writing the pages. Does not: their records (model), how they look (page, index,
pages/), or the files they link to.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

from adcraft_resources.gallery.index import render_index
from adcraft_resources.gallery.model import GalleryModel, IndexEntry
from adcraft_resources.gallery.page import render_gallery


def write_gallery(folder: Path, model: GalleryModel) -> Path:
    """Write `folder`/index.html for one ad and return its path; the page works from disk and asks nothing of a network.

    Raises:
        ValueError: A path of the model is absolute or has a scheme.
    """
    return _write(folder / "index.html", render_gallery(model))


def write_index(folder: Path, entries: Sequence[IndexEntry], *, made_at: str = "") -> Path:
    """Write `folder`/index.html over all ads and return its path.

    Raises:
        ValueError: A path of an entry is absolute or has a scheme.
    """
    return _write(folder / "index.html", render_index(entries, made_at=made_at))


def _write(path: Path, html: str) -> Path:
    """Replace `path` whole, so that a reader never sees half a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}~")
    beside.write_text(html, encoding="utf-8")
    beside.replace(path)
    return path
