from __future__ import annotations

from collections.abc import Iterator

import pytest

from adcraft_tests.loopback_server import LoopbackServer, loopback_server


@pytest.fixture
def web() -> Iterator[LoopbackServer]:
    with loopback_server() as server:
        yield server
