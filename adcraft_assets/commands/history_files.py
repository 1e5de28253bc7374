"""Dagster's SQLite files kept open while a command works in them.

Dagster opens and closes a connection for every event, and who closes the last one has SQLite copy its write-ahead
log into the file and wait for the disk: some 900 times in a run of three ads. Belongs here: one idle connection for
each file, and writes that wait for the disk at checkpoints only: a power cut may lose a run's last events, never the
file (sqlite.org/pragma.html#pragma_synchronous), and what a run made is in the store. Does not: PostgreSQL.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Engine

_KEPT: Final = 16  # files: Dagster's own few, and those of the latest runs


class _Kept:
    """Idle connections by file, the latest used last."""

    def __init__(self) -> None:
        self._idle: dict[str, sqlite3.Connection] = {}
        self._guard = threading.Lock()

    def on_connect(self, connection: Any, _record: object) -> None:
        """Take note of a connection Dagster opened."""
        if not isinstance(connection, sqlite3.Connection):
            return
        connection.execute("PRAGMA synchronous = NORMAL")
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        with self._guard:
            if path:
                idle = self._idle.pop(path, None) or sqlite3.connect(path, check_same_thread=False)
                self._idle[path] = idle
                # Reading opens the log, too; a new file has one only after its first use. Busy: the next time will do.
                with suppress(sqlite3.OperationalError):
                    idle.execute("SELECT count(*) FROM sqlite_master").fetchone()
            while len(self._idle) > _KEPT:
                self._idle.pop(next(iter(self._idle))).close()

    def close(self) -> None:
        """Let SQLite tidy up."""
        with self._guard:
            while self._idle:
                self._idle.popitem()[1].close()


@contextmanager
def kept_open() -> Iterator[None]:
    """Keep every SQLite file that is opened through SQLAlchemy in the block open until its end."""
    kept = _Kept()
    event.listen(Engine, "connect", kept.on_connect)
    try:
        yield
    finally:
        event.remove(Engine, "connect", kept.on_connect)
        kept.close()
