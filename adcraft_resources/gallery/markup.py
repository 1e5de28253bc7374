"""Building HTML that cannot be broken out of: every text is escaped, every link relative.

Belongs here: tags, attributes, links, and the frame all pages share. Does not: what a page shows.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from typing import Final
from urllib.parse import quote

_VOID: Final = frozenset({"img", "input", "br", "meta", "link", "source", "hr"})
_SCHEME: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")


class Html(str):
    """Text that is markup already; anything else is escaped when it is put into a tag."""

    __slots__ = ()


Part = str | Html | None | Iterable["str | Html | None"]


def tag(name: str, /, *parts: Part, **attributes: str | float | bool | None) -> Html:
    """An element; `cls` is the class, underscores in names become dashes, None and False leave an attribute out."""
    written = "".join(
        f" {_attribute_name(key)}"
        if value is True
        else f' {_attribute_name(key)}="{html.escape(str(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*parts)}</{name}>")


def join(*parts: Part) -> Html:
    """Parts in a row, each escaped unless it is markup."""
    out: list[str] = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Html):
            out.append(part)
        elif isinstance(part, str):
            out.append(html.escape(part, quote=True))
        else:
            out.append(join(*part))
    return Html("".join(out))


def link_to(path: str) -> str:
    """A relative path as a URL, percent-encoded.

    Raises:
        ValueError: The path is empty, absolute or has a scheme.
    """
    slashed = path.replace("\\", "/")
    if not slashed or slashed.startswith("/") or _SCHEME.match(slashed):
        raise ValueError(f"a page links by relative paths only, not {path!r}")
    return quote(slashed, safe="/-._~")


def page(title: str, body: Html) -> str:
    """A whole document with the shared style and script inside, closed to everything on a network."""
    style, script = _read("gallery.css"), _read("gallery.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src 'self' file: data:; media-src 'self' file:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        Html(f"<style>{style}</style>"),
    )
    scripts = Html(f"<script>{script}</script>")
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}{scripts}</body></html>\n'


def _attribute_name(key: str) -> str:
    return {"cls": "class", "for_": "for"}.get(key, key.replace("_", "-"))


@lru_cache(maxsize=4)
def _read(name: str) -> str:
    return resources.files("adcraft_resources").joinpath("pages", name).read_text(encoding="utf-8")
