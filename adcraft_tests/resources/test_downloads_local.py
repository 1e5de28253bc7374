from __future__ import annotations

import hashlib
import os
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.downloads import (
    Downloader,
    DownloadSettings,
    FetchedSource,
    KnownSource,
    SourceRequest,
)
from adcraft_resources.downloads.file_types import sniff_file_type
from adcraft_resources.errors import AdcraftError, SourceMissing, SourceRefused, SourceUnreachable
from adcraft_tests.loopback_server import loopback_server, redirect, serve

VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(range(256)) * 20


def fetch(
    url: str, folder: Path, known: KnownSource | None = None, **fields: object
) -> FetchedSource | AdcraftError:
    return Downloader(**fields).fetch_all([SourceRequest("ad", url, known)], folder)["ad"]


def refused(url: Path, folder: Path, kind: type[AdcraftError] = SourceRefused, **fields: object) -> str:
    outcome = fetch(str(url), folder, **fields)
    assert type(outcome) is kind, outcome
    assert str(url) in outcome.message
    assert outcome.remedy
    return str(outcome)


def test_a_local_file_is_copied(tmp_path: Path) -> None:
    (tmp_path / "my clip.mp4").write_bytes(VIDEO)
    for url in (str(tmp_path / "my clip.mp4"), f"file://{tmp_path}/my%20clip.mp4"):
        outcome = fetch(url, tmp_path / "store")
        assert isinstance(outcome, FetchedSource)
        assert outcome.path == tmp_path / "store/ad.mp4"
        assert outcome.path.read_bytes() == VIDEO
        assert outcome.sha256 == hashlib.sha256(VIDEO).hexdigest()


def test_a_relative_path_starts_at_the_base_folder(tmp_path: Path) -> None:
    (tmp_path / "ads").mkdir()
    (tmp_path / "ads/clip.mov").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(100))
    request = SourceRequest("ad", "ads/clip.mov")
    outcome = Downloader().fetch_all([request], tmp_path, base_folder=tmp_path)["ad"]
    assert isinstance(outcome, FetchedSource)
    assert (outcome.path, outcome.content_type) == (tmp_path / "ad.mov", "video/quicktime")


def test_an_unchanged_local_file_is_not_kept_twice(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(VIDEO)
    first = fetch(str(tmp_path / "clip.mp4"), tmp_path / "store")
    assert isinstance(first, FetchedSource)
    second = fetch(str(tmp_path / "clip.mp4"), tmp_path / "other", first.known)
    assert isinstance(second, FetchedSource)
    assert (second.unchanged, second.path, list((tmp_path / "other").iterdir())) == (True, None, [])


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(VIDEO)
    (tmp_path / "link.mp4").symlink_to(tmp_path / "clip.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    store = tmp_path / "store"
    assert "symbolic link" in refused(tmp_path / "link.mp4", store)
    assert "symbolic link" in refused(tmp_path / "loop.mp4", store)
    assert "named pipe" in refused(tmp_path / "pipe.mp4", store)
    assert "folder" in refused(store, store)
    assert "device" in refused(Path("/dev/zero"), store)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "s.mp4"))
        assert "socket" in refused(tmp_path / "s.mp4", store)
    assert list(store.iterdir()) == []


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "none.mp4", tmp_path / "store", SourceMissing)
    (tmp_path / "clip.mp4").write_bytes(VIDEO)
    refused(tmp_path / "clip.mp4/none.mp4", tmp_path / "store", SourceMissing)


def test_a_local_file_keeps_to_the_limits(tmp_path: Path) -> None:
    big = tmp_path / "big.mp4"
    big.write_bytes(VIDEO)
    os.truncate(big, 2_000_000)
    assert "larger than 1 MB" in refused(big, tmp_path / "store", max_mb=1)
    assert "longer than" in refused(big, tmp_path / "store", SourceUnreachable, timeout_s=1e-9)


def test_local_files_that_are_no_video_are_named(tmp_path: Path) -> None:
    for name, body, said in (
        ("empty", b"", "0 bytes"),
        ("page", b"<html>", "web page"),
        ("x", b"\1\2\3", "unknown"),
    ):
        (tmp_path / name).write_bytes(body)
        assert said in refused(tmp_path / name, tmp_path / "store")


