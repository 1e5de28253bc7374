from __future__ import annotations

import asyncio
import hashlib
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from adcraft_resources.downloads import FetchedSource, SourceRequest
from adcraft_resources.downloads.retrying import PassingTrouble, Patience, read_retry_after
from adcraft_resources.errors import (
    SourceMissing,
    SourceRefused,
    SourceUnreachable,
)
from adcraft_tests.fetching import DATE, VIDEO, downloader, fetch, fetched, leftovers, refused
from adcraft_tests.loopback_server import (
    Answer,
    LoopbackServer,
    hang,
    hang_up,
    in_turn,
    raw,
    serve,
    status,
)


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
