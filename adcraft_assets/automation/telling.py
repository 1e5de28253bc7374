"""Telling people of failed runs.

Belongs here: the sensor and its words. Does not: how a message is sent (webhooks).
"""

import dagster as dg

from adcraft_assets.automation.nights import report_job
from adcraft_assets.failures import faults_of, gate_faults_of, keys_of
from adcraft_assets.refreshes import REFRESH
from adcraft_assets.webhooks import tell

SHOWN = 10


@dg.run_failure_sensor(
    name="tell_failures",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends a failed run with its ads, stages and causes to ADCRAFT_WEBHOOK_URL; silent where it is unset. "
    "Runs of a refresh are left to its report.",
)
def failure_sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason:
    """Tell the webhook which ads failed, where and why."""
    run, instance = context.dagster_run, context.instance
    if REFRESH in run.tags and run.job_name != report_job.name:
        return dg.SkipReason("The refresh's report tells of it.")
    faults = {**faults_of(run.run_id, instance), **gate_faults_of(run.run_id, instance)}
    lines = [f"{key} failed at {fault.stage}: {fault.reason}" for key, fault in list(faults.items())[:SHOWN]]
    lines = lines or [context.failure_event.message or "the run broke off; its log tells more"]
    facts = {
        "run_id": run.run_id,
        "job": run.job_name,
        "ads": keys_of(run, instance),
        "failed": {key: {"stage": fault.stage, "why": fault.reason} for key, fault in faults.items()},
    }
    return dg.SkipReason(tell(f"adcraft: run {run.run_id[:8]} failed\n" + "\n".join(lines), facts))
