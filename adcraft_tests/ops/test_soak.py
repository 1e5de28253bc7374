"""Nights with kills: `ADCRAFT_SOAK_NIGHTS` (2 unless named, 7 by CASES=all) and `ADCRAFT_SOAK_SEED` are their
number and their luck; `ADCRAFT_SOAK_RECORD` names a file for the record, `ADCRAFT_SOAK_KEEP` the folder that gets the
deployment of a soak that fails (a new one in the temporary folder unless named)."""

import json
import os
from pathlib import Path

import pytest

from adcraft_tests.ops.conftest import SECRET
from adcraft_tests.ops.soak import HARMS, Week
from adcraft_tests.ops.soak_evidence import kept_on_failure
from adcraft_tests.ops.soak_faults import faults_of

pytestmark = pytest.mark.ops


def keep(week):
    record = os.environ.get("ADCRAFT_SOAK_RECORD")
    if record:
        Path(record).write_text(json.dumps(week.nights, indent=1))


def test_nights_with_kills_lose_nothing_and_do_nothing_twice(deployment, site, webhook):
    week = Week(site, deployment, int(os.environ.get("ADCRAFT_SOAK_SEED", "7")))
    with kept_on_failure(deployment, lambda: week.nights):
        spend(week, int(os.environ.get("ADCRAFT_SOAK_NIGHTS", "2")), webhook)


def spend(week, count, webhook):
    """Let a week of `count` nights and a calm one pass, and judge it."""
    deployment = week.deployment
    week.begin()
    deployment.module = "adcraft_tests.ops.fast_definitions"
    deployment.start(
        run_monitoring={
            **deployment.instance_file["run_monitoring"],
            "poll_interval_seconds": 5,
            "start_timeout_seconds": 180,
        },
        concurrency={**deployment.instance_file["concurrency"], "runs": {"max_concurrent_runs": 2}},
    )
    week.await_first_ads()
    for number in range(1, count + 1):
        week.night(number, harms=3 if number % 2 else 2)
        keep(week)
    week.calm_night(count + 1)
    keep(week)
    faults = faults_of(week, SECRET, webhook.told())
    assert {kind: found for kind, found in faults.items() if found} == {}
    assert {name for night in week.nights for name in night["killed"]} >= {*HARMS} - {"run"}
