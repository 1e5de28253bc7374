"""The nightly refresh: one planning run, then its chunks, further tries, and the report.

Belongs here: the jobs, the schedule and the sensor that follows a plan up. Does not: the plan or the report.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from adcraft_assets.automation.jobs import ad_variant_job
from adcraft_assets.failures import REFRESH, range_tags
from adcraft_assets.partitions import Catalog, tags_of
from adcraft_assets.refreshes import (
    ATTEMPT,
    NIGHT,
    RefreshPlan,
    current_plan,
    current_report,
    next_chunks,
    progress_of,
)
from adcraft_assets.run_workers import UNFINISHED
from adcraft_assets.settings import Settings
from adcraft_assets.work_in_hand import keys_at_work
from adcraft_resources.errors import AdcraftError
from adcraft_resources.store import BundleStore

MOST_REPORT_TRIES, SHOWN = 3, 5
OLDEST_NIGHT = timedelta(hours=12)
"""A planning run that failed longer ago is left alone: the next night plans anew."""

refresh_job = dg.define_asset_job(
    "ad_variant_refresh",
    selection=dg.AssetSelection.assets("refresh_plan"),
    tags={
        "dagster/max_retries": "0"
    },  # Dagster gives its retry up when the code server is away at that moment
    description="The nightly refresh: asks every source, compares what is made with what would be made now, and has "
    "only the changed ads made again (sensor refresh_follow_up). Start it by hand for a refresh now.",
)
report_job = dg.define_asset_job(
    "ad_variant_refresh_report",
    selection=dg.AssetSelection.assets("refresh_report"),
    description="What became of the last refresh; prunes old generations. Starts by itself when a refresh is over.",
)


def refresh_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the schedule of the nightly refresh, with cron line and time zone of the config."""

    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        left = unfinished_runs(context.instance)
        if left:
            return dg.SkipReason(f"The refresh before is not over: {len(left)} of its runs are unfinished.")
        when = context.scheduled_execution_time
        night = when.astimezone(ZoneInfo(settings.refresh.timezone))
        return dg.RunRequest(run_key=when.isoformat(), tags={NIGHT: f"{night:%Y-%m-%d}"})

    return dg.ScheduleDefinition(
        name="ad_variant_refresh",
        job=refresh_job,
        cron_schedule=settings.refresh.cron,
        execution_timezone=settings.refresh.timezone,
        execution_fn=evaluate,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Makes changed ads again every night. Cron line, time zone and mode: `refresh` in config.json.",
    )


def unfinished_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Return the runs of refreshes that are not over."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return [run for run in runs if REFRESH in run.tags or run.job_name == refresh_job.name]


@dg.sensor(
    name="refresh_follow_up",
    jobs=[ad_variant_job, refresh_job, report_job],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches the ads of the newest refresh plan in chunks, tries again what failed in passing (the plan "
    "itself too), and has the report written when all is over.",
)
def follow_up_sensor(
    context: dg.SensorEvaluationContext, catalog: Catalog, store: BundleStore
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Take the newest refresh a step further."""
    plan, report = current_plan(store), current_report(store)
    try:
        settings = catalog.settings()
    except AdcraftError as error:
        yield dg.SkipReason(f"Nothing launched, because the config can't be read. {error}")
        return
    again = plan_again(context.instance, plan, settings.refresh.retries)
    if again is not None:
        yield again
    elif plan is None:
        yield dg.SkipReason("There was no refresh yet.")
    elif report is not None and report["plan"] == plan.id:
        yield dg.SkipReason(f"The refresh {plan.id} is over and reported.")
    else:
        yield from next_requests(context.instance, plan, settings)


def plan_again(instance: dg.DagsterInstance, plan: RefreshPlan | None, retries: int) -> dg.RunRequest | None:
    """Return a request for another planning run where tonight's newest one failed before it left a plan."""
    newest = next(iter(instance.get_run_records(dg.RunsFilter(job_name=refresh_job.name), limit=1)), None)
    if newest is None or newest.dagster_run.status != dg.DagsterRunStatus.FAILURE:
        return None
    run, asked_at = newest.dagster_run, newest.create_timestamp
    tries = int(run.tags.get(ATTEMPT, "1"))
    left_a_plan = plan is not None and datetime.fromisoformat(plan.made_at) > asked_at
    if left_a_plan or tries > retries or datetime.now(UTC) - asked_at > OLDEST_NIGHT:
        return None
    night = {NIGHT: run.tags[NIGHT]} if NIGHT in run.tags else {}
    tags = {**night, ATTEMPT: str(tries + 1)}
    return dg.RunRequest(run_key=f"plan after {run.run_id}", job_name=refresh_job.name, tags=tags)


def next_requests(
    instance: dg.DagsterInstance, plan: RefreshPlan, settings: Settings
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Yield what a refresh asks for next: chunks, the report, or patience."""
    progress = progress_of(instance, plan, settings.refresh.retries)
    if progress.waiting:
        yield dg.SkipReason(f"{len(progress.waiting)} of {len(plan.stale)} ads of {plan.id} are being made.")
        return
    taken = sorted(keys_at_work(instance).intersection(progress.ready))
    if taken and len(taken) == len(progress.ready):
        yield dg.SkipReason(f"Other runs are making what is left of {plan.id}: {', '.join(taken[:SHOWN])}.")
        return
    free = replace(progress, ready=[key for key in progress.ready if key not in taken])
    for chunk, tags in next_chunks(instance, plan, free, settings.batch.max_partitions_per_run):
        yield dg.RunRequest(
            run_key=f"{plan.id}:{progress.attempts + 1}:{chunk[0]}",
            job_name=ad_variant_job.name,
            tags={**range_tags(chunk), **tags_of(chunk, settings.profile), **tags},
        )
    if not progress.ready:
        yield _report_request(instance, plan)


def _report_request(instance: dg.DagsterInstance, plan: RefreshPlan) -> dg.RunRequest | dg.SkipReason:
    reports = instance.get_runs(dg.RunsFilter(job_name=report_job.name, tags={REFRESH: plan.id}))
    if any(not run.is_finished for run in reports):
        return dg.SkipReason(f"The report of {plan.id} is being written.")
    if len(reports) >= MOST_REPORT_TRIES:
        return dg.SkipReason(f"The report of {plan.id} failed {len(reports)} times; see its runs.")
    tags = {REFRESH: plan.id, NIGHT: plan.night}
    return dg.RunRequest(run_key=f"{plan.id}:report:{len(reports)}", job_name=report_job.name, tags=tags)
