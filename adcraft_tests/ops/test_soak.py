"""A week of nights with kills: `ADCRAFT_SOAK_NIGHTS` and `ADCRAFT_SOAK_SEED` change its length and its luck."""

import json
import os
from pathlib import Path

import pytest

from adcraft_tests.ops.soak import Week, faults_of

pytestmark = pytest.mark.ops


def test_a_week_with_kills_loses_nothing_and_does_nothing_twice(deployment, site):
    week = Week(site, deployment, int(os.environ.get("ADCRAFT_SOAK_SEED", "7")))
    week.begin()
    deployment.module = "adcraft_tests.ops.fast_definitions"
    deployment.start(
        run_monitoring={
            **deployment.instance_file["run_monitoring"],
            "poll_interval_seconds": 5,
            "start_timeout_seconds": 40,
        },
        concurrency={**deployment.instance_file["concurrency"], "runs": {"max_concurrent_runs": 2}},
    )
    for number in range(1, int(os.environ.get("ADCRAFT_SOAK_NIGHTS", "7")) + 1):
        week.night(number)
    record = os.environ.get("ADCRAFT_SOAK_RECORD")
    if record:
        Path(record).write_text(json.dumps(week.nights, indent=1))
    assert list(faults_of(week)) == []
