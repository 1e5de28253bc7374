from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import httpx2
import pytest

from adcraft_resources.copywriters import GrokCopywriter
from adcraft_resources.errors import ModelUnavailable, ModelUnreachable
from adcraft_tests.scripted_grok import KEY, SOAP, Wire, a_set, grok, written


class TestWhenGrokFails:
    def test_a_busy_server_is_asked_again(self):
        busy = httpx2.Response(429, headers={"retry-after": "0.01"}, json={"error": "slow down"})
        result = grok(Wire(busy, httpx2.Response(503), written(a_set()))).write(SOAP, 1)
        assert result.usage["requests"] == 3

    def test_a_broken_connection_is_tried_again(self):
        wire = Wire(httpx2.ConnectError("refused"), httpx2.ReadTimeout("slow"), written(a_set()))
        assert grok(wire).write(SOAP, 1).usage["requests"] == 3

    def test_a_server_that_stays_down_ends_in_a_transient_error(self):
        wire = Wire(httpx2.Response(500, text="oops"))
        with pytest.raises(ModelUnreachable, match=r"after 4 requests.*500") as caught:
            grok(wire).write(SOAP, 1)
        assert caught.value.transient
        assert len(wire.sent) == 4

    @pytest.mark.parametrize("body", ["<html>hello</html>", '{"id": ', '{"choices": []}'])
    def test_an_envelope_that_is_no_completion_is_tried_again(self, body: str):
        odd = httpx2.Response(200, text=body, headers={"content-type": "application/json"})
        assert grok(Wire(odd, written(a_set()))).write(SOAP, 1).usage["requests"] == 2

    def test_a_refused_key_fails_at_once_and_says_what_to_do(self):
        wire = Wire(
            httpx2.Response(401, json={"error": f"Incorrect API key: {KEY[:8]}...{KEY[-8:]} / {KEY}"})
        )
        with pytest.raises(ModelUnavailable, match="XAI_API_KEY") as caught:
            grok(wire).write(SOAP, 1)
        assert len(wire.sent) == 1
        shown = "".join(traceback.format_exception(caught.value))
        assert KEY not in shown
        assert KEY[:8] not in str(caught.value)
        assert KEY[-8:] not in str(caught.value)

    def test_an_unknown_model_fails_at_once_and_names_it(self):
        with pytest.raises(ModelUnavailable, match="grok-nope"):
            grok(Wire(httpx2.Response(404, json={"error": "no such model"})), model="grok-nope").write(
                SOAP, 1
            )

    def test_a_long_retry_after_does_not_outlive_the_deadline(self):
        busy = httpx2.Response(429, headers={"retry-after": "20"})
        with pytest.raises(ModelUnreachable, match="after 1 requests"):
            grok(Wire(busy), deadline_s=2.0).write(SOAP, 1)

    def test_no_key_is_an_error_not_a_template(self):
        with pytest.raises(ModelUnavailable, match="no key"):
            GrokCopywriter(api_key=" ").write(SOAP, 1)

    def test_templates_stand_in_only_when_told_to_and_say_why(self):
        down = Wire(httpx2.Response(500))
        result = grok(down, fallback_to_templates=True).write(SOAP, 3)
        assert result.source == "template"
        assert {hook.source for hook in result.hooks} == {"template"}
        assert "Grok failed" in result.notes[0]
        assert "500" in result.notes[0]

    def test_the_key_is_in_no_repr_and_no_log(self, caplog: pytest.LogCaptureFixture):
        caplog.set_level(logging.DEBUG)
        writer = grok(Wire(httpx2.Response(500), written(a_set())))
        result = writer.write(SOAP, 1)
        for text in (repr(writer), str(writer), repr(result), writer.version, caplog.text):
            assert KEY not in text

    def test_the_key_is_read_from_the_environment_by_dagster(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("XAI_API_KEY", KEY)
        seen: list[str] = []

        @dg.asset
        def hooks(copywriter: GrokCopywriter) -> None:
            seen.append(copywriter.api_key)

        resource = GrokCopywriter(api_key=dg.EnvVar("XAI_API_KEY"))
        assert dg.materialize([hooks], resources={"copywriter": resource}).success
        assert seen == [KEY]


class TestOverARealSocket:
    def test_the_request_goes_to_the_base_url_with_the_key_in_its_header(self):
        def answer(handler: BaseHTTPRequestHandler) -> None:
            seen.append((handler.path, handler.headers["Authorization"]))
            body = written(a_set()).content
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        seen: list[tuple[str, str]] = []
        with serving(answer) as url:
            result = GrokCopywriter(api_key=KEY, base_url=url).write(SOAP, 1)
        assert len(result.hooks) == 1
        assert seen == [("/v1/chat/completions", f"Bearer {KEY}")]

    def test_a_server_that_drips_its_answer_is_left_at_the_deadline(self):
        def drip(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.end_headers()
            while not stop.wait(0.1):
                handler.wfile.write(b" ")
                handler.wfile.flush()

        stop = threading.Event()
        with serving(drip) as url:
            writer = GrokCopywriter(api_key=KEY, base_url=url, timeout_s=0.5, deadline_s=0.6, backoff_s=0.01)
            with pytest.raises(ModelUnreachable, match=r"did not end in time|imeout|timed out"):
                writer.write(SOAP, 1)
            stop.set()

    def test_a_hanging_server_is_left_after_the_timeout(self):
        stop = threading.Event()
        with serving(lambda handler: stop.wait(5) and None) as url:
            writer = GrokCopywriter(api_key=KEY, base_url=url, timeout_s=0.1, attempts=2, backoff_s=0.01)
            with pytest.raises(ModelUnreachable, match="after 2 requests"):
                writer.write(SOAP, 1)
            stop.set()


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], Any]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            try:
                answer(self)
            except ConnectionError:
                return  # the client left, which is what some tests ask for

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
