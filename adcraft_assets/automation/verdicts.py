"""Showing the gates' verdicts on each partition of a run over several.

A range run's verdicts are logged before its materializations, and Dagster shows a verdict only when it names the
materialization it judges. So they are entered into the run once more when it is over. Belongs here: that. Does not:
judging (checks).
"""

import dagster as dg

from adcraft_assets.approvals import approvals_of
from adcraft_assets.automation.jobs import judge_bundle
from adcraft_assets.checks import evaluation_of, materialization_of
from adcraft_assets.failures import keys_of
from adcraft_assets.partitions import Catalog
from adcraft_resources.gates import GATES
from adcraft_resources.store import BundleStore

JUDGED = (*GATES, "ranked_outputs")


def show_verdicts(
    instance: dg.DagsterInstance, run: dg.DagsterRun, catalog: Catalog, store: BundleStore
) -> int:
    """Enter the verdicts on what a range run made into the run; return how many."""
    keys = [] if "dagster/partition" in run.tags else keys_of(run, instance)
    if not keys:
        return 0
    settings, count = catalog.settings(), 0
    approvals = approvals_of(catalog, settings)
    for stage in JUDGED:
        for key in keys:
            of, bundle = materialization_of(instance, stage, key), store.current(stage, key)
            if of is None or of.run_id != run.run_id or bundle is None:
                continue
            for verdict in judge_bundle(bundle, settings, approvals):
                evaluation = evaluation_of(dg.AssetKey(stage), key, verdict, of=of)
                event = dg.DagsterEvent(
                    event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
                    job_name=run.job_name,
                    event_specific_data=evaluation,
                )
                instance.report_dagster_event(event, run.run_id)
                count += 1
    return count


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    name="show_verdicts",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Shows the gates' verdicts on each partition of a run over several ads.",
)
def verdict_sensor(context: dg.RunStatusSensorContext, catalog: Catalog, store: BundleStore) -> dg.SkipReason:
    """Show the verdicts of a run that succeeded."""
    return dg.SkipReason(
        f"{show_verdicts(context.instance, context.dagster_run, catalog, store)} verdicts shown"
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.FAILURE,
    name="show_verdicts_of_failed_runs",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Shows the gates' verdicts on what a failed run had made.",
)
def failed_verdict_sensor(
    context: dg.RunStatusSensorContext, catalog: Catalog, store: BundleStore
) -> dg.SkipReason:
    """Show the verdicts of a run that failed."""
    return dg.SkipReason(
        f"{show_verdicts(context.instance, context.dagster_run, catalog, store)} verdicts shown"
    )
