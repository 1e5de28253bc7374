from __future__ import annotations

import hashlib
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from adcraft_resources.downloads import KnownSource, SourceRequest, check_all
from adcraft_resources.errors import (
    SourceMissing,
    SourceRefused,
    SourceUnreachable,
    VideoUnwritable,
)
from adcraft_tests.fetching import DATE, VIDEO, downloader, fetch, leftovers, refused
from adcraft_tests.loopback_server import (
    LoopbackServer,
    hang,
    in_turn,
    raw,
    serve,
    stall_after,
    status,
)


def test_an_announced_size_over_the_limit_is_refused_before_the_body(
    web: LoopbackServer, tmp_path: Path
) -> None:
    web.routes["/ad.mp4"] = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n")
    assert "larger than 1 MB" in refused(web.url("/ad.mp4"), tmp_path, SourceRefused, max_mb=1)
    assert leftovers(tmp_path) == []


def test_an_unannounced_size_over_the_limit_is_refused_while_it_comes(
    web: LoopbackServer, tmp_path: Path
) -> None:
    web.routes["/ad.mp4"] = raw(b"HTTP/1.0 200 OK\r\n\r\n" + VIDEO * 5)
    assert "larger than 1 MB" in refused(web.url("/ad.mp4"), tmp_path, SourceRefused, max_mb=1)
    assert leftovers(tmp_path) == []


