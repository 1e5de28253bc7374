"""Whether a step that is going away has told its end, or still may.

A Job counts as failed from the moment its pod is asked to end, while the step inside uses its grace to say why. Belongs
here: asking the event log and a pod. Does not: what follows (pod_steps).
"""

from typing import Any

import dagster as dg

LOST = ("DeletionByTaintManager", "DeletionByPodGC")
"""Reasons of a disruption after which nobody hears from the pod: its node is gone."""


def told_its_end(instance: dg.DagsterInstance, run_id: str, key: str, attempt: int) -> bool:
    """Whether a step's attempt (from 0) has succeeded, failed or asked for a retry by the event log.

    A failed Job of such a one is no news; told again, it would cost a second retry beside the first.
    """
    asked = dg.DagsterEventType.STEP_UP_FOR_RETRY
    kinds = {dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE, asked}
    entries = [one.event_log_entry for one in instance.get_records_for_run(run_id, of_type=kinds).records]
    told = [one.dagster_event_type for one in entries if one.step_key == key]
    return any(kind is not asked for kind in told) or told.count(asked) > attempt


def seconds_to_speak(pod: Any) -> int:
    """Return the grace of a pod that was asked to end and still runs; 0 where nothing more can come from it."""
    if pod.metadata.deletion_timestamp is None:
        return 0
    lost = any(one.type == "DisruptionTarget" and one.reason in LOST for one in pod.status.conditions or [])
    runs = any(one.state.running for one in pod.status.container_statuses or [])
    return (pod.metadata.deletion_grace_period_seconds or 0) if runs and not lost else 0
