"""The asset `refresh_report`: what became of the night, on one page.

Belongs here: the page, telling the webhook, and tidying the store afterwards. Does not: deciding what is launched.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from adcraft_assets.approvals import approved_digests
from adcraft_assets.evidence import numbers
from adcraft_assets.identities import VERSIONS
from adcraft_assets.partitions import Catalog
from adcraft_assets.refreshes import (
    NIGHTLY,
    REPORTS,
    Progress,
    RefreshPlan,
    current_plan,
    progress_of,
)
from adcraft_assets.webhooks import tell
from adcraft_resources.errors import UpstreamMissing
from adcraft_resources.exports import write_whole
from adcraft_resources.retention import Pruning, prune
from adcraft_resources.store import BundleStore, to_json

SHOWN = 50


@dg.asset(deps=["refresh_plan"], group_name="refresh", kinds={"markdown"}, owners=["team:creative"])
def refresh_report(
    context: dg.AssetExecutionContext, catalog: Catalog, store: BundleStore
) -> dg.MaterializeResult:
    """What became of the night: what was made, what failed and why, what a gate holds; old generations are pruned.

    Also written to `results/refresh_report.json` and `.md`, and sent to ADCRAFT_WEBHOOK_URL where it is set.
    """
    settings = catalog.settings()
    plan = current_plan(store)
    if plan is None:
        raise UpstreamMissing(
            "There is no plan to report on.", remedy="Run the job ad_variant_refresh first."
        )
    pruned = prune(store, settings.retention, approved_digests(catalog))
    report = report_of(store, plan, progress_of(context.instance, plan, settings.refresh.retries), pruned)
    page = page_of(report)
    folder = catalog.results_folder()
    write_whole(folder / "refresh_report.json", to_json(report))
    write_whole(folder / "refresh_report.md", page)
    store.ensure(REPORTS, NIGHTLY, report, lambda _: None)
    told = tell(headline_of(report), report)
    context.log.info(told)
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.md(page),
            "webhook": dg.MetadataValue.text(told),
            **numbers(report),
        }
    )


def report_of(store: BundleStore, plan: RefreshPlan, progress: Progress, pruned: Pruning) -> dict[str, Any]:
    """Return the report of a plan; every ad that was checked is in exactly one of its lists."""
    failed = {need.key: _told(need.stage, need.why) for need in plan.needs if need.state == "failed"}
    held = {need.key: _told(need.stage, need.why) for need in plan.needs if need.state == "held"}
    failed.update({key: _told(fault.stage, fault.reason) for key, fault in progress.failed.items()})
    held.update({key: _told(fault.stage, fault.reason) for key, fault in progress.held.items()})
    seconds, cost = _spent(store, progress.made, plan.made_at)
    return {
        "plan": plan.id,
        "night": plan.night,
        "mode": plan.mode,
        "planned_at": plan.made_at,
        "checked": plan.checked,
        "needed_nothing": plan.fresh,
        "made": sorted(progress.made),
        "failed": failed,
        "held": held,
        "unfinished": sorted([*progress.waiting, *progress.ready]),
        "busy": list(plan.busy),
        "why": {need.key: need.why for need in plan.needs if need.state == "stale"},
        "made_count": len(progress.made),
        "failed_count": len(failed),
        "held_count": len(held),
        "attempts": progress.attempts,
        "runs": progress.run_ids,
        "stage_seconds": seconds,
        "cost_usd": cost,
        "pruned": len(pruned.removed),
        "pruned_mb": round(pruned.removed_bytes / 1e6, 1),
        "store_gb": round(pruned.kept_bytes / 1e9, 3),
    }


def headline_of(report: Mapping[str, Any]) -> str:
    """Return the night in one line."""
    return (
        f"adcraft {report['night']}: {report['made_count']} ads made, {report['failed_count']} failed, "
        f"{report['held_count']} held by a gate, {report['needed_nothing']} of {report['checked']} needed nothing"
    )


def page_of(report: Mapping[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [f"# {headline_of(report)}", ""]
    for title, entries in (("Failed", report["failed"]), ("Held by a gate", report["held"])):
        if entries:
            lines += [f"## {title}", "", "| ad | stage | why |", "|---|---|---|"]
            lines += [
                f"| {key} | {one['stage']} | {_cell(one['why'])} |"
                for key, one in list(entries.items())[:SHOWN]
            ]
            lines += [f"| and {len(entries) - SHOWN} more | | |"] if len(entries) > SHOWN else []
            lines.append("")
    if report["made"]:
        lines += ["## Made", "", "| ad | because |", "|---|---|"]
        lines += [f"| {key} | {_cell(report['why'].get(key, ''))} |" for key in report["made"][:SHOWN]]
        lines += [f"| and {len(report['made']) - SHOWN} more | |"] if len(report["made"]) > SHOWN else []
        lines.append("")
    for name, told in (("unfinished", "Not finished"), ("busy", "Left to other runs")):
        if report[name]:
            lines += [f"{told}: {', '.join(report[name][:SHOWN])}", ""]
    seconds = ", ".join(f"{stage} {value:g} s" for stage, value in report["stage_seconds"].items() if value)
    lines.append(f"{report['attempts']} attempts, {len(report['runs'])} runs. Work: {seconds or 'none'}.")
    lines.append(
        f"Paid for copy: {report['cost_usd']:.4f} USD. Pruned {report['pruned']} old generations "
        f"({report['pruned_mb']} MB); the store holds {report['store_gb']} GB."
    )
    return "\n".join(lines) + "\n"


def _spent(store: BundleStore, made: list[str], since: str) -> tuple[dict[str, float], float]:
    """Return seconds by stage and dollars of what the night made anew."""
    seconds, cost = dict.fromkeys(VERSIONS, 0.0), 0.0
    for key in made:
        for stage in VERSIONS:
            manifest = store.manifest(stage, key) or {}
            if str(manifest.get("made_at", "")) >= since:
                seconds[stage] += float(manifest.get("seconds", 0.0))
                cost += float(manifest.get("usage", {}).get("usd") or 0.0)
    return {stage: round(value, 2) for stage, value in seconds.items()}, cost


def _told(stage: str, why: str) -> dict[str, str]:
    return {"stage": stage, "why": why}


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")