def test_more_than_the_disk_holds_is_refused_before_the_body(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000000000000\r\n\r\n")
    assert "MB left" in refused(web.url("/ad.mp4"), tmp_path, VideoUnwritable, max_mb=10**13)


def test_a_disk_that_fills_up_says_so(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = raw(b"HTTP/1.0 200 OK\r\n\r\n" + VIDEO)
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from adcraft_resources.downloads import Downloader, SourceRequest\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "get = Downloader(allow_private_hosts=True).fetch_all\n"
        "fault = get([SourceRequest('ad', sys.argv[1])], Path(sys.argv[2]))['ad']\n"
        "print(type(fault).__name__, fault)"
    )
    command = [sys.executable, "-c", script, web.url("/ad.mp4"), str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("VideoUnwritable The disk is full")
    assert leftovers(tmp_path) == []


def test_a_server_that_hangs_is_given_up(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = hang
    started = time.monotonic()
    assert "did not answer" in refused(web.url("/ad.mp4"), tmp_path, SourceUnreachable, stall_timeout_s=0.1)
    assert time.monotonic() - started < 5


def test_a_body_that_stalls_is_given_up(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = stall_after(VIDEO, 50_000)
    assert "went quiet" in refused(web.url("/ad.mp4"), tmp_path, SourceUnreachable, stall_timeout_s=0.1)


def test_a_body_that_drips_meets_the_time_limit_and_keeps_its_part(
    web: LoopbackServer, tmp_path: Path
) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO, etag='"a1"', chunk=1000, pause_s=0.05)
    assert "longer than 0.4 s" in refused(web.url("/ad.mp4"), tmp_path, SourceUnreachable, timeout_s=0.4)
    assert leftovers(tmp_path) == ["ad.part", "ad.part.json"]


def test_a_host_that_is_down_is_unreachable(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/ad.mp4"
        assert "no connection" in refused(url, tmp_path, SourceUnreachable)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"<!DOCTYPE html><html><title>Sign in</title>", "web page"),
        (b'{"error": "expired"}', "JSON"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "JPEG"),
        (b"#EXTM3U\nhttp://10.0.0.1/x.ts", "playlist"),
        (b"", "empty"),
    ],
)
def test_what_is_no_video_is_named(body: bytes, named: str, web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = status(200, {"Content-Type": "video/mp4"}, body)
    assert named in refused(web.url("/ad.mp4"), tmp_path, SourceRefused)
    assert leftovers(tmp_path) == []


def test_a_large_page_is_refused_without_loading_it_all(web: LoopbackServer, tmp_path: Path) -> None:
    page = b"<html>" + b"." * 50_000_000
    web.routes["/ad.mp4"] = serve(page, chunk=20_000, pause_s=0.01)
    started = time.monotonic()
    assert "web page" in refused(web.url("/ad.mp4"), tmp_path, SourceRefused)
    assert time.monotonic() - started < 5


def test_compressed_answers_are_refused_and_never_unpacked(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = status(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + bytes(1000))
    assert "gzip-compressed" in refused(web.url("/ad.mp4"), tmp_path, SourceRefused)
    assert web.seen[0].headers["Accept-Encoding"] == "identity"


def test_endless_headers_are_not_swallowed(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n")
    assert "no HTTP" in refused(web.url("/ad.mp4"), tmp_path, SourceUnreachable, tries=1)


def test_a_fault_of_the_callback_leaves_the_other_sources_whole(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes |= {"/a.mp4": serve(VIDEO), "/b.mp4": serve(VIDEO)}

    def stumble(key: str, done: int, total: int | None) -> None:
        if key == "a":
            raise RuntimeError("the callback's own fault")

    requests = [SourceRequest(key, web.url(f"/{key}.mp4")) for key in "ab"]
    with pytest.raises(RuntimeError, match="own fault"):
        downloader().fetch_all(requests, tmp_path, stumble)
    assert (tmp_path / "b.mp4").read_bytes() == VIDEO


def test_retries_are_logged_without_secrets(
    web: LoopbackServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    web.routes["/ad.mp4"] = status(500)
    url = web.url("/ad.mp4?sig=s3cret").replace("http://", "http://me:passw0rd@")
    with caplog.at_level(logging.DEBUG):
        outcome = fetch(url, tmp_path)
    assert isinstance(outcome, SourceUnreachable)
    assert "trying again" in caplog.text
    for secret in ("s3cret", "passw0rd"):
        assert secret not in caplog.text + str(outcome) + repr(outcome)


def test_an_interrupt_ends_the_downloads_at_once(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = hang
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    started = time.monotonic()
    main = threading.main_thread().ident or 0
    timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fetch(web.url("/ad.mp4"), tmp_path, stall_timeout_s=20, timeout_s=20)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 5


def test_asking_many_sources_moves_no_bytes_and_keeps_each_to_itself(
    web: LoopbackServer, tmp_path: Path
) -> None:
    other = VIDEO + b"x"
    web.routes.update(
        {
            "/same.mp4": serve(VIDEO, etag='"a1"'),
            "/new.mp4": serve(other, etag='"a2"'),
            "/dated.mp4": serve(VIDEO, last_modified=DATE),
            "/mute.mp4": serve(VIDEO),
            "/later.mp4": in_turn(status(503), serve(VIDEO, etag='"a1"')),
        }
    )
    (tmp_path / "same.mp4").write_bytes(VIDEO)
    (tmp_path / "touched.mp4").write_bytes(VIDEO[:-1] + b"?")
    sha256 = hashlib.sha256(VIDEO).hexdigest()

    def asked(key: str, url: str) -> SourceRequest:
        return SourceRequest(key, url, KnownSource('"a1"', None, sha256, len(VIDEO), url))

    requests = [asked(name, web.url(f"/{name}.mp4")) for name in ("same", "new", "mute", "later", "gone")]
    dated = web.url("/dated.mp4")
    requests += [
        SourceRequest("dated", dated, KnownSource(None, DATE, sha256, len(VIDEO), dated)),
        asked("file", "same.mp4"),
        asked("file-touched", "touched.mp4"),
        asked("file-gone", "gone.mp4"),
        SourceRequest("never", web.url("/same.mp4"), None),
        SourceRequest("moved", web.url("/same.mp4"), KnownSource('"a1"', None, sha256, 1, "elsewhere")),
    ]
    states = check_all(downloader(), requests, base_folder=tmp_path)
    missing = {key for key, state in states.items() if isinstance(state, SourceMissing)}
    assert missing == {"gone", "file-gone"}
    assert {key: state for key, state in states.items() if key not in missing} == {
        "same": "unchanged",
        "new": "changed",
        "mute": "unsure",
        "later": "unchanged",
        "dated": "unchanged",
        "file": "unchanged",
        "file-touched": "changed",
        "never": "changed",
        "moved": "changed",
    }
    assert [seen.path for seen in web.seen].count("/same.mp4") == 1
