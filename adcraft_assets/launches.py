"""Running the graph in this process: chunk by chunk, and the good keys again when others fail.

Belongs here: what the command line does in place of the daemon. Does not: parsing commands, printing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from adcraft_assets.automation.cataloguing import missing_partitions
from adcraft_assets.automation.jobs import PARTITIONED, regate_ads
from adcraft_assets.automation.nights import next_requests, refresh_job
from adcraft_assets.failures import RELAUNCH_OF, bad_keys_of, failed_checks_of, range_tags
from adcraft_assets.partitions import Catalog, chunks_of, video_partitions
from adcraft_assets.refreshes import current_plan, current_report
from adcraft_assets.run_workers import PROCESS, this_process
from adcraft_assets.work_in_hand import LAUNCHER
from adcraft_resources.errors import UpstreamMissing
from adcraft_resources.store import BundleStore

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run config that keeps Dagster's own lines off the terminal; the UI still has them."""


@dataclass
class Outcome:
    """What became of the keys of a launch."""

    made: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    run_ids: list[str] = field(default_factory=list)


def add_partitions(instance: dg.DagsterInstance, keys: Sequence[str]) -> list[str]:
    """Add a partition for each key that has none; return the new ones."""
    new = missing_partitions(instance, list(keys))
    if new:
        instance.add_dynamic_partitions(str(video_partitions.name), new)
    return new


def launch(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: Sequence[str],
    *,
    most: int,
    assets: Sequence[str] = PARTITIONED,
    tell: Callable[[str], None] = lambda _: None,
    tags: Mapping[str, str] | None = None,
) -> Outcome:
    """Materialize `assets` for the keys and relaunch the good ones of a failed chunk until all is decided.

    Args:
        defs: The definitions.
        instance: Where runs and events are recorded; the keys must have partitions there.
        keys: Partition keys.
        most: Keys per run.
        assets: Asset names, any subset of the partitioned ones.
        tell: Called with a line for a person when a run starts or a key fails.
        tags: Of every run.
    """
    outcome = Outcome()
    inserted = instance.get_dynamic_partitions(str(video_partitions.name))
    pending = [(chunk, None) for chunk in chunks_of(keys, inserted, most)]
    while pending:
        chunk, parent = pending.pop(0)
        run_id, bad = _run(defs, instance, chunk, assets, {**(tags or {}), **_origin(parent)})
        outcome.run_ids.append(run_id)
        outcome.failed.update(bad)
        good = [key for key in chunk if key not in bad]
        for key, reason in bad.items():
            tell(f"{key} failed: {reason}")
        if not bad:
            outcome.made.extend(chunk)
        else:
            pending = [(again, run_id) for again in chunks_of(good, inserted, most)] + pending
    return outcome


def _run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    chunk: list[str],
    assets: Sequence[str],
    tags: Mapping[str, str],
) -> tuple[str, dict[str, str]]:
    """Run one chunk; return the run's id and its bad keys with reasons (all of them when none is named)."""
    job = defs.resolve_implicit_global_asset_job_def()
    single = len(chunk) == 1
    result = job.execute_in_process(
        instance=instance,
        partition_key=chunk[0] if single else None,
        tags=dict(tags) if single else {**tags, **range_tags(chunk)},
        asset_selection=[dg.AssetKey(name) for name in assets],
        run_config=QUIET,
        raise_on_error=False,
    )
    if result.success:
        return result.run_id, {}
    # A failed gate holds its key back at the next stage too, which names it; a single key has only the gate.
    named = {**failed_checks_of(result.run_id, instance), **bad_keys_of(result.run_id, instance)}
    bad = {key: reason for key, reason in named.items() if key in chunk}
    return result.run_id, bad or dict.fromkeys(chunk, f"the run {result.run_id} broke off; its log tells why")


def _origin(parent: str | None) -> dict[str, str]:
    return {**_own_tags(), **({RELAUNCH_OF: parent} if parent else {})}


def _own_tags() -> dict[str, str]:
    return {LAUNCHER: "cli", PROCESS: this_process()}


def launch_refresh(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    store: BundleStore,
    catalog: Catalog,
    tell: Callable[[str], None] = lambda _: None,
) -> Mapping[str, Any]:
    """Run a whole refresh in this process, as schedule and sensor do with a daemon; return its report."""
    execute(defs, instance, dg.RunRequest(job_name=refresh_job.name))
    plan = current_plan(store)
    if plan is None:
        raise UpstreamMissing(
            "The refresh made no plan.", remedy="See the run of ad_variant_refresh in the UI."
        )
    tell(f"{plan.checked} ads checked: {len(plan.stale)} to make, {plan.fresh} need nothing")
    while True:
        report = current_report(store)
        if report is not None and report["plan"] == plan.id:
            return report
        for request in list(next_requests(instance, plan, catalog.settings())):
            if isinstance(request, dg.SkipReason):
                raise UpstreamMissing(
                    f"The refresh can't go on. {request.skip_message}", remedy="See its runs."
                )
            execute(defs, instance, request)


def execute(defs: dg.Definitions, instance: dg.DagsterInstance, request: dg.RunRequest) -> bool:
    """Run what a sensor asks for in this process; return whether it succeeded."""
    job = defs.resolve_job_def(str(request.job_name))
    selection = list(request.asset_selection) if request.asset_selection else None
    result = job.execute_in_process(
        instance=instance,
        tags={**request.tags, PROCESS: this_process()},
        asset_selection=selection,
        run_config=QUIET,
        raise_on_error=False,
    )
    return result.success


def launch_verdicts(defs: dg.Definitions, instance: dg.DagsterInstance, keys: Sequence[str] = ()) -> bool:
    """Emit today's verdicts on the keys, or on everything made; return whether it worked."""
    config = {**QUIET, "ops": {"judge_again": {"config": {"keys": list(keys)}}}}
    job = defs.resolve_job_def(regate_ads.name)
    tags = _own_tags()
    return job.execute_in_process(
        instance=instance, run_config=config, tags=tags, raise_on_error=False
    ).success


def launch_summary(defs: dg.Definitions, instance: dg.DagsterInstance) -> bool:
    """Materialize `processing_summary`; return whether it worked."""
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey("processing_summary")],
        run_config=QUIET,
        tags=_own_tags(),
        raise_on_error=False,
    )
    return result.success
