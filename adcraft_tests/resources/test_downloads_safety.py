from __future__ import annotations

import logging
import socket
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.downloads import Downloader, FetchedSource, SourceRequest, identify_url, redact_url
from adcraft_resources.downloads.addresses import Address, refusal_of
from adcraft_resources.errors import AdcraftError, SourceRefused, SourceUnreachable
from adcraft_tests.loopback_server import LoopbackServer, loopback_server, redirect, serve, status

VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(range(256)) * 20
QUICK = {"stall_timeout_s": 0.5, "tries": 2, "backoff_s": 0.01, "timeout_s": 10.0}


class FirstLoopbackIsPublic(Downloader):
    """Takes 127.0.0.1 for a public address, so that the way from public to private can be walked for real."""

    def refusal_of(self, address: Address) -> str | None:
        return None if str(address) == "127.0.0.1" else refusal_of(address)


class Names(AbstractResolver):
    """A name server that gives its answers in turn; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        kind = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            ResolveResult(
                hostname=host, host=one, port=port, family=kind[ip_address(one).version], proto=0, flags=0
            )
            for one in found
        ]

    async def close(self) -> None:
        pass


def with_names(names: Names, base: type[Downloader] = Downloader, **fields: object) -> Downloader:
    class Named(base):
        def name_resolver(self) -> AbstractResolver:
            return names

    return Named(**{**QUICK, **fields})


def fetch(url: str, folder: Path, downloader: Downloader | None = None) -> FetchedSource | AdcraftError:
    return (downloader or Downloader(**QUICK)).fetch_all([SourceRequest("ad", url)], folder)["ad"]


def refused(url: str, folder: Path, downloader: Downloader | None = None) -> str:
    outcome = fetch(url, folder, downloader)
    assert type(outcome) is SourceRefused, outcome
    assert outcome.remedy
    return str(outcome)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
    ],
)
def test_no_spelling_of_this_host_is_contacted(host: str, web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO)
    refused(f"http://{host}:{web.port}/ad.mp4", tmp_path)
    assert web.seen == []


def test_a_public_name_with_a_private_address_is_refused(web: LoopbackServer, tmp_path: Path) -> None:
    for answer in (["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:127.0.0.1"]):
        said = refused(f"http://cdn.example:{web.port}/ad.mp4", tmp_path, with_names(Names(answer)))
        assert "allow_private_hosts" in said
    assert web.seen == []


def test_a_name_that_changes_its_mind_gains_nothing(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = redirect(f"http://cdn.example:{web.port}/ad2.mp4")
    web.routes["/ad2.mp4"] = serve(VIDEO)
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    said = refused(
        f"http://cdn.example:{web.port}/ad.mp4", tmp_path, with_names(names, FirstLoopbackIsPublic)
    )
    assert "127.0.0.2 is loopback" in said
    assert web.paths() == ["/ad.mp4"]


@pytest.mark.parametrize("host", ["127.0.0.2", "[::1]", "localhost.localdomain"])
def test_a_redirect_to_a_private_address_is_refused(host: str, web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = redirect(f"http://{host}:{web.port}/secret")
    names = Names(["127.0.0.2"])
    said = refused(web.url("/ad.mp4"), tmp_path, with_names(names, FirstLoopbackIsPublic))
    assert "loopback" in said
    assert web.paths() == ["/ad.mp4"]


def test_private_hosts_are_fetched_when_allowed(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = serve(VIDEO)
    outcome = fetch(web.url("/ad.mp4"), tmp_path, Downloader(allow_private_hosts=True))
    assert isinstance(outcome, FetchedSource)


def test_redirects_lead_to_the_video(web: LoopbackServer, tmp_path: Path) -> None:
    codes = (301, 302, 303, 307, 308)
    web.routes |= {
        f"/{n}": redirect(f"/{n + 1}" if n < 4 else web.url("/5?sig=s3cret"), codes[n]) for n in range(5)
    }
    web.routes["/5"] = serve(VIDEO)
    outcome = fetch(web.url("/0"), tmp_path, FirstLoopbackIsPublic(**QUICK))
    assert isinstance(outcome, FetchedSource)
    assert outcome.final_url == web.url("/5?…")


def test_a_sixth_redirect_is_refused(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes |= {f"/{n}": redirect(f"/{n + 1}") for n in range(9)}
    assert "more than 5 times" in refused(web.url("/0"), tmp_path, FirstLoopbackIsPublic(**QUICK))
    assert len(web.seen) == 6


def test_a_circle_of_redirects_is_named(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes |= {"/a": redirect("/b"), "/b": redirect("/c"), "/c": redirect("/b")}
    said = refused(web.url("/a"), tmp_path, FirstLoopbackIsPublic(**QUICK))
    assert f"{web.url('/b')} → {web.url('/c')} → {web.url('/b')}" in said


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://example.com/x", "http://", "http://[", "javascript:1"]
)
def test_a_redirect_to_what_is_no_web_address_is_refused(
    to: str, web: LoopbackServer, tmp_path: Path
) -> None:
    web.routes["/ad.mp4"] = redirect(to)
    said = refused(web.url("/ad.mp4"), tmp_path, FirstLoopbackIsPublic(**QUICK))
    assert "redirects" in said


def test_a_redirect_without_an_address_is_refused(web: LoopbackServer, tmp_path: Path) -> None:
    web.routes["/ad.mp4"] = status(302)
    assert "to nowhere" in refused(web.url("/ad.mp4"), tmp_path, FirstLoopbackIsPublic(**QUICK))


def test_a_password_stays_with_its_own_host(web: LoopbackServer, tmp_path: Path) -> None:
    with loopback_server() as other:
        web.routes |= {"/a": redirect("/b"), "/b": redirect(other.url("/c"))}
        other.routes["/c"] = serve(VIDEO)
        url = web.url("/a").replace("http://", "http://me:passw0rd@")
        outcome = fetch(url, tmp_path, FirstLoopbackIsPublic(**QUICK))
        assert isinstance(outcome, FetchedSource)
        assert all("Authorization" in seen.headers for seen in web.seen)
        assert "Authorization" not in other.seen[0].headers


def test_a_certificate_nobody_vouches_for_is_refused_and_a_trusted_one_taken(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    with loopback_server(tls=context) as server:
        server.routes |= {"/ad.mp4": serve(VIDEO), "/down": redirect("http://127.0.0.1:9/ad.mp4")}
        private = {**QUICK, "allow_private_hosts": True}
        assert "certificate" in refused(server.url("/ad.mp4"), tmp_path, Downloader(**private))
        knowing = Downloader(**private, ca_file=str(trusted))
        assert isinstance(fetch(server.url("/ad.mp4"), tmp_path, knowing), FetchedSource)
        assert "plain http" in refused(server.url("/down"), tmp_path, knowing)
        other_name = server.url("/ad.mp4").replace("127.0.0.1", "127.0.0.3")
        assert not isinstance(fetch(other_name, tmp_path, knowing), FetchedSource)


def test_https_to_a_port_that_speaks_http_is_unreachable(web: LoopbackServer, tmp_path: Path) -> None:
    url = web.url("/ad.mp4").replace("http:", "https:")
    outcome = fetch(url, tmp_path, Downloader(**QUICK, allow_private_hosts=True))
    assert isinstance(outcome, SourceUnreachable)


def test_a_name_nobody_knows_is_unreachable(tmp_path: Path) -> None:
    outcome = fetch("http://no-such-host.invalid/ad.mp4", tmp_path)
    assert isinstance(outcome, SourceUnreachable)
    assert "host name" in str(outcome)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@cdn.example:8443/a/b.mp4?sig=s3cret#frag", "https://cdn.example:8443/a/b.mp4?…"),
        ("https://cdn.example/b.mp4", "https://cdn.example/b.mp4"),
        ("http://u:p@@x/y", "http://x/y"),
        ("https://[bad?sig=s3cret", "https://…"),
        ("ftp://u:p@host/x", "ftp://host/x"),
        ("data:video/mp4;base64,c2VjcmV0", "data:…"),
        ("ads/my clip.mp4", "ads/my clip.mp4"),
        ("sample://turmeric-hero", "sample://turmeric-hero"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(
    st.text(
        st.characters(codec="ascii", exclude_characters="@/?#[]\\", min_codepoint=33), min_size=1, max_size=20
    )
)
def test_no_part_of_a_password_or_query_is_shown(secret: str) -> None:
    secret = f"S3CR3T{secret}"
    for url in (
        f"https://u:{secret}@h.example/p",
        f"https://h.example/p?k={secret}",
        f"https://{secret}@h.example/p",
    ):
        assert "S3CR3T" not in redact_url(url) + identify_url(url)


def test_the_stored_name_of_an_address_tells_queries_apart() -> None:
    one, two = identify_url("https://h.example/v?id=1"), identify_url("https://h.example/v?id=2")
    assert one != two
    assert "id=1" not in one
    assert identify_url("https://u:p@h.example/v") == "https://h.example/v"


@pytest.mark.parametrize(
    "path", ["/500", "/404", "/403", "/torn", "/page", "/loop", "/ftp", "/bad", "/hang-up", "/gzip", "/304"]
)
def test_no_error_and_no_log_line_shows_a_secret(
    path: str, web: LoopbackServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    web.routes |= {
        "/500": status(500),
        "/403": status(403),
        "/torn": serve(VIDEO, etag='"a"', stop_after=100),
        "/page": status(200, body=b"<html>"),
        "/loop": redirect("/loop?sig=s3cret"),
        "/ftp": redirect("ftp://x/y?sig=s3cret"),
        "/bad": redirect("http://[s3cret?sig=s3cret"),
        "/gzip": status(200, {"Content-Encoding": "gzip"}, b"x"),
        "/304": status(304),
    }
    url = web.url(f"{path}?sig=s3cret").replace("http://", "http://me:passw0rd@")
    with caplog.at_level(logging.DEBUG):
        outcome = fetch(url, tmp_path, Downloader(**QUICK, allow_private_hosts=True))
    assert isinstance(outcome, AdcraftError)
    assert outcome.__context__ is None
    notes = "".join(note.read_text() for note in tmp_path.glob("*.json"))
    for secret in ("s3cret", "passw0rd"):
        assert secret not in caplog.text + repr(outcome) + outcome.remedy + notes


@pytest.mark.parametrize(
    "url",
    ["s3://bucket/ad.mp4", "ftp://h/ad.mp4", "data:video/mp4;base64,AA", "javascript:1", "http://", "https:///x",
     "http://h:99999/x", "http://[::1", "", "  ", "file://other/ad.mp4", "http://a b/x", "http://good.com\\@evil/x"],
)  # fmt: skip
def test_what_is_no_web_address_or_path_is_refused(url: str, tmp_path: Path) -> None:
    refused(url, tmp_path)
