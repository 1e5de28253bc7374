"""Running the graph in this process: chunk by chunk, and the good keys again when others fail.

Belongs here: what the command line does in place of the daemon. Does not: parsing commands, printing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import dagster as dg

from adcraft_assets.automation.failures import RELAUNCH_OF, bad_keys_of, failed_checks_of, range_tags
from adcraft_assets.automation.jobs import PARTITIONED
from adcraft_assets.automation.sensors import missing_partitions
from adcraft_assets.partitions import chunks_of, video_partitions

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
) -> Outcome:
    """Materialize `assets` for the keys and relaunch the good ones of a failed chunk until all is decided.

    Args:
        defs: The definitions.
        instance: Where runs and events are recorded; the keys must have partitions there.
        keys: Partition keys.
        most: Keys per run.
        assets: Asset names, any subset of the partitioned ones.
        tell: Called with a line for a person when a run starts or a key fails.
    """
    outcome = Outcome()
    inserted = instance.get_dynamic_partitions(str(video_partitions.name))
    pending = [(chunk, None) for chunk in chunks_of(keys, inserted, most)]
    while pending:
        chunk, parent = pending.pop(0)
        run_id, bad = _run(defs, instance, chunk, assets, parent)
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
    parent: str | None,
) -> tuple[str, dict[str, str]]:
    """Run one chunk; return the run's id and its bad keys with reasons (all of them when none is named)."""
    job = defs.resolve_implicit_global_asset_job_def()
    tags = {"adcraft/launcher": "cli", **({RELAUNCH_OF: parent} if parent else {})}
    single = len(chunk) == 1
    result = job.execute_in_process(
        instance=instance,
        partition_key=chunk[0] if single else None,
        tags=tags if single else {**tags, **range_tags(chunk)},
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


def launch_summary(defs: dg.Definitions, instance: dg.DagsterInstance) -> bool:
    """Materialize `processing_summary`; return whether it worked."""
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey("processing_summary")],
        run_config=QUIET,
        tags={"adcraft/launcher": "cli"},
        raise_on_error=False,
    )
    return result.success
