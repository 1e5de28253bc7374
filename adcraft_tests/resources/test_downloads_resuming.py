from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adcraft_resources.downloads import KnownSource
from adcraft_resources.errors import (
    SourceUnreachable,
)
from adcraft_tests.fetching import DATE, VIDEO, fetch, fetched, leftovers, refused
from adcraft_tests.loopback_server import (
    LoopbackServer,
    in_turn,
    raw,
    serve,
    status,
)


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
