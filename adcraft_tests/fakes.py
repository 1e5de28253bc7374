"""Real roles that fail for chosen ads, as a decoder or a disk might.

An ad is known by its pictures, not by its key: roles never see keys.
"""

from pathlib import Path
from typing import Any

from adcraft_resources.copywriters import EmbeddedCopywriter
from adcraft_resources.encoders import EmbeddedEncoder
from adcraft_resources.errors import CopyRefused, VideoUnreadable, VideoUnwritable
from adcraft_resources.inpainters import EmbeddedInpainter
from adcraft_resources.store import sha256_of
from adcraft_resources.stylists import EmbeddedStylist
from adcraft_resources.text_detectors import EmbeddedTextDetector


class FailingDetector(EmbeddedTextDetector):
    bad_sha256: str

    def track_text(self, source: Path, *arguments: Any, **named: Any) -> Any:
        if sha256_of(Path(source)) == self.bad_sha256:
            raise VideoUnreadable("this ad's text can't be followed.", remedy="Try another.")
        return super().track_text(source, *arguments, **named)


class FailingInpainter(EmbeddedInpainter):
    bad_sha256: str

    def clean(self, source: Path, *arguments: Any, **named: Any) -> Any:
        if sha256_of(Path(source)) == self.bad_sha256:
            raise VideoUnwritable("the disk is full.", remedy="Free some space.")
        return super().clean(source, *arguments, **named)


class FailingCopywriter(EmbeddedCopywriter):
    bad_seed: int

    def write(self, brief: Any, count: int) -> Any:
        if brief.seed == self.bad_seed:
            raise CopyRefused("nothing fit to say.", remedy="Change the brief.")
        return super().write(brief, count)


class FailingStylist(EmbeddedStylist):
    bad_frames: int

    def develop(self, style: Any, keys: Any, shots: Any, seed: int) -> Any:
        if shots[-1].last_frame + 1 == self.bad_frames:
            raise VideoUnwritable("the encoder gave up.", remedy="Try again.")
        return super().develop(style, keys, shots, seed)


class FailingEncoder(EmbeddedEncoder):
    bad_type: str

    def score(self, frames: Any, product_type: str) -> Any:
        if product_type == self.bad_type:
            raise VideoUnreadable("nothing to see.", remedy="Look again.")
        return super().score(frames, product_type)


class CountingStylist(EmbeddedStylist):
    """Counts the looks it develops, in a file, since Dagster copies resources."""

    journal: str

    def develop(self, style: Any, keys: Any, shots: Any, seed: int) -> Any:
        with Path(self.journal).open("a", encoding="utf-8") as file:
            file.write(f"{style.name}\n")
        return super().develop(style, keys, shots, seed)


for fake in (
    FailingDetector,
    FailingInpainter,
    FailingCopywriter,
    FailingStylist,
    FailingEncoder,
    CountingStylist,
):
    # Digests hold the class's name: a fake makes what its base makes, so it goes by that name.
    fake.__name__ = fake.__mro__[1].__name__
