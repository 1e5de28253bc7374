from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from adcraft_resources.downloads import Downloader, FetchedSource, KnownSource, SourceRequest, check_all
from adcraft_resources.downloads.retrying import PassingTrouble, Patience, read_retry_after
from adcraft_resources.errors import (
    AdcraftError,
    SourceMissing,
    SourceRefused,
    SourceUnreachable,
    VideoUnwritable,
)
from adcraft_tests.loopback_server import (
    Answer,
    LoopbackServer,
    hang,
    hang_up,
    in_turn,
    loopback_server,
    raw,
    serve,
    stall_after,
    status,
)

VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + random.Random(7).randbytes(300_000)
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.fixture
def web() -> Iterator[LoopbackServer]:
    with loopback_server() as server:
        yield server


def downloader(**fields: object) -> Downloader:
    quick = {
        "stall_timeout_s": 0.3,
        "connect_timeout_s": 1.0,
        "tries": 3,
        "backoff_s": 0.01,
        "longest_wait_s": 0.4,
    }
    return Downloader(**{"allow_private_hosts": True, "timeout_s": 10.0, **quick, **fields})


def fetch(
    url: str, folder: Path, known: KnownSource | None = None, **fields: object
) -> FetchedSource | AdcraftError:
    return downloader(**fields).fetch_all([SourceRequest("ad", url, known)], folder)["ad"]


def fetched(url: str, folder: Path, known: KnownSource | None = None, **fields: object) -> FetchedSource:
    outcome = fetch(url, folder, known, **fields)
    assert isinstance(outcome, FetchedSource), outcome
    return outcome


def refused(url: str, folder: Path, kind: type[AdcraftError], **fields: object) -> str:
    outcome = fetch(url, folder, **fields)
    assert type(outcome) is kind, outcome
    assert outcome.remedy
    return str(outcome)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_video_arrives_whole_with_its_figures(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO, etag='"a1"', last_modified=DATE)
    progress: list[tuple[str, int, int | None]] = []
    request = SourceRequest("ad", web.url("/ad.mp4"))
    outcome = downloader().fetch_all([request], tmp_path, lambda *step: progress.append(step))["ad"]
    assert isinstance(outcome, FetchedSource)
    assert outcome.path == tmp_path / "ad.mp4"
    assert outcome.path.read_bytes() == VIDEO
    assert outcome.sha256 == hashlib.sha256(VIDEO).hexdigest()
    assert (outcome.size_bytes, outcome.etag, outcome.last_modified) == (len(VIDEO), '"a1"', DATE)
    assert (outcome.content_type, outcome.unchanged, outcome.resumed_bytes, outcome.tries) == (
        "video/mp4",
        False,
        0,
        1,
    )
    assert progress[-1] == ("ad", len(VIDEO), len(VIDEO))
    assert leftovers(tmp_path) == ["ad.mp4"]


def test_the_downloader_works_inside_a_running_event_loop(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO)

    async def asset() -> FetchedSource:
        return fetched(web.url("/ad.mp4"), tmp_path)

    assert asyncio.run(asset()).size_bytes == len(VIDEO)


def test_one_bad_key_does_not_touch_the_others(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes |= {f"/{n}.mp4": serve(VIDEO) for n in range(4)}
    web.routes |= {"/hangs": hang, "/page": status(200, body=b"<!doctype html><p>no")}
    urls = [web.url(f"/{n}.mp4") for n in range(4)]
    urls += [
        web.url("/none"),
        web.url("/hangs"),
        web.url("/page"),
        "http://[bad",
        "gopher://x",
        "/no/such/file",
    ]
    requests = [SourceRequest(f"k{n}", url) for n, url in enumerate(urls)]
    outcomes = downloader(tries=1).fetch_all(requests, tmp_path)
    assert list(outcomes) == [request.key for request in requests]
    kinds = [type(outcome) for outcome in outcomes.values()]
    assert kinds == [FetchedSource] * 4 + [
        SourceMissing,
        SourceUnreachable,
        SourceRefused,
        SourceRefused,
        SourceRefused,
        SourceMissing,
    ]


def test_no_more_sources_than_allowed_are_fetched_at_once(web: LoopbackServer, tmp_path: Path) -> None:
    at_work: list[int] = []
    counts: list[int] = []

    def count(handler: BaseHTTPRequestHandler) -> None:
        at_work.append(1)
        counts.append(len(at_work))
        time.sleep(0.05)
        at_work.pop()  # before the answer, after which the next request may come
        serve(VIDEO)(handler)

    web.routes["/ad.mp4"] = count
    requests = [SourceRequest(f"k{n}", web.url("/ad.mp4")) for n in range(9)]
    downloader(concurrency=3).fetch_all(requests, tmp_path)
    assert max(counts) == 3


def test_two_requests_with_one_key_are_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="own key"):
        downloader().fetch_all([SourceRequest("a", "x"), SourceRequest("a", "y")], tmp_path)


