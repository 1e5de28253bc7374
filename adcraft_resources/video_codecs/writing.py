"""What both writers share: a thread that encodes, errors that reach the caller, a file that is whole or absent.

Belongs here: the life of an encode. Does not: codec settings (`mezzanine`, `delivery`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

import av
import av.error
import cv2
from av.container import OutputContainer

from adcraft_resources.errors import VideoUnwritable
from adcraft_resources.video_codecs.background import Consumer
from adcraft_resources.video_codecs.unfinished import UnfinishedFile

ENCODER_THREADS = 2  # fixed, since x264's bytes depend on the number of threads
_AVX_512 = 13  # as OpenCV counts processors' features
STEADY_CODE: Final = ":asm=avx2" if cv2.checkHardwareSupport(_AVX_512) else ""
"""Ending of x264's parameters: its AVX-512 code reads memory nobody wrote, and gives other bytes now and then."""
Queued = TypeVar("Queued")


class ThreadedWriter(ABC, Generic[Queued]):
    """A context manager that encodes what is queued in a thread of its own.

    The file appears at `path` when the context ends without error, and not at all otherwise. Errors of the
    encoder are raised by a later call or on leaving the context.
    """

    path: Path
    _file: UnfinishedFile
    _worker: Consumer[Queued]

    @abstractmethod
    def _open(self, output: OutputContainer) -> None:
        """Add the streams to the container."""

    @abstractmethod
    def _encode(self, item: Queued) -> None:
        """Encode and mux one item; runs in the thread."""

    @abstractmethod
    def _flush(self) -> None:
        """Encode and mux the rest; runs after the thread has ended."""

    @abstractmethod
    def _close(self) -> None:
        """Close what `_open` opened; also called when that failed half-way."""

    def __enter__(self) -> Self:
        self._file = UnfinishedFile(self.path, {"movflags": "+faststart"})
        try:
            self._open(self._file.container)
        except BaseException:
            self._close()
            self._file.discard()
            raise
        self._worker = Consumer(self._encode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._worker.finish()
                self._flush()
                self._file.publish()
        except (av.error.FFmpegError, OSError) as failure:
            raise unwritable(self.path, failure) from failure
        finally:
            self._worker.abandon()
            self._close()
            self._file.discard()
            # The worker knows this writer: left together they would hold the encoder's pictures (175 MB at
            # 1080x1920) until some later garbage collection.
            del self._worker

    def _queue(self, item: Queued) -> None:
        try:
            self._worker.put(item)
        except (av.error.FFmpegError, OSError) as error:
            raise unwritable(self.path, error) from error


def unwritable(path: Path, error: BaseException) -> VideoUnwritable:
    """Name the file and the cause of a failed write."""
    return VideoUnwritable(
        f"{path} could not be written ({error}).",
        remedy="Check free disk space and the folder's permissions.",
    )
