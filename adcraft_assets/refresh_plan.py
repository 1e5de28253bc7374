"""The asset `refresh_plan`: what the night has to make.

Belongs here: asking every source, comparing digests, turning tired variants, keeping the plan. Does not: launching.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg

from adcraft_assets.approvals import approvals_of
from adcraft_assets.evidence import numbers, table
from adcraft_assets.partitions import Ad, Catalog, ads_of, video_partitions
from adcraft_assets.refreshes import NIGHT, RefreshPlan, keep_plan, plan_id
from adcraft_assets.settings import Settings
from adcraft_assets.source_states import ask_sources
from adcraft_assets.staleness import Need, Roles, Surveyor
from adcraft_assets.work_in_hand import keys_at_work, keys_left_to_automation
from adcraft_resources.downloads import Downloader
from adcraft_resources.rotations import rotate, rotation_of, tired_variants
from adcraft_resources.signing import fingerprint_of
from adcraft_resources.store import BundleStore

SHOWN = 200


@dg.asset(group_name="refresh", kinds={"python"}, owners=["team:creative"])
def refresh_plan(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    store: BundleStore,
    downloader: Downloader,
    roles: dg.ResourceParam[Roles],
) -> dg.MaterializeResult:
    """What the night has to make: every source is asked again, every digest compared; nothing is rendered.

    The sensor `refresh_follow_up` then launches the ads of the plan in chunks.
    """
    settings = catalog.settings()
    night = context.run.tags.get(NIGHT) or f"{datetime.now(ZoneInfo(settings.refresh.timezone)):%Y-%m-%d}"
    plan = make_plan(context.instance, catalog, store, downloader, roles, night=night)
    keep_plan(store, plan)
    context.log.info(f"{plan.checked} ads checked, {len(plan.stale)} to make, {plan.fresh} need nothing")
    return dg.MaterializeResult(metadata=_shown(plan))


def make_plan(
    instance: dg.DagsterInstance,
    catalog: Catalog,
    store: BundleStore,
    downloader: Downloader,
    roles: Roles,
    *,
    night: str,
    turn: bool = True,
) -> RefreshPlan:
    """Return the plan of a night; ads that others make just now, or are about to, are left to them.

    Args:
        instance: Where partitions and runs are; new ads get their partitions.
        catalog: The config.
        store: What is made.
        downloader: Asks the sources.
        roles: Who would make things now.
        night: Date of the night.
        turn: Whether tired variants give way in the mode `rotate`; a look ahead leaves them.
    """
    settings = catalog.settings()
    ads = ads_of(settings)
    name = str(video_partitions.name)
    inserted = list(instance.get_dynamic_partitions(name))
    present = set(inserted)
    new = [key for key in ads if key not in present]
    if new:
        instance.add_dynamic_partitions(name, new)
    busy = keys_at_work(instance)
    seal = fingerprint_of(settings.c2pa, catalog.folder)
    approvals = approvals_of(catalog, settings)
    surveyor = Surveyor(store, settings, roles, catalog.results_folder(), approvals, seal)
    needs = _needs(surveyor, {key: ad for key, ad in ads.items() if key not in busy}, catalog, downloader)
    unmade = [key for key, need in needs.items() if (need.state, need.stage) == ("stale", "source_video")]
    for key in keys_left_to_automation(instance, unmade):
        busy.add(key)
        del needs[key]
    if turn and settings.refresh.mode == "rotate":
        needs = {key: _turned(store, need, settings, night) for key, need in needs.items()}
    wanting = tuple(need for need in needs.values() if need.state != "fresh")
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    return RefreshPlan(
        id=plan_id(night, made_at, wanting),
        night=night,
        mode=settings.refresh.mode,
        made_at=made_at,
        checked=len(needs),
        fresh=len(needs) - len(wanting),
        needs=wanting,
        busy=tuple(sorted(busy & ads.keys())),
    )


def _needs(
    surveyor: Surveyor, ads: Mapping[str, Ad], catalog: Catalog, downloader: Downloader
) -> dict[str, Need]:
    states = ask_sources(surveyor.store, ads, catalog.folder, downloader)
    return {key: surveyor.need_of(ad, states[key]) for key, ad in ads.items()}


def _turned(store: BundleStore, need: Need, settings: Settings, night: str) -> Need:
    """Rotate an ad that needs nothing else; once a night, so that a plan made again asks for no second turn."""
    before = rotation_of(store, need.key)
    if need.state != "fresh" or (before is not None and before.night == night):
        return need
    refresh = settings.refresh
    retired = tired_variants(store, need.key, refresh.rotate, refresh.rotate_by)
    if not retired:
        return need
    rotate(store, need.key, night=night, retired=retired)
    return Need(need.key, "stale", "hooks", f"rotated: {', '.join(retired)} give way to fresh variants")


def _shown(plan: RefreshPlan) -> dict[str, dg.MetadataValue]:
    told = [need.to_dict() for need in plan.needs[:SHOWN]]
    return {
        "plan": dg.MetadataValue.text(plan.id),
        "needs": table(told),
        **numbers(
            {
                "checked": plan.checked,
                "to_make": len(plan.stale),
                "need_nothing": plan.fresh,
                "held": sum(need.state == "held" for need in plan.needs),
                "source_faults": sum(need.state == "failed" for need in plan.needs),
            }
        ),
    }
