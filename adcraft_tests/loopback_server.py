"""A real HTTP server on loopback that serves, stalls, tears, lies and redirects as a test tells it to."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]
"""Writes one response; `handler.server.loopback` is the LoopbackServer."""


@dataclass(frozen=True)
class Seen:
    """One request as it came: its path with query, its headers, and the body of a POST."""

    path: str
    headers: Mapping[str, str]
    at_s: float
    body: bytes = b""


@dataclass
class LoopbackServer:
    """`routes` maps a path (without query) to its answer; `seen` holds the requests in order."""

    base: str
    routes: dict[str, Answer] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return self.base + path

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        loopback: LoopbackServer = self.server.loopback  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        loopback.seen.append(Seen(self.path, dict(self.headers.items()), time.monotonic(), body))
        answer = loopback.routes.get(self.path.partition("?")[0], status(404))
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *args: object) -> None:
        pass  # clients that hang up are part of the tests


@contextmanager
def loopback_server(
    *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[LoopbackServer]:
    with _Server((host, 0), _Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https" if tls else "http"
        loopback = LoopbackServer(f"{scheme}://{host}:{server.server_address[1]}")
        server.loopback = loopback  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield loopback
        finally:
            loopback.closing.set()
            server.shutdown()


def _send(handler: BaseHTTPRequestHandler, code: int, headers: Mapping[str, str], body: bytes = b"") -> None:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
    return lambda handler: _send(handler, code, {"Content-Length": str(len(body)), **(headers or {})}, body)


def redirect(to: str, code: int = 302) -> Answer:
    return status(code, {"Location": to})


def serve(
    body: bytes,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    ranges: bool = True,
    headers: Mapping[str, str] | None = None,
    stop_after: int | None = None,
    pause_s: float = 0.0,
    chunk: int = 1 << 16,
) -> Answer:
    """A well-behaved file server, or one that stops after `stop_after` bytes of a body or pauses between chunks."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers
        validators = {"ETag": etag, "Last-Modified": last_modified}
        sent = {name: value for name, value in validators.items() if value} | dict(headers or {})
        if etag and asked.get("If-None-Match") == etag:
            return _send(handler, 304, sent)
        if last_modified and asked.get("If-Modified-Since") == last_modified:
            return _send(handler, 304, sent)
        start, code = 0, 200
        fits = asked.get("If-Range") in {None, etag, last_modified}
        if ranges and fits and (wanted := asked.get("Range")):
            start, code = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            if start >= len(body):
                return _send(handler, 416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"})
            sent["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        handler.send_response(code)
        for name, value in ({"Content-Length": str(len(body) - start)} | sent).items():
            handler.send_header(name, value)
        handler.send_header("Connection", "close")
        handler.end_headers()
        end = len(body) if stop_after is None else min(len(body), start + stop_after)
        for at in range(start, end, chunk):
            handler.wfile.write(body[at : min(end, at + chunk)])
            if pause_s and handler.server.loopback.closing.wait(pause_s):  # type: ignore[attr-defined]
                break
        return _hang_up(handler)

    return answer


def hang(handler: BaseHTTPRequestHandler) -> None:
    """Never answer."""
    handler.server.loopback.closing.wait(30)  # type: ignore[attr-defined]


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close without a word."""
    _hang_up(handler)


def stall_after(body: bytes, count: int) -> Answer:
    """Send `count` bytes of `body`, then nothing more, with the connection open."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:count])
        handler.wfile.flush()
        hang(handler)

    return answer


def raw(reply: bytes) -> Answer:
    """Send bytes as they are, status line and all."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(reply)
        _hang_up(handler)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """The first request gets the first answer, and so on; the last one stays."""
    left = list(answers)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return answer
