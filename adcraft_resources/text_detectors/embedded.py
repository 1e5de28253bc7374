"""The detector that needs no GPU and no download: PP-OCR in the rapidocr wheel and arithmetic on frames.

Belongs here: the resource. Does not: the pass over a clip (`tracking`).
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import Field, PrivateAttr

from adcraft_resources.algorithms.values import Frame, Shot, TextTracks
from adcraft_resources.text_detectors.findings import Region, TextFinding
from adcraft_resources.text_detectors.ocr import TextNetworks
from adcraft_resources.text_detectors.role import TextDetector
from adcraft_resources.text_detectors.tracking import Pace, search_clip


class EmbeddedTextDetector(TextDetector):
    """PP-OCRv6 small on one thread, sparse in time; lives and masks refined to the frame by arithmetic."""

    @property
    def version(self) -> str:
        """Of the method."""
        return "8"

    coarse_side: int = Field(default=576, ge=192, description="Long side in pixels of the frequent looks.")
    coarse_every_s: float = Field(default=0.5, gt=0, description="Seconds between two looks.")
    fine_side: int = Field(
        default=960, ge=192, description="Long side of the rare looks that find tiny legal lines."
    )
    fine_every_s: float = Field(default=2.0, gt=0, description="Seconds between two fine looks.")

    _networks: TextNetworks = PrivateAttr(default_factory=TextNetworks)

    def series(self) -> AbstractContextManager[None]:
        """Keep the network's working memory between the pictures searched inside."""
        return self._networks.series()

    def find_text(self, frame: Frame, *, read: bool = True) -> list[TextFinding]:
        """Return the lines of text in one picture, top to bottom; without `read` they are only found."""
        found = self._networks.detect(frame, self.fine_side)
        if not read:
            return [TextFinding(item.quad, "", item.score) for item in found]
        words = self._networks.read(frame, [item.quad for item in found])
        return [TextFinding(item.quad, *word) for item, word in zip(found, words, strict=True)]

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
        """Follow every text of a clip and say which pixels of which frames an edit added."""
        pace = Pace(self.coarse_side, self.coarse_every_s, self.fine_side, self.fine_every_s)
        with self.series():
            return search_clip(
                self._networks,
                pace,
                source,
                shots,
                protected=protected,
                include=include,
                exclude=exclude,
                on_frame=on_frame,
            )
