"""What a cluster's pods speak to beside its API: PostgreSQL, and a web server with the ads.

Belongs here: these processes. Does not: the S3 server (faulty_proxy), assertions.
"""

import functools
import http.server
import os
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from adcraft_tests.k8s.faulty_proxy import free_port
from adcraft_tests.k8s.stand_in.nodes import PASSWORD

POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextmanager
def postgres():
    """A fresh PostgreSQL; yields its port."""
    folder, port = Path(tempfile.mkdtemp(prefix="adcraft-pg-", dir="/var/tmp")), free_port()
    shutil.chown(folder, "postgres") if os.geteuid() == 0 else None
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    run = functools.partial(subprocess.run, check=True, capture_output=True, cwd="/var/tmp")
    word = folder / "word"
    word.write_text(PASSWORD)
    shutil.chown(word, "postgres") if os.geteuid() == 0 else None
    bins, data = POSTGRES[-1], folder / "data"
    run(
        [
            *become,
            bins / "initdb",
            "-D",
            data,
            "-U",
            "dagster",
            "-A",
            "password",
            f"--pwfile={word}",
            "--no-sync",
        ]
    )
    server = subprocess.Popen(
        [
            *become,
            bins / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            "-k",
            folder,
            "-F",
            "-c",
            "listen_addresses=127.0.0.1",
        ],
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("w"),
        cwd="/var/tmp",
    )
    try:
        env = {**os.environ, "PGPASSWORD": PASSWORD}
        for _ in range(100):
            made = subprocess.run(
                [bins / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "dagster", "dagster"],
                env=env,
                capture_output=True,
                check=False,
            )
            if made.returncode == 0:
                break
            time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def file_server(folder):
    """The ads of a folder over HTTP; yields the URL and a journal of (path, status)."""
    handler = functools.partial(_Noting, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.journal = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.journal
    finally:
        server.shutdown()


class _Noting(http.server.SimpleHTTPRequestHandler):
    def log_request(self, code="-", size="-"):
        self.server.journal.append((self.path, int(code)))

    def log_message(self, *_):
        pass