@pytest.mark.parametrize("key", ["../up", "a/b", "", ".hidden", "a" * 200])
def test_a_key_that_would_leave_the_folder_is_refused(key: str, tmp_path: Path) -> None:
    assert isinstance(downloader().fetch_all([SourceRequest(key, "x")], tmp_path)[key], SourceRefused)


@pytest.mark.parametrize("code", [404, 410])
def test_a_missing_source_is_not_tried_again(code: int, web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = status(code)
    assert str(code) in refused(web.url("/ad.mp4"), tmp_path, SourceMissing)
    assert len(web.seen) == 1
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("code", [400, 401, 403, 407, 451])
def test_a_forbidden_source_is_not_tried_again(code: int, web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = status(code)
    assert str(code) in refused(web.url("/ad.mp4"), tmp_path, SourceRefused)
    assert len(web.seen) == 1


@pytest.mark.parametrize(
    "trouble",
    [status(500), status(503), status(408), status(425), status(429), hang, hang_up, raw(b"no http at all\r\n\r\n"),
     status(416), raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")],
)  # fmt: skip
def test_passing_trouble_is_tried_again(trouble: Answer, web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = in_turn(trouble, serve(VIDEO))
    fetched(web.url("/ad.mp4"), tmp_path)
    assert len(web.seen) == 2


def test_trouble_that_stays_ends_with_its_name_and_is_transient(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = status(503)
    outcome = fetch(web.url("/ad.mp4"), tmp_path)
    assert isinstance(outcome, SourceUnreachable)
    assert outcome.transient
    assert "HTTP 503" in str(outcome)
    assert "3 tries" in str(outcome)
    assert len(web.seen) == 3


def test_retry_after_is_honoured_up_to_the_cap(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = in_turn(status(429, {"Retry-After": "3600"}), serve(VIDEO))
    fetched(web.url("/ad.mp4"), tmp_path)
    assert 0.35 < web.seen[1].at_s - web.seen[0].at_s < 3


def test_retry_after_reads_numbers_dates_and_nonsense() -> None:
    now = datetime(2015, 10, 21, 7, 27, 30, tzinfo=UTC)
    assert read_retry_after("12", now) == 12
    assert read_retry_after(DATE, now) == 30
    assert read_retry_after("Wed, 21 Oct 2015 07:00:00 GMT", now) == 0
    assert [read_retry_after(text, now) for text in (None, "", "soon", "-1")] == [0, 0, 0, 0]


def test_waits_grow_with_jitter_and_end() -> None:
    waits = [Patience(9, 1.0, 30.0) for _ in range(20)]
    trouble = PassingTrouble("x")
    grown = [[patience.next_wait(trouble, 0) for _ in range(9)] for patience in waits]
    assert len({tuple(row) for row in grown}) > 1
    for row in grown:
        assert row[-1] is None
        for n, wait in enumerate(row[:-1]):
            assert wait is not None
            assert min(30, 2**n) / 2 <= wait <= min(30, 2**n)


def test_tries_that_bring_bytes_are_not_counted() -> None:
    patience = Patience(2, 0.0, 0.0)
    trouble = PassingTrouble("x")
    assert all(patience.next_wait(trouble, n * 1_000_000) is not None for n in range(1, 50))
    assert patience.next_wait(trouble, 49_000_000) is None


def test_a_torn_body_goes_on_where_it_broke_off(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO, etag='"a1"', stop_after=120_000)
    outcome = fetched(web.url("/ad.mp4"), tmp_path)
    assert outcome.sha256 == hashlib.sha256(VIDEO).hexdigest()
    assert [seen.headers.get("Range") for seen in web.seen] == [None, "bytes=120000-", "bytes=240000-"]
    assert web.seen[1].headers["If-Range"] == '"a1"'
    assert outcome.resumed_bytes == 240_000


def test_a_date_serves_where_the_etag_is_weak(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO, etag='W/"a1"', last_modified=DATE, stop_after=200_000)
    fetched(web.url("/ad.mp4"), tmp_path)
    assert web.seen[1].headers["If-Range"] == DATE


def test_without_a_validator_nothing_is_resumed(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = in_turn(serve(VIDEO, stop_after=1000), serve(VIDEO))
    assert fetched(web.url("/ad.mp4"), tmp_path).sha256 == hashlib.sha256(VIDEO).hexdigest()
    assert "Range" not in web.seen[1].headers


def test_a_server_that_ignores_ranges_starts_again(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = in_turn(
        serve(VIDEO, etag='"a1"', stop_after=120_000), serve(VIDEO, etag='"a1"', ranges=False)
    )
    outcome = fetched(web.url("/ad.mp4"), tmp_path)
    assert (outcome.sha256, outcome.resumed_bytes) == (hashlib.sha256(VIDEO).hexdigest(), 0)


def test_a_source_that_changed_in_between_is_not_mixed_with_its_old_bytes(
    web: LoopbackServer, tmp_path: Path
) -> None:
    other = VIDEO[:64] + bytes(reversed(VIDEO[64:]))
    web.routes["/ad.mp4"] = in_turn(serve(VIDEO, etag='"a1"', stop_after=120_000), serve(other, etag='"b2"'))
    outcome = fetched(web.url("/ad.mp4"), tmp_path)
    assert (outcome.sha256, outcome.etag) == (hashlib.sha256(other).hexdigest(), '"b2"')


@pytest.mark.parametrize("told", ["bytes 5-299999/300000", "bytes */300000", "", "pages 1-2"])
def test_a_wrong_part_is_thrown_away(told: str, web: LoopbackServer, tmp_path: Path) -> None:
    wrong = status(206, {"Content-Range": told} if told else {}, VIDEO[120_000:])
    web.routes["/ad.mp4"] = in_turn(
        serve(VIDEO, etag='"a1"', stop_after=120_000), wrong, serve(VIDEO, etag='"a1"')
    )
    assert fetched(web.url("/ad.mp4"), tmp_path).sha256 == hashlib.sha256(VIDEO).hexdigest()


def test_a_part_longer_than_the_source_starts_again(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = in_turn(
        serve(VIDEO, etag='"a1"', stop_after=200_000), serve(VIDEO[:100_000], etag='"a1"')
    )
    assert fetched(web.url("/ad.mp4"), tmp_path).size_bytes == 100_000


def test_a_promise_of_more_bytes_than_come_is_passing_trouble(web: LoopbackServer, tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n"
    web.routes["/ad.mp4"] = raw(head + VIDEO)
    assert "broke off after" in refused(web.url("/ad.mp4"), tmp_path, SourceUnreachable)


def test_a_killed_download_goes_on_in_the_next_process(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = in_turn(
        serve(VIDEO, etag='"a1"', chunk=10_000, pause_s=0.2), serve(VIDEO, etag='"a1"')
    )
    script = (
        "import sys; from pathlib import Path; from adcraft_resources.downloads import Downloader, SourceRequest\n"
        "Downloader(allow_private_hosts=True).fetch_all([SourceRequest('ad', sys.argv[1])], Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, web.url("/ad.mp4"), str(tmp_path)])
    part = tmp_path / "ad.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size >= 30_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    busy = fetch(web.url("/ad.mp4"), tmp_path)
    process.kill()
    process.wait()
    assert isinstance(busy, SourceUnreachable)
    assert "another process" in str(busy)
    outcome = fetched(web.url("/ad.mp4"), tmp_path)
    assert outcome.resumed_bytes >= 30_000
    assert web.seen[-1].headers["Range"] == f"bytes={outcome.resumed_bytes}-"
    assert outcome.sha256 == hashlib.sha256(VIDEO).hexdigest()
    assert leftovers(tmp_path) == ["ad.mp4"]


def test_a_part_of_another_address_is_not_continued(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/one.mp4"] = serve(VIDEO, etag='"a1"', stop_after=120_000)
    web.routes["/two.mp4"] = serve(VIDEO, etag='"a1"')
    fetch(web.url("/one.mp4"), tmp_path, tries=1)
    assert fetched(web.url("/two.mp4"), tmp_path).resumed_bytes == 0
    assert "Range" not in web.seen[-1].headers


def test_a_damaged_note_beside_a_part_starts_again(web: LoopbackServer, tmp_path: Path) -> None:
    (tmp_path / "ad.part").write_bytes(b"rubbish")
    (tmp_path / "ad.part.json").write_text('["half')
    web.routes["/ad.mp4"] = serve(VIDEO)
    assert fetched(web.url("/ad.mp4"), tmp_path).sha256 == hashlib.sha256(VIDEO).hexdigest()


def test_an_unchanged_source_is_not_sent_again(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO, etag='"a1"')
    first = fetched(web.url("/ad.mp4?token=s3cret"), tmp_path)
    second = fetched(web.url("/ad.mp4?token=s3cret"), tmp_path, first.known)
    assert (second.unchanged, second.path, second.sha256, second.etag) == (True, None, first.sha256, '"a1"')
    assert web.seen[1].headers["If-None-Match"] == '"a1"'
    assert second.known == first.known


def test_a_date_asks_where_no_etag_is_known(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO, last_modified=DATE)
    first = fetched(web.url("/ad.mp4"), tmp_path)
    assert fetched(web.url("/ad.mp4"), tmp_path, first.known).unchanged
    assert web.seen[1].headers["If-Modified-Since"] == DATE


def test_the_same_bytes_without_validators_are_unchanged_too(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO)
    first = fetched(web.url("/ad.mp4"), tmp_path)
    second = fetched(web.url("/ad.mp4"), tmp_path, first.known)
    assert (second.unchanged, second.path) == (True, None)


def test_what_is_known_of_another_address_asks_nothing(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO, etag='"a1"')
    known = KnownSource('"a1"', None, "0" * 64, 5, "http://other.example/ad.mp4")
    assert not fetched(web.url("/ad.mp4"), tmp_path, known).unchanged


def test_a_304_nobody_asked_for_is_trouble(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = status(304)
    assert "nobody asked" in refused(web.url("/ad.mp4"), tmp_path, SourceUnreachable)


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
