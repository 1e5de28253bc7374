"""Which font draws which letters.

Belongs here: finding installed font files by script, reading which characters they have, splitting a text into
runs of one font. Does not: measuring or drawing (lines, treatments).

Fonts come from Python packages: the `fontpkg-noto-sans…` families, and the Noto pack of `manimgx-fonts`, which adds
the other Indian scripts, Thai, Khmer, Hebrew and emoji, drawn in the colour of the letters. All are under the SIL Open
Font License.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import fontpkg
import regex
from PIL import ImageFont

from adcraft_resources.errors import CopyRefused

_FAMILIES: Final = {
    "Latin": "noto-sans",
    "Cyrillic": "noto-sans",
    "Greek": "noto-sans",
    "Arabic": "noto-sans-arabic",
    "Devanagari": "noto-sans-devanagari",
    "Tamil": "noto-sans-tamil",
    "Telugu": "noto-sans-telugu",
    "Thai": "noto-sans-thai",
    "Khmer": "noto-sans-khmer",
}
_PACK: Final = "manimgx_fonts"
_PACK_FILES: Final = {"Emoji": "NotoEmoji", "Symbols": "NotoSansSymbols", "Oriya": "NotoSansOriya"}
_INVISIBLE: Final = frozenset({0x200C, 0x200D, 0xFE0E, 0xFE0F, 0x20, 0xA0})
SPOKEN: Final = regex.compile(r"[\p{L}\p{N}]")  # what a text loses its meaning without
_CMAP_SEGMENTS: Final = 4  # subtable format of the basic plane
_CMAP_GROUPS: Final = 12  # subtable format of all planes


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring letters that one font file draws."""

    text: str
    font: Path


@cache
def font_file(script: str) -> Path | None:
    """Return the file that draws `script` (a Unicode script name, "Emoji" or "Symbols"), or None."""
    slug = _FAMILIES.get(script)
    if slug in fontpkg.families():
        return fontpkg.path(slug, weight=700, nearest=True)
    spec = find_spec(_PACK)
    if spec is None or not spec.submodule_search_locations:
        return None
    name = _PACK_FILES.get(script, f"NotoSans{script}")
    found = Path(spec.submodule_search_locations[0]) / f"{name}[wght].ttf"
    return found if found.is_file() else None


@lru_cache(maxsize=256)
def load_font(font: Path, size: float, weight: int, width: int) -> ImageFont.FreeTypeFont:
    """Return `font` at `size` px per em; `weight` 100–900 and `width` 62–100 % where it has those axes."""
    loaded = ImageFont.truetype(str(font), size, layout_engine=ImageFont.Layout.RAQM)
    wanted = {b"Weight": weight, b"Width": width}
    axes = loaded.get_variation_axes()
    loaded.set_variation_by_axes([wanted.get(axis.get("name") or b"", axis["default"] or 0) for axis in axes])
    return loaded


@cache
def characters_of(font: Path) -> frozenset[int]:
    """Return the code points `font` has glyphs for, read from its `cmap` table (formats 4 and 12)."""
    data = font.read_bytes()
    tables = {
        data[at : at + 4]: struct.unpack(">I", data[at + 8 : at + 12])[0]
        for at in range(12, 12 + 16 * struct.unpack(">H", data[4:6])[0], 16)
    }
    start = tables[b"cmap"]
    found: set[int] = set()
    for entry in range(struct.unpack(">H", data[start + 2 : start + 4])[0]):
        at = start + 4 + 8 * entry
        found.update(_characters_at(data, start + struct.unpack(">I", data[at + 4 : at + 8])[0]))
    return frozenset(found)