def test_a_file_that_is_still_written_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "growing.mp4"
    path.write_bytes(VIDEO + bytes(30_000_000))
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab") as file:
            while not stop.wait(0.001):
                file.write(b"more")
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        assert "changed while" in refused(path, tmp_path / "store", SourceUnreachable)
    finally:
        stop.set()
        writer.join()


def test_a_sample_is_fetched_from_the_sample_server_though_it_is_private(tmp_path: Path) -> None:
    with loopback_server() as server:
        server.routes |= {
            "/s/turmeric-hero.mp4": serve(VIDEO, etag='"v1"'),
            "/s/away.mp4": redirect("http://[::1]/x"),
        }
        base = server.url("/s/")
        outcome = fetch("sample://turmeric-hero", tmp_path, sample_base_url=base)
        assert isinstance(outcome, FetchedSource)
        again = fetch("sample://turmeric-hero", tmp_path, outcome.known, sample_base_url=base)
        assert isinstance(again, FetchedSource)
        assert again.unchanged
        assert isinstance(fetch("sample://nothing", tmp_path, sample_base_url=base), SourceMissing)
        assert isinstance(fetch("sample://away", tmp_path, sample_base_url=base), SourceRefused)
        assert isinstance(
            fetch(server.url("/s/turmeric-hero.mp4"), tmp_path, sample_base_url=base), SourceRefused
        )


@pytest.mark.parametrize("url", ["sample://", "sample://../x", "sample://a/b", "sample://A?b"])
def test_a_sample_has_a_plain_name(url: str, tmp_path: Path) -> None:
    assert isinstance(fetch(url, tmp_path), SourceMissing)


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\0\0\0\x20ftypisom" + bytes(20), ".mp4"),
        (b"\0\0\0\x20ftypqt  " + bytes(20), ".mov"),
        (b"\0\0\x10\0moov" + bytes(20), ".mov"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", ".mov"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", ".webm"),
        (b"\x1a\x45\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska", ".mkv"),
        (b"RIFF\0\0\0\0AVI LIST", ".avi"),
        ((b"\x47" + bytes(187)) * 4, ".ts"),
        ((bytes(4) + b"\x47" + bytes(187)) * 4, ".ts"),
    ],
)
def test_videos_are_known_by_their_first_bytes(head: bytes, suffix: str) -> None:
    assert sniff_file_type(head).suffix == suffix


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"\xef\xbb\xbf \n<!doctype HTML>", "web page"),
        (b"<!-- saved --><HTML>", "web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "XML"),
        (b"<?xml version='1.0'?><MPD xmlns=''>", "playlist"),
        (b" #EXTM3U\n#EXT-X-VERSION", "playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd", "playlist"),
        (b"v=0\r\no=- 0 0 IN IP4 10.0.0.1", "playlist"),
        (b'[{"a": 1}]', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "LFS"),
        (b"Not found", "a text"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF89a", "GIF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"\0\0\0\x1cftypheic", "HEIC"),
        (b"\0\0\0\x1cftypM4A ", "audio"),
        (b"ID3\x04", "audio"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "archive"),
        (b"%PDF-1.7", "PDF"),
        (b"FLV\x01\x05", "does not read"),
    ],
)
def test_what_is_no_video_is_known_too(head: bytes, named: str) -> None:
    found = sniff_file_type(head)
    assert not found.is_video
    assert named in found.name
    assert found.remedy


@given(st.binary(max_size=2000))
def test_any_bytes_get_a_verdict(head: bytes) -> None:
    found = sniff_file_type(head)
    assert found.is_video or found.remedy


def test_the_limits_come_from_the_settings() -> None:
    settings = DownloadSettings(concurrency=2, max_mb=7, timeout_s=9, allow_private_hosts=True)
    downloader = Downloader.from_settings(settings, sample_base_url="http://127.0.0.1:1/")
    assert (downloader.concurrency, downloader.max_mb, downloader.timeout_s) == (2, 7, 9)
    assert downloader.allow_private_hosts
