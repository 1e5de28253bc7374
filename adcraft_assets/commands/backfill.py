"""`adcraft backfill`: all ads of a product, through the daemon where one runs, in this process otherwise.

Belongs here: choosing keys and stages, handing a backfill to the instance and waiting for it. Does not: running one.
"""

import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.utils import make_new_backfill_id
from dagster._daemon.controller import get_daemon_statuses

from adcraft_assets.approvals import approvals_of
from adcraft_assets.automation.jobs import PARTITIONED
from adcraft_assets.commands.home import enter_home, open_instance
from adcraft_assets.commands.reports import progress_style, report_launch, say
from adcraft_assets.definitions import build_defs, resources_of
from adcraft_assets.failures import RELAUNCH_OF, faults_of, gate_faults_of, keys_of
from adcraft_assets.launches import Outcome, add_partitions, launch, launch_summary
from adcraft_assets.partitions import Ad, Catalog, ads_of
from adcraft_assets.settings import Settings, load_settings
from adcraft_assets.staleness import Roles, Surveyor
from adcraft_assets.work_in_hand import relaunches_to_come
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.progress import Progress
from adcraft_resources.signing import fingerprint_of

POLL_S = 2.0
BACKFILL = "adcraft/backfill"
OVER = {
    BulkActionStatus.COMPLETED,
    BulkActionStatus.COMPLETED_SUCCESS,
    BulkActionStatus.COMPLETED_FAILED,
    BulkActionStatus.FAILED,
    BulkActionStatus.CANCELED,
}


def backfill(arguments: Namespace) -> int:
    """Make the ads of a product; return 0 when all were made (or handed over), 1 when some failed."""
    path = Path(arguments.config).resolve()
    home = enter_home()
    settings = load_settings(path)
    stages = stages_from(arguments.asset)
    ads = ads_of_product(settings, arguments.product)
    if arguments.only_failed:
        ads = unfinished_ads(path, settings, ads)
    if not ads:
        say("nothing to do: every ad of the product is made")
        return 0
    with open_instance(home) as instance:
        add_partitions(instance, list(ads))
        defs = build_defs(path, {"progress": Progress(style=progress_style())})
        if daemon_is_up(instance):
            handed = hand_over(defs, instance, list(ads), stages, settings, arguments.product)
            say(f"backfill {handed}: {len(ads)} ads, {len(stages)} stages; the daemon runs it")
            if not arguments.wait:
                say("watch it in the UI under Runs → Backfills, or add --wait")
                return 0
            outcome = wait_for(instance, handed, list(ads))
        else:
            say(f"no daemon runs on this instance: {len(ads)} ads are made in this process")
            tags = {BACKFILL: make_new_backfill_id(), "adcraft/product": arguments.product}
            most = settings.batch.max_partitions_per_run
            outcome = launch(defs, instance, list(ads), most=most, assets=stages, tell=say, tags=tags)
            launch_summary(defs, instance)
    report_launch(
        resources_of(path)["store"], (path.parent / settings.results).resolve(), outcome, as_json=False
    )
    return 1 if outcome.failed else 0


def stages_from(first: str | None) -> list[str]:
    """Return the stages from `first` on, all of them by default; ConfigInvalid names what there is."""
    if first is not None and first not in PARTITIONED:
        raise ConfigInvalid(f"There is no stage {first!r}.", remedy=f"Known: {', '.join(PARTITIONED)}.")
    return list(PARTITIONED[PARTITIONED.index(first) if first else 0 :])


def ads_of_product(settings: Settings, product: str) -> dict[str, Ad]:
    """Return the ads of a product that are not disabled; ConfigInvalid names what there is."""
    known = [one.id for one in settings.products]
    if product not in known:
        raise ConfigInvalid(f"There is no product {product!r}.", remedy=f"Known: {', '.join(known)}.")
    ads = {key: ad for key, ad in ads_of(settings).items() if ad.product.id == product}
    if not ads:
        raise ConfigInvalid(f"{product} has no video that is not disabled.", remedy="Add one to the config.")
    return ads


def unfinished_ads(path: Path, settings: Settings, ads: dict[str, Ad]) -> dict[str, Ad]:
    """Return the ads that failed or were never made, or whose stages are not what the config asks for now."""
    resources = resources_of(path)
    catalog: Catalog = resources["catalog"]
    approvals = approvals_of(catalog, settings)
    seal = fingerprint_of(settings.c2pa, catalog.folder)
    results = catalog.results_folder()
    surveyor = Surveyor(resources["store"], settings, Roles(resources), results, approvals, seal)
    return {key: ad for key, ad in ads.items() if surveyor.need_of(ad).state != "fresh"}


def daemon_is_up(instance: dg.DagsterInstance) -> bool:
    """Whether a daemon that runs backfills keeps its heartbeat on this instance."""
    if instance.is_ephemeral:
        return False
    return get_daemon_statuses(instance, ["BACKFILL"])["BACKFILL"].healthy is True


def hand_over(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    keys: Sequence[str],
    stages: Sequence[str],
    settings: Settings,
    product: str,
) -> str:
    """Give the daemon a backfill and return its id."""
    made = PartitionBackfill.from_asset_partitions(
        backfill_id=make_new_backfill_id(),
        asset_graph=defs.resolve_asset_graph(),
        partition_names=list(keys),
        asset_selection=[dg.AssetKey(stage) for stage in stages],
        backfill_timestamp=time.time(),
        tags={"adcraft/product": product, "adcraft/profile": settings.profile},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=f"Backfill of {product}",
        description=None,
        run_config=None,
    )
    instance.add_backfill(made)
    return made.backfill_id


def wait_for(instance: dg.DagsterInstance, backfill_id: str, keys: Sequence[str]) -> Outcome:
    """Wait until a backfill and the runs that go on from its failed ones are over; return what became of the keys."""
    while True:
        found = instance.get_backfill(backfill_id)
        runs = _family(instance, backfill_id)
        settled = all(run.is_finished for run in runs)
        if found is not None and found.status in OVER and settled and not _awaits_relaunch(instance, runs):
            return _outcome(instance, runs, keys)
        time.sleep(POLL_S)


def _family(instance: dg.DagsterInstance, backfill_id: str) -> list[dg.DagsterRun]:
    """Return the runs of a backfill and, in turn, those that go on from them."""
    family = list(instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill_id})))
    pending = [run.run_id for run in family]
    while pending:
        later = instance.get_runs(dg.RunsFilter(tags={RELAUNCH_OF: pending.pop()}))
        family.extend(later)
        pending.extend(run.run_id for run in later)
    return family


def _awaits_relaunch(instance: dg.DagsterInstance, runs: Sequence[dg.DagsterRun]) -> bool:
    """Whether the sensor still has to start the good keys of a failed run again."""
    to_come = relaunches_to_come(instance)
    return any(run.run_id in to_come for run in runs)


def _outcome(instance: dg.DagsterInstance, runs: Sequence[dg.DagsterRun], keys: Sequence[str]) -> Outcome:
    outcome = Outcome(run_ids=[run.run_id for run in runs])
    made: set[str] = set()
    for run in runs:
        if run.status == dg.DagsterRunStatus.SUCCESS:
            made.update(keys_of(run, instance))
            continue
        bad = {**gate_faults_of(run.run_id, instance), **faults_of(run.run_id, instance)}
        outcome.failed.update({key: fault.reason for key, fault in bad.items() if key in keys})
    outcome.made = [key for key in keys if key in made and key not in outcome.failed]
    for key in keys:
        if key not in made and key not in outcome.failed:
            outcome.failed[key] = "no run finished it; see the backfill in the UI"
    return outcome
