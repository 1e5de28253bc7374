"""A real HTTP server shaped like the hub: model info, HEAD with commit and hash, GET with ranges; it can be told to fail."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "a" * 40


def git_hash(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    """One repository: name → bytes; files over `large` bytes are LFS ones with a sha256."""

    def __init__(self, repo, files, *, large=1000):
        self.repo, self.files, self.large = repo, files, large
        self.token = None  # asked of every request where set
        self.tear_after = {}  # name → bytes after which a GET breaks off, once
        self.lie = set()  # names whose bytes are not what they should be
        self.requests = []
        self.base = ""

    def info(self):
        siblings = []
        for name, data in self.files.items():
            one = {"rfilename": name, "size": len(data), "blobId": git_hash(data)}
            if len(data) > self.large:
                one["lfs"] = {
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "size": len(data),
                    "pointerSize": 130,
                }
            siblings.append(one)
        return {
            "id": self.repo,
            "modelId": self.repo,
            "sha": COMMIT,
            "siblings": siblings,
            "tags": [],
            "private": False,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._file(body=False)

    def do_GET(self):
        hub = self.server.hub
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            hub.requests.append(("INFO", path))
            if not self._allowed():
                return
            rest = path.removeprefix("/api/models/")
            repo, _, revision = rest.partition("/revision/")
            if repo != hub.repo:
                self._send(404, {"X-Error-Code": "RepoNotFound"}, b"{}")
            elif revision not in ("", "main", COMMIT):
                self._send(404, {"X-Error-Code": "RevisionNotFound"}, b"{}")
            else:
                self._send(200, {"Content-Type": "application/json"}, json.dumps(hub.info()).encode())
            return
        self._file(body=True)

    def _allowed(self):
        hub = self.server.hub
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self._send(403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"}, b"{}")
            return False
        return True

    def _file(self, *, body):
        hub = self.server.hub
        name = self.path.partition("?")[0].partition(f"/resolve/{COMMIT}/")[2]
        hub.requests.append(("GET" if body else "HEAD", name, self.headers.get("Range")))
        if not self._allowed():
            return
        if name not in hub.files:
            self._send(404, {"X-Error-Code": "EntryNotFound"}, b"")
            return
        data = hub.files[name]
        tag = hashlib.sha256(data).hexdigest() if len(data) > hub.large else git_hash(data)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{tag}"', "Accept-Ranges": "bytes"}
        if name in hub.lie:
            data = bytes(255 - one for one in data)
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        if body and start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._send(
            206 if body and start else 200, headers, data[start:] if body else data, body=body, name=name
        )

    def _send(self, code, headers, data, *, body=True, name=""):
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        cut = self.server.hub.tear_after.pop(name, None) if body else None
        if body:
            self.wfile.write(data[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()

    def log_message(self, *_):
        pass


@contextmanager
def hub_server(hub):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads, server.hub = True, hub
    server.handle_error = lambda *_: None
    hub.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
