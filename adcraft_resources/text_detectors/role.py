"""The role: whoever finds overlay text in pictures and follows it through clips.

Belongs here: the abstract base. Does not: implementations (`embedded`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import dagster as dg

from adcraft_resources.algorithms.values import Frame, Shot, TextTracks
from adcraft_resources.text_detectors.findings import Region, TextFinding


class TextDetector(dg.ConfigurableResource, ABC):
    """Finds text."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Changes whenever the same input may give another answer."""

    @abstractmethod
    def find_text(self, frame: Frame, *, read: bool = True) -> list[TextFinding]:
        """Return the lines of text in one picture, top to bottom; without `read` they are only found."""

    @abstractmethod
    def track_text(
        self,
        source: Path,
        shots: Sequence[Shot],
        *,
        protected: Sequence[str] = (),
        include: Sequence[Region] = (),
        exclude: Sequence[Region] = (),
        on_frame: Callable[[int], None] | None = None,
    ) -> TextTracks:
        """Follow every text of a clip and say which pixels of which frames an edit added.

        Args:
            source: A readable video.
            shots: Its shots, in order, covering every frame.
            protected: Regular expressions; text that matches one stays.
            include: Regions that are removed whatever stands there.
            exclude: Regions where nothing is removed; stronger than `include`.
            on_frame: Called with each decoded frame's index, for progress.

        Raises:
            VideoUnreadable: As `VideoReader`.
        """

    def series(self) -> AbstractContextManager[None]:
        """Return the context to search many pictures in: what helps the next one may be kept."""
        return nullcontext()

    def describe(self, frames: Sequence[Frame]) -> list[str]:
        """Say in a sentence what each picture shows, for the copywriter; nothing where no model sees pictures."""
        return []
