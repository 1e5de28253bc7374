"""`adcraft refresh`, `adcraft approve` and `adcraft prune`: what keeps a catalogue in shape.

Belongs here: from arguments to the rooms that do it, and their words. Does not: planning, judging, deleting.
"""

import sys
from argparse import Namespace
from pathlib import Path

from adcraft_assets.approvals import approvals_of, approvals_path, approve, approved_digests
from adcraft_assets.commands.home import enter_home, open_instance
from adcraft_assets.commands.reports import progress_style, say
from adcraft_assets.definitions import build_defs, resources_of
from adcraft_assets.deliveries import deliver
from adcraft_assets.launches import launch_refresh, launch_summary, launch_verdicts
from adcraft_assets.partitions import Catalog
from adcraft_assets.refresh_plan import make_plan
from adcraft_assets.refresh_report import headline_of, page_of
from adcraft_assets.staleness import Roles
from adcraft_resources.errors import ConfigInvalid, UpstreamMissing
from adcraft_resources.progress import Progress
from adcraft_resources.retention import prune
from adcraft_resources.signing import load_signer
from adcraft_resources.store import BundleStore


def refresh(arguments: Namespace) -> int:
    """Refresh the catalogue in this process, or only say what a refresh would make; 1 when ads failed."""
    path = Path(arguments.config).resolve()
    home = enter_home()
    resources = resources_of(path)
    catalog, store = resources["catalog"], resources["store"]
    with open_instance(home) as instance:
        if arguments.dry_run:
            plan = make_plan(
                instance,
                catalog,
                store,
                resources["downloader"],
                Roles(resources),
                night="dry-run",
                turn=False,
            )
            for need in plan.needs:
                sys.stdout.write(f"{need.state} {need.key} {need.stage}: {need.why}\n")
            say(f"{plan.checked} ads checked, {len(plan.stale)} would be made, {plan.fresh} need nothing")
            return 0
        defs = build_defs(path, {"progress": Progress(style=progress_style())})
        report = launch_refresh(defs, instance, store, catalog, say)
        launch_summary(defs, instance)
    sys.stdout.write(page_of(report))
    say(headline_of(report))
    return 1 if report["failed"] else 0


def approve_variants(arguments: Namespace) -> int:
    """Let variants of an ad out: into the approval file, and into the folder of results at once."""
    path = Path(arguments.config).resolve()
    home = enter_home()
    resources = resources_of(path)
    catalog: Catalog = resources["catalog"]
    store: BundleStore = resources["store"]
    settings, ad = catalog.settings(), catalog.ad(arguments.key)
    ranking = store.current("ranked_outputs", ad.key)
    if ranking is None:
        raise UpstreamMissing(f"{ad.key} has no ranked variants.", remedy="Make them first: adcraft run.")
    ranked = ranking.read_json("ranking.json")["ranked"]
    asked = arguments.variant or [one["id"] for one in ranked]
    unknown = [name for name in asked if name not in {one["id"] for one in ranked}]
    if unknown:
        known = ", ".join(one["id"] for one in ranked)
        raise ConfigInvalid(f"{ad.key} delivers no variant {unknown[0]!r}.", remedy=f"Known: {known}.")
    approve(approvals_path(catalog), ad.key, [one for one in ranked if one["id"] in asked])
    approvals = approvals_of(catalog, settings)
    signer = load_signer(settings.c2pa, catalog.folder)
    deliver(store, ranking, ad, settings, catalog.results_folder(), approvals, signer)
    verdict = approvals.verdict(ad.key, ranked)
    with open_instance(home) as instance:
        launch_verdicts(build_defs(path), instance, [ad.key])
    say(f"{ad.key}: {verdict.reason}")
    if settings.approval != "required":
        say('approval is off in the config; set "approval": "required" to hold variants back')
    return 0


def prune_store(arguments: Namespace) -> int:
    """Remove the generations the policy no longer keeps, or only name them."""
    path = Path(arguments.config).resolve()
    enter_home()
    resources = resources_of(path)
    catalog: Catalog = resources["catalog"]
    policy, approved = catalog.settings().retention, approved_digests(catalog)
    pruned = prune(resources["store"], policy, approved, dry_run=arguments.dry_run)
    for one in pruned.removed:
        sys.stdout.write(f"{one.made_at:%Y-%m-%d} {one.size_bytes:>12} {one.kind}/{one.key}/{one.digest}\n")
    word = "would go" if arguments.dry_run else "removed"
    say(
        f"{len(pruned.removed)} generations {word} ({pruned.removed_bytes / 1e6:.1f} MB), "
        f"{pruned.kept} stay ({pruned.kept_bytes / 1e6:.1f} MB)"
    )
    return 0
