"""Whether the process that carries out a run still lives, and a launcher that tells Dagster so.

Dagster's default launcher can't tell: a run whose code server was killed, or whose machine lost power, counts as
running until its time is up, hours later, and holds up its ads, the queue and the night. Belongs here: finding a run's
process, and the launcher that `dagster.yaml` names. Does not: what is done about a dead run (Dagster's run monitoring).
"""

import json
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.storage.tags import GRPC_INFO_TAG, MAX_RETRIES_TAG, RETRY_NUMBER_TAG
from dagster._daemon.controller import get_daemon_statuses
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from adcraft_resources.processes import is_there

PROCESS = "adcraft/process"
"""Run tag of runs in a command's own process: `<host>:<process id>`."""
MONITORING = "MONITORING"
ASK_S = 5
SLACK_S = 5.0
RETRY_COMES = timedelta(hours=1)
"""A failed run whose new run is not there by then gets none."""
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_LOOPBACK = {None, "localhost", "127.0.0.1", "::1"}
_STARTED = "Started process for run"


def this_process() -> str:
    """Return the value of the tag PROCESS for runs in this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_dead(run: dg.DagsterRun, instance: dg.DagsterInstance) -> bool:
    """Return whether a run that counts as running has no process any more; False wherever that can't be known."""
    host, _, pid = run.tags.get(PROCESS, "").rpartition(":")
    if host:
        return host == socket.gethostname() and not _lives(int(pid), run_started_s(run, instance))
    if GRPC_INFO_TAG not in run.tags:
        return False
    place = json.loads(run.tags[GRPC_INFO_TAG])
    if place.get("host") not in _LOOPBACK:
        return _server_disowns(place, run.run_id)
    worker = _worker_of(run, instance)
    return worker is not None and not _lives(*worker)


def runs_at_work(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Return the runs whose work is being done, or will be without anybody's asking.

    Those are unfinished ones whose process lives, and those that Dagster is about to try again: what they make must
    not be started a second time in between.
    """
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    since = datetime.now(UTC) - RETRY_COMES
    failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since))
    return [
        *(run for run in unfinished if not is_dead(run, instance) or _is_tried_again(run, instance)),
        *(run for run in failed if run.is_complete_and_waiting_to_retry),
    ]


def _is_tried_again(run: dg.DagsterRun, instance: dg.DagsterInstance) -> bool:
    """Return whether Dagster will notice that a run is dead and try it again."""
    if not (instance.run_monitoring_enabled and instance.run_retries_enabled):
        return False
    most = int(run.tags.get(MAX_RETRIES_TAG, instance.run_retries_max_retries))
    left = int(run.tags.get(RETRY_NUMBER_TAG, 0)) < most
    return left and get_daemon_statuses(instance, [MONITORING])[MONITORING].healthy is True


class WatchedRunLauncher(DefaultRunLauncher):
    """Runs in processes of the code server, as Dagster's default, whose death is noticed."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: that is what it adds."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return whether the run's process lives."""
        if is_dead(run, self._instance):
            told = "its process is gone: killed, or its code server or machine was"
            return CheckRunHealthResult(WorkerStatus.FAILED, told)
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def run_started_s(run: dg.DagsterRun, instance: dg.DagsterInstance) -> float:
    """Return when a run was created, in seconds since the epoch."""
    record = instance.get_run_record_by_id(run.run_id)
    return record.create_timestamp.timestamp() if record else 0.0


def _worker_of(run: dg.DagsterRun, instance: dg.DagsterInstance) -> tuple[int, float] | None:
    """Return the process id a run's worker told when it started, and when that was; None before."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    for record in records:
        entry = record.event_log_entry
        event = entry.dagster_event
        if event is not None and (event.message or "").startswith(_STARTED):
            pid = event.engine_event_data.metadata.get("pid")
            if pid is not None:
                return int(str(pid.value)), entry.timestamp
    return None


def _lives(pid: int, seen_at_s: float) -> bool:
    """Return whether a process lives that was seen at a time; one that started later has only the same number."""
    try:
        state, started_s = _state_of(pid)
    except FileNotFoundError:
        return False
    except OSError:
        return is_there(pid)
    return state != "Z" and started_s <= seen_at_s + SLACK_S


def _state_of(pid: int) -> tuple[str, float]:
    """Return a process's state letter and when it started, from Linux' /proc; OSError where there is none."""
    if not Path("/proc/stat").is_file():
        raise NotADirectoryError("/proc")
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    booted = next(
        line
        for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines()
        if line.startswith("btime")
    )
    return fields[0], int(booted.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _server_disowns(place: Mapping[str, Any], run_id: str) -> bool:
    """Return whether a code server on another host answers that it has no such run; one that is down says nothing."""
    from dagster._core.errors import DagsterUserCodeUnreachableError
    from dagster._grpc.client import DagsterGrpcClient

    client = DagsterGrpcClient(
        port=place.get("port"), host=place["host"], use_ssl=bool(place.get("use_ssl", False))
    )
    try:
        answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run_id), timeout=ASK_S)
    except DagsterUserCodeUnreachableError:
        return False
    return not deserialize_value(answer, CanCancelExecutionResult).can_cancel
