"""A proxy before a real S3 server that makes its answers slow, failing or torn, and keeps a journal.

Belongs here: the proxy and the server's process. Does not: assertions.
"""

import http.client
import random
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate</Message></Error>"
HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


def free_port(row=1):
    """A port that is free, with those that follow it in the row.

    From below the range the system itself hands out: one of those may be taken before a server comes to bind it.
    """
    for _ in range(200):
        first = random.randrange(15_000, 32_000 - row)
        if all(_is_free(first + place) for place in range(row)):
            return first
    raise OSError(f"no {row} free ports in a row between 15000 and 32000")


def _is_free(port):
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@contextmanager
def s3_server():
    """moto's S3 server as a process of its own; yields its URL."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class FaultyProxy(ThreadingHTTPServer):
    """Forwards to `target`; `fail` adds a fault for the next matching requests."""

    daemon_threads = True

    def __init__(self, target):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target).netloc
        self.journal, self.faults, self.lock = [], [], threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fail(self, kind, method, path, *, times=1, seconds=0.0):
        """kind: error (503), reset, torn (answer cut), torn_up (request cut), garbled, slow, hold."""
        self.faults.append({"kind": kind, "method": method, "path": path, "times": times, "seconds": seconds})

    def fault_for(self, method, path):
        with self.lock:
            self.journal.append((method, path))
            for fault in self.faults:
                if fault["times"] > 0 and method == fault["method"] and re.search(fault["path"], path):
                    fault["times"] -= 1
                    return fault
        return {"kind": None, "seconds": 0.0}

    def count(self, method, path):
        return sum(1 for one, where in self.journal if one == method and re.search(path, where))

    def handle_error(self, request, client_address):
        """A client that went away is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _play(self):
        fault = self.server.fault_for(self.command, self.path)
        kind = fault["kind"]
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        if kind == "torn_up":
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
        if kind in ("torn_up", "reset"):
            return self._hang_up()
        body = self._body()
        time.sleep(fault["seconds"])
        if kind == "error":
            return self._answer(503, {"Content-Type": "application/xml"}, SLOW_DOWN)
        upstream = http.client.HTTPConnection(self.server.target, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        upstream.request(self.command, self.path, body, {**headers, "Content-Length": str(len(body))})
        answer = upstream.getresponse()
        got = answer.read()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
        if kind == "garbled" and got:
            got = got[: len(got) // 2] + bytes([got[len(got) // 2] ^ 1]) + got[len(got) // 2 + 1 :]
        return self._answer(
            answer.status, kept, got, torn=kind == "torn", length=answer.getheader("Content-Length")
        )

    def _answer(self, status, headers, body, *, torn=False, length=None):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        told = length if self.command == "HEAD" and length is not None else str(len(body))
        self.send_header("Content-Length", told)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[: len(body) // 2] if torn else body)
        if torn:
            self._hang_up()

    def _hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _play  # noqa: N815
