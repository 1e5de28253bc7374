"""Telling a person how far the work is: on a terminal, as plain lines in a pipe, or not at all.

Belongs here: how progress looks. Does not: what is done. It never writes to standard output, which is for results.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import dagster as dg

PLAIN_EVERY_S = 5.0  # a log file should not fill with progress
TERMINAL_EVERY_S = 0.15

OnFrame = Callable[[int], None]


class Progress(dg.ConfigurableResource):
    """Reports stages of partitions on standard error.

    Attributes:
        style: `terminal` redraws one line, `plain` writes a line now and then, `silent` writes nothing (Dagster's
            own log tells the story there).
    """

    style: Literal["terminal", "plain", "silent"] = "silent"

    @contextmanager
    def stage(self, key: str, stage: str, total: int | None = None) -> Iterator[OnFrame]:
        """Report one stage of one partition; the block calls what it is given with the count of frames done."""
        began = last = time.monotonic()
        every = TERMINAL_EVERY_S if self.style == "terminal" else PLAIN_EVERY_S

        def on_frame(done: int) -> None:
            nonlocal last
            now = time.monotonic()
            if self.style != "silent" and now - last >= every:
                last = now
                share = f" {min(done / total, 1):4.0%}" if total else f" {done} frames"
                self._say(f"  {key}  {stage:<16}{share}  {now - began:5.1f} s", ends=False)

        if self.style == "terminal":
            self._say(f"  {key}  {stage:<16} ...", ends=False)
        try:
            yield on_frame
        except BaseException:
            self._say(f"  {key}  {stage:<16} failed", ends=True)
            raise
        self._say(f"  {key}  {stage:<16} done  {time.monotonic() - began:5.1f} s", ends=True)

    def note(self, key: str, stage: str, words: str) -> None:
        """Report something in a line of its own."""
        self._say(f"  {key}  {stage:<16} {words}", ends=True)

    def _say(self, line: str, *, ends: bool) -> None:
        if self.style == "terminal":
            sys.stderr.write(f"\r\x1b[2K{line}" + ("\n" if ends else ""))
            sys.stderr.flush()
        elif self.style == "plain":
            sys.stderr.write(line + "\n")
