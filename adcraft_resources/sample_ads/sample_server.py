"""Handing out sample ads over loopback HTTP, so that the demo's downloads are real ones.

Belongs here: a small file server with ranges and ETags for this machine alone. Does not: any other file.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from adcraft_resources.sample_ads.rendering import render_sample
from adcraft_resources.sample_ads.specs import SAMPLES

_RANGE = re.compile(r"bytes=(\d+)-(\d*)$")


@contextmanager
def serve_samples(folder: Path) -> Iterator[str]:
    """Serve `<base URL>/<name>.mp4` for every sample from `folder` on a free port of 127.0.0.1; yields the base URL.

    A sample that is not in the folder yet is drawn into it when it is first asked for.
    """
    with _SampleServer(folder) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="adcraft-samples", daemon=True
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _SampleServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that hangs does not keep the demo from ending

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _SampleHandler)
        self.folder = folder
        self._locks = {name: threading.Lock() for name in SAMPLES}
        self._etags: dict[tuple[str, int, int], str] = {}

    def file_of(self, url_path: str) -> Path | None:
        """The sample's file, drawn if need be; None for any other path."""
        name = url_path.partition("?")[0].removeprefix("/").removesuffix(".mp4")
        if url_path.partition("?")[0] != f"/{name}.mp4" or name not in SAMPLES:
            return None
        path = self.folder / f"{name}.mp4"
        with self._locks[name]:
            if not path.exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                render_sample(name, path)
        return path

    def etag_of(self, path: Path) -> str:
        """A strong ETag: the hash of the bytes, remembered while size and time stay."""
        facts = path.stat()
        key = (path.name, facts.st_size, facts.st_mtime_ns)
        if key not in self._etags:
            self._etags[key] = f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"'
        return self._etags[key]


class _SampleHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _SampleServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Stay silent: the downloader reports."""

    def _answer(self, *, with_body: bool) -> None:
        path = self.server.file_of(self.path)
        if path is None:
            self._head(HTTPStatus.NOT_FOUND, {"Content-Length": "0"})
            return
        etag, size = self.server.etag_of(path), path.stat().st_size
        if etag in self.headers.get("If-None-Match", ""):
            self._head(HTTPStatus.NOT_MODIFIED, {"ETag": etag})
            return
        first, last = self._wanted(etag, size)
        if first > last:
            self._head(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                {"Content-Range": f"bytes */{size}", "Content-Length": "0"},
            )
            return
        told = {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Content-Type": "video/mp4",
            "Content-Length": str(last + 1 - first),
        }
        whole = (first, last) == (0, size - 1)
        if not whole:
            told["Content-Range"] = f"bytes {first}-{last}/{size}"
        self._head(HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT, told)
        if with_body:
            self._send(path, first, last)

    def _wanted(self, etag: str, size: int) -> tuple[int, int]:
        """First and last byte asked for; the whole file where no usable range is asked."""
        match = _RANGE.match(self.headers.get("Range", ""))
        if match is None or self.headers.get("If-Range", etag) != etag:
            return 0, size - 1
        return int(match[1]), min(int(match[2] or size - 1), size - 1)

    def _head(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, path: Path, first: int, last: int) -> None:
        try:
            with path.open("rb") as file:
                file.seek(first)
                if last + 1 == path.stat().st_size:
                    shutil.copyfileobj(file, self.wfile)
                else:
                    self.wfile.write(file.read(last + 1 - first))
        except ConnectionError:
            self.close_connection = True
