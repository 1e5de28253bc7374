"""PP-OCR on onnxruntime: finding and reading lines of text in one picture.

Belongs here: the two networks of the `rapidocr` wheel (PP-OCRv6 small) and their decoding. They are run directly,
one thread each, so that the picture size is ours to choose: rapidocr's own pipeline enlarges small pictures.
Does not: time, masks, decisions about what is overlay.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adcraft_resources.algorithms.text_boxes import (
    FoundQuad,
    cut_upright,
    fit_size,
    network_input,
    quads_of_probability,
)
from adcraft_resources.algorithms.values import Frame, Quad
from adcraft_resources.errors import ModelUnavailable

DETECTION_FILE = "PP-OCRv6_det_small.onnx"
RECOGNITION_FILE = "PP-OCRv6_rec_small.onnx"
_LEAST_SIDE = 32  # pixels: what the detector's strides ask for
_LOADING = threading.Lock()  # of the module: resources with networks are copied, which a lock in them forbids


def bundled_model(name: str) -> Path:
    """Return the path of a network that ships inside the rapidocr wheel; nothing is ever downloaded."""
    spec = find_spec("rapidocr")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else None
    if folder is None or not (folder / name).is_file():
        raise ModelUnavailable(
            f"the text network {name} is not installed.", remedy="Install rapidocr 3.10 or newer."
        )
    return folder / name


def _session(name: str, *, arena: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # two threads cost 1.5 to 1.8 times the CPU time of one
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(bundled_model(name)), options, providers=["CPUExecutionProvider"])


def _giving_back() -> Any:
    """Options of a run after which the network keeps no working memory."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


class TextNetworks:
    """Detection and recognition sessions; each is loaded when first used."""

    def __init__(self) -> None:
        self._series = 0
        self._detector: Any = None
        self._reader: Any = None
        self._letters: list[str] = []

    def detect(self, frame: Frame, long_side: int, *, size: tuple[int, int] | None = None) -> list[FoundQuad]:
        """Return the text boxes of `frame`, searched at `long_side` pixels, in pixels of a picture of `size`."""
        probability = self._probability(network_input(frame, fit_size(frame.shape[:2], long_side)))
        return quads_of_probability(probability, size or frame.shape[:2])

    @contextlib.contextmanager
    def series(self) -> Iterator[None]:
        """Keep the detector's working memory (about 0.15 GB) between the pictures searched inside.

        Taking it anew for every picture costs a quarter of the time.
        """
        with _LOADING:
            self._series += 1
        try:
            yield
        finally:
            with _LOADING:
                self._series -= 1
                done = self._series == 0 and self._detector is not None
            if done:
                self._probability(np.zeros((1, 3, _LEAST_SIDE, _LEAST_SIDE), np.float32))

    def _probability(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with _LOADING:  # ads of a chunk are searched side by side, and both would load it
            if self._detector is None:
                self._detector = _session(DETECTION_FILE, arena=True)
        options = None if self._series else _giving_back()
        (probability,) = self._detector.run(None, {self._detector.get_inputs()[0].name: tensor}, options)
        return np.asarray(probability[0, 0], np.float32)

    def read(self, frame: Frame, quads: Sequence[Quad]) -> list[tuple[str, float]]:
        """Return (text, mean letter probability) of each quad of `frame`."""
        return [self._read_line(cut_upright(frame, quad)) for quad in quads]

    def _read_line(self, line: Frame) -> tuple[str, float]:
        with _LOADING:
            if self._reader is None:
                # Every line is of another length, and an arena keeps room for each it has seen.
                self._reader = _session(RECOGNITION_FILE, arena=False)
                names = self._reader.get_modelmeta().custom_metadata_map["character"].splitlines()
                self._letters = ["", *names, " "]
        tensor = network_input(line, line.shape[:2])
        (scores,) = self._reader.run(None, {self._reader.get_inputs()[0].name: tensor})
        return self._decode(scores[0])

    def _decode(self, scores: NDArray[np.float32]) -> tuple[str, float]:
        """Greedy CTC: repeats merged, blanks (class 0) dropped."""
        best = scores.argmax(axis=1)
        keep = best != 0
        keep[1:] &= best[1:] != best[:-1]
        if not keep.any():
            return "", 0.0
        text = "".join(self._letters[k] if k < len(self._letters) else "" for k in best[keep])
        return text.strip(), float(scores.max(axis=1)[keep].mean())