def _characters_at(data: bytes, at: int) -> set[int]:
    """The code points of one `cmap` subtable; empty for the formats that are not read."""
    form = struct.unpack(">H", data[at : at + 2])[0]
    if form == _CMAP_GROUPS:
        groups = struct.unpack(">I", data[at + 12 : at + 16])[0]
        spans = [struct.unpack(">II", data[p : p + 8]) for p in range(at + 16, at + 16 + 12 * groups, 12)]
    elif form == _CMAP_SEGMENTS:
        half = struct.unpack(">H", data[at + 6 : at + 8])[0] // 2
        ends = struct.unpack(f">{half}H", data[at + 14 : at + 14 + 2 * half])
        starts = struct.unpack(f">{half}H", data[at + 16 + 2 * half : at + 16 + 4 * half])
        spans = list(zip(starts, ends, strict=True))
    else:
        return set()
    return {point for first, last in spans for point in range(first, last + 1)}


def main_script(text: str) -> str:
    """Return the script most letters of `text` are in, Latin only where no other is: all fonts have Latin."""
    counts: dict[str, int] = {}
    for letter in regex.findall(r"\p{L}", text):
        script = _script_of(letter)
        counts[script] = counts.get(script, 0) + (script != "Latin")
    return max(counts, key=lambda script: counts[script]) if any(counts.values()) else "Latin"


@lru_cache(maxsize=4096)
def _script_of(letter: str) -> str:
    for script in (*_FAMILIES, *_PACK_SCRIPTS):
        if regex.match(rf"\p{{Script={script}}}", letter):
            return script
    return "unknown"


_PACK_SCRIPTS: Final = (
    *("Bengali", "Gujarati", "Gurmukhi", "Kannada", "Malayalam", "Oriya", "Sinhala", "Hebrew"),
    *("Armenian", "Georgian", "Lao", "Myanmar", "Ethiopic"),
)


def drawable(text: str) -> tuple[str, list[str]]:
    """Return `text` as it can be drawn: single spaces, no control characters, no sign without a glyph.

    Returns:
        The text, and the emoji and signs left out for want of a glyph.

    Raises:
        CopyRefused: A letter or digit has no installed font, or nothing is left to draw.
    """
    main = font_file(main_script(text))
    kept, dropped = "", []
    for cluster in regex.findall(r"\X", regex.sub(r"[\p{Cc}\p{Zs}\p{Bidi_C}]+", " ", text)):
        if cluster == " " or _font_for(cluster, main):
            kept += cluster
        elif SPOKEN.search(cluster):
            _refuse(cluster, text)
        else:
            dropped.append(cluster)
    kept = " ".join(kept.split(" ")).strip()
    if not kept:
        raise CopyRefused(f"The hook {text!r} has nothing to draw.", remedy="Give it words.")
    return regex.sub(" +", " ", kept), dropped


def split_runs(text: str) -> list[Run]:
    """Split `text`, as `drawable` made it, into runs of one font each, in logical order.

    The font of the text's main script draws all it can, so that words are not torn apart; a price stays whole.
    """
    main = font_file(main_script(text))
    runs: list[Run] = []
    for piece in regex.findall(r"\p{Sc}\p{N}[\p{N}.,]*|\X", text):
        font = main if piece.isspace() else _font_for(piece, main)  # the emoji font's space is an em wide
        if runs and (font is None or runs[-1].font == font):
            runs[-1] = Run(runs[-1].text + piece, runs[-1].font)
        elif font is not None:
            runs.append(Run(piece, font))
    return runs


def _font_for(cluster: str, main: Path | None) -> Path | None:
    """The first font that has every visible character of `cluster`; emoji ask the emoji font first."""
    own = font_file(_script_of(cluster[0]))
    fonts = [main, own, font_file("Latin"), font_file("Symbols"), font_file("Emoji")]
    if "\ufe0f" in cluster or regex.match(r"\p{Emoji_Presentation}", cluster):
        fonts.reverse()
    points = {ord(c) for c in cluster} - _INVISIBLE
    return next((font for font in fonts if font and points <= characters_of(font)), None)


def _refuse(cluster: str, text: str) -> None:
    script = _script_of(cluster[0])
    raise CopyRefused(
        f"No installed font draws {cluster!r} ({script} script) of the hook {text!r}.",
        remedy="Install a Noto Sans package of that script (manimgx-fonts has many), or choose another language.",
    )
