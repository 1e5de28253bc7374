"""A refresh: a night's plan, and from the runs it led to, what is to be launched next or has come of it.

Belongs here: the plan's record and the decision after each run. Does not: asking sources (refresh_plan), launching
(automation, launches).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from adcraft_assets.failures import REFRESH, Fault, faults_of, gate_faults_of, keys_of
from adcraft_assets.partitions import chunks_of, video_partitions
from adcraft_assets.staleness import Need
from adcraft_resources.store import BundleStore, digest_of

PLANS, REPORTS, NIGHTLY = "refresh_plans", "refresh_reports", "nightly"
ATTEMPT = "adcraft/attempt"
NIGHT = "adcraft/night"


@dataclass(frozen=True)
class RefreshPlan:
    """What a night found and means to do.

    Attributes:
        id: Names the plan in run tags.
        night: Date of the night.
        mode: `changed` or `rotate`.
        checked: Ads looked at.
        fresh: Ads that need nothing.
        needs: What the others need.
        busy: Keys that other runs were making at that time, or were about to.
    """

    id: str
    night: str
    mode: str
    made_at: str
    checked: int
    fresh: int
    needs: tuple[Need, ...]
    busy: tuple[str, ...] = ()

    @property
    def stale(self) -> list[str]:
        """The keys to be launched."""
        return [need.key for need in self.needs if need.state == "stale"]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able record."""
        told = {name: getattr(self, name) for name in ("id", "night", "mode", "made_at", "checked", "fresh")}
        return {**told, "needs": [need.to_dict() for need in self.needs], "busy": list(self.busy)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "RefreshPlan":
        """Return the plan written by `to_dict`."""
        needs = tuple(Need(**need) for need in told["needs"])
        return cls(**{**told, "needs": needs, "busy": tuple(told["busy"])})


@dataclass
class Progress:
    """Where a refresh stands, by key.

    Attributes:
        made: Keys a run finished.
        failed: Keys given up, with their last fault.
        held: Keys a gate holds back, with the reason.
        waiting: Keys of runs that have not finished.
        ready: Keys to be launched now.
        attempts: Highest attempt launched so far.
        run_ids: Runs so far.
    """

    made: list[str] = field(default_factory=list)
    failed: dict[str, Fault] = field(default_factory=dict)
    held: dict[str, Fault] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    ready: list[str] = field(default_factory=list)
    attempts: int = 0
    run_ids: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing runs and nothing is left to launch."""
        return not self.waiting and not self.ready


def keep_plan(store: BundleStore, plan: RefreshPlan) -> None:
    """Make a plan the current one."""
    store.ensure(PLANS, NIGHTLY, plan.to_dict(), lambda _: None)


def current_plan(store: BundleStore) -> RefreshPlan | None:
    """Return the newest plan, or None before the first night."""
    manifest = store.manifest(PLANS, NIGHTLY)
    return RefreshPlan.from_dict(manifest["identity"]) if manifest else None


def current_report(store: BundleStore) -> Mapping[str, Any] | None:
    """Return the newest report, or None."""
    manifest = store.manifest(REPORTS, NIGHTLY)
    return manifest["identity"] if manifest else None


def plan_id(night: str, made_at: str, needs: Iterable[Need]) -> str:
    """Return a plan's id: its date and what tells it from the date's other plans."""
    return f"{night}-{digest_of([made_at, [need.to_dict() for need in needs]])[:8]}"


def runs_of(instance: dg.DagsterInstance, plan: RefreshPlan) -> list[dg.DagsterRun]:
    """Return the runs that make a plan's ads, the oldest first."""
    runs = instance.get_runs(dg.RunsFilter(tags={REFRESH: plan.id}))
    return sorted((run for run in runs if ATTEMPT in run.tags), key=lambda run: int(run.tags[ATTEMPT]))


def progress_of(instance: dg.DagsterInstance, plan: RefreshPlan, retries: int) -> Progress:
    """Return where a refresh stands, judged by its runs alone.

    A finished run settles its keys. In a failed run the keys named settle unless the fault may pass; the others go
    on without them; a run that broke off without naming any counts as a try of all its keys.
    """
    inserted = instance.get_dynamic_partitions(str(video_partitions.name))
    progress, open_keys = Progress(), dict.fromkeys(plan.stale, 0)
    last: dict[str, Fault] = {}
    for run in runs_of(instance, plan):
        progress.attempts = max(progress.attempts, int(run.tags[ATTEMPT]))
        progress.run_ids.append(run.run_id)
        covered = [key for key in keys_of(run, instance, inserted) if key in open_keys]
        if not run.is_finished:
            progress.waiting.extend(covered)
            continue
        _settle(progress, open_keys, last, covered, _outcome(run, instance, covered))
    for key, tries in open_keys.items():
        if key in progress.waiting:
            continue
        if tries > retries:
            progress.failed[key] = last[key]
        elif not progress.waiting:
            progress.ready.append(key)
    return progress


def _outcome(
    run: dg.DagsterRun, instance: dg.DagsterInstance, covered: Sequence[str]
) -> dict[str, Fault] | None:
    """Return the faults of a finished run by key; None when it broke off without naming any."""
    if run.status == dg.DagsterRunStatus.SUCCESS:
        return {}
    if run.status == dg.DagsterRunStatus.CANCELED:
        return dict.fromkeys(covered, Fault("", f"a person cancelled the run {run.run_id}", transient=False))
    faults = {**faults_of(run.run_id, instance), **gate_faults_of(run.run_id, instance)}
    return {key: fault for key, fault in faults.items() if key in covered} or None


def _settle(
    progress: Progress,
    open_keys: dict[str, int],
    last: dict[str, Fault],
    covered: Sequence[str],
    faults: dict[str, Fault] | None,
) -> None:
    """Carry one finished run's outcome into the progress."""
    broke_off = Fault("", "the run broke off without naming a cause; its log tells more", transient=True)
    for key in covered:
        fault = broke_off if faults is None else faults.get(key)
        if fault is None:
            if not faults:
                progress.made.append(key)
                del open_keys[key]
        elif fault.transient:
            open_keys[key] += 1
            last[key] = fault
        else:
            (progress.held if fault.is_gate else progress.failed)[key] = fault
            del open_keys[key]


def next_chunks(
    instance: dg.DagsterInstance, plan: RefreshPlan, progress: Progress, most: int
) -> list[tuple[list[str], dict[str, str]]]:
    """Return the chunks to launch now with their run tags."""
    inserted = instance.get_dynamic_partitions(str(video_partitions.name))
    tags = {
        REFRESH: plan.id,
        ATTEMPT: str(progress.attempts + 1),
        NIGHT: plan.night,
        "dagster/max_retries": "0",
    }
    return [(chunk, tags) for chunk in chunks_of(progress.ready, inserted, most)]
