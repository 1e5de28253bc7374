"""Telling a webhook, over a real HTTP server on loopback."""

import json
import logging

import pytest

from adcraft_assets.webhooks import VARIABLE, tell
from adcraft_tests.loopback_server import hang, hang_up, in_turn, loopback_server, redirect, status

SECRET = "T0KEN-4711"
PATH = f"/services/{SECRET}"


@pytest.fixture
def receiver(monkeypatch):
    with loopback_server() as server:
        monkeypatch.setenv(VARIABLE, server.url(PATH))
        yield server


def test_the_message_is_json_with_a_text_and_the_facts(receiver):
    receiver.routes[PATH] = status(200)
    assert tell("adcraft: a night", {"night": "2026-02-01", "failed": {"a__b": "why: ü"}}) == "told: HTTP 200"
    (seen,) = receiver.seen
    assert seen.headers["Content-Type"] == "application/json"
    assert json.loads(seen.body) == {
        "text": "adcraft: a night",
        "adcraft": {"night": "2026-02-01", "failed": {"a__b": "why: ü"}},
    }


@pytest.mark.parametrize("first", [status(503), status(429, {"Retry-After": "0"}), hang_up])
def test_a_passing_fault_is_tried_again(receiver, first):
    receiver.routes[PATH] = in_turn(first, status(204))
    assert tell("x", {}, pause_s=0.01) == "told: HTTP 204"
    assert len(receiver.seen) == 2


def test_a_refusal_is_not_tried_again(receiver):
    receiver.routes[PATH] = status(403)
    assert tell("x", {}, pause_s=0.01) == "the webhook refused: HTTP 403"
    assert len(receiver.seen) == 1


def test_a_lasting_fault_is_given_up_after_three_tries(receiver):
    receiver.routes[PATH] = status(500)
    assert tell("x", {}, pause_s=0.01) == "the webhook refused: HTTP 500"
    assert len(receiver.seen) == 3


def test_a_receiver_that_never_answers_costs_its_timeout_and_fails_nothing(receiver):
    receiver.routes[PATH] = hang
    assert tell("x", {}, pause_s=0.01, timeout_s=0.2) == "the webhook could not be reached: TimeoutError"
    assert len(receiver.seen) == 3


def test_a_redirect_is_named_and_not_followed(receiver):
    """Followed, a POST becomes a GET without its body, and the answer says 200."""
    receiver.routes[PATH] = redirect("/login")
    receiver.routes["/login"] = status(200)
    assert tell("x", {}) == "the webhook moved: HTTP 302; put its new address into ADCRAFT_WEBHOOK_URL"
    assert receiver.paths() == [PATH]


@pytest.mark.parametrize("answer", [status(200), status(500), redirect("/elsewhere"), hang_up])
def test_the_address_is_told_to_nobody(receiver, answer, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    receiver.routes[PATH] = answer
    told = tell("x", {}, pause_s=0.01)
    captured = capfd.readouterr()
    assert SECRET not in told + caplog.text + captured.out + captured.err


def test_an_address_that_is_none_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv(VARIABLE, f"ftp://host/{SECRET}")
    assert tell("x", {}) == f"nobody told: {VARIABLE} is no http or https address"
    monkeypatch.setenv(VARIABLE, f"http://host:{SECRET}/")
    assert SECRET not in tell("x", {}, pause_s=0.01)
    monkeypatch.delenv(VARIABLE)
    assert tell("x", {}) == f"nobody told: {VARIABLE} is not set"
