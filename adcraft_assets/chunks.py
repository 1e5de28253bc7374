"""The loop every partitioned asset runs: key by key, keeping the good ones when others fail.

A range step either succeeds for all its keys or fails. So good keys are logged before the step fails, the
failure names the bad ones, and whoever launched the run starts the good ones again without them; nothing is
computed twice, because bundles are memoized. Belongs here: this loop. Does not: what is made of a key.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from adcraft_assets.checks import log_verdicts, results_of
from adcraft_assets.partitions import PROFILE, SEPARATOR, tags_of
from adcraft_resources.allocator import return_freed_pictures, share_arenas
from adcraft_resources.errors import AdcraftError
from adcraft_resources.gates import Verdict
from adcraft_resources.store import Bundle

CHUNK = dg.BackfillPolicy.multi_run(max_partitions_per_run=8)
TRANSIENT_RETRIES = dg.RetryPolicy(
    max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
)
BAD_PARTITIONS = "bad_partitions"
"""Metadata key of a failure under which the bad keys and their reasons stand."""
TRANSIENT_PARTITIONS = "transient_partitions"
"""Metadata key of a failure under which those of the bad keys stand that another try may help."""


@dataclass(frozen=True)
class Made:
    """What an asset made of one key: its bundle, whether it was there already, what the UI shows."""

    bundle: Bundle
    reused: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()

    def shown(self) -> dict[str, Any]:
        """Return the metadata of the materialization."""
        product, _, video = self.bundle.key.partition(SEPARATOR)
        return {
            "product": dg.MetadataValue.text(product),
            "video": dg.MetadataValue.text(video),
            **self.metadata,
            "digest": dg.MetadataValue.text(self.bundle.digest),
            "seconds": dg.MetadataValue.float(self._spent("seconds", self.bundle.manifest)),
            "cost_usd": dg.MetadataValue.float(self._spent("usd", self.bundle.manifest.get("usage", {}))),
            "reused": dg.MetadataValue.bool(self.reused),
            "bundle": dg.MetadataValue.path(str(self.bundle.path)),
        }

    def _spent(self, name: str, told: Mapping[str, Any]) -> float:
        """Return what this run spent; what was there already costs nothing."""
        return 0.0 if self.reused else float(told.get(name) or 0.0)


@dataclass(frozen=True)
class Bad:
    """Why a key failed and whether trying again can help."""

    reason: str
    transient: bool


def make_chunk(
    context: dg.AssetExecutionContext, make: Callable[[str], Made], *, workers: int = 1
) -> dg.MaterializeResult:
    """Run `make` for each key of the run and report per partition.

    Args:
        context: Of the asset.
        make: Makes one key's bundle.
        workers: Keys made at the same time, for stages that keep one core busy and no more.

    Raises:
        dg.Failure: Some keys failed for good; the others are materialized and the failure names the bad ones.
        dg.RetryRequested: Some keys failed for a transient cause and the asset's retry policy has tries left.
    """
    share_arenas()
    made: dict[str, Made] = {}
    bad: dict[str, Bad] = {}
    keys = list(context.partition_keys)
    outcomes = _in_turn_or_side_by_side(keys, lambda key: attempt(context, key, make), workers)
    for key, outcome in zip(keys, outcomes, strict=True):
        if isinstance(outcome, Bad):
            bad[key] = outcome
        else:
            made[key] = outcome
    return report_chunk(context, made, bad)


def _tag_run(context: dg.AssetExecutionContext) -> None:
    """Tag the run with its profile, product and video, whoever launched it."""
    profile = context.assets_def.tags_by_key[context.asset_key].get(PROFILE)
    if profile is None:
        return
    missing = tags_of(context.partition_keys, profile).items() - context.run.tags.items()
    if missing:
        context.instance.add_run_tags(context.run.run_id, dict(missing))


def _in_turn_or_side_by_side(
    keys: Sequence[str], do: Callable[[str], Made | Bad], workers: int
) -> list[Made | Bad]:
    """Return what `do` returns for each key; an interrupt (eviction, cancel) is passed on at once."""
    if workers == 1:
        return [do(key) for key in keys]
    pool = ThreadPoolExecutor(workers)
    try:
        return list(pool.map(do, keys))
    finally:
        # Waiting here for keys still being made would use up the grace a pod has before it is killed.
        pool.shutdown(wait=False, cancel_futures=True)


def attempt(context: dg.AssetExecutionContext, key: str, make: Callable[[str], Made]) -> Made | Bad:
    """Return what `make` made of the key, or why it failed; a fault in one key never costs its siblings."""
    try:
        return make(key)
    except AdcraftError as error:
        context.log.error(f"{key}: {error}")
        return Bad(str(error), error.transient)
    except Exception as error:  # a bug met by one video is reported for it, with its trace
        context.log.error(f"{key}: {traceback.format_exc()}")
        return Bad(
            f"unexpected {type(error).__name__}: {error}. The run's log holds the trace.", transient=False
        )
    finally:
        return_freed_pictures()


def report_chunk(
    context: dg.AssetExecutionContext, made: Mapping[str, Made], bad: Mapping[str, Bad]
) -> dg.MaterializeResult:
    """Log what was made, per partition; fail the step when keys are bad."""
    _tag_run(context)
    if any(fault.transient for fault in bad.values()) and _may_retry(context):
        raise dg.RetryRequested(
            max_retries=TRANSIENT_RETRIES.max_retries, seconds_to_wait=TRANSIENT_RETRIES.delay
        )
    verdicts = {key: one.verdicts for key, one in made.items() if one.verdicts}
    if bad:
        for key, one in made.items():
            context.log_event(
                dg.AssetMaterialization(
                    context.asset_key, partition=key, metadata=one.shown(), tags=_version(one)
                )
            )
        log_verdicts(context, verdicts)
        reasons = {key: fault.reason for key, fault in bad.items()}
        told = "; ".join(f"{key}: {reason}" for key, reason in reasons.items())
        raise dg.Failure(
            f"{context.asset_key.to_user_string()} failed for {len(bad)} of {len(bad) + len(made)} videos. {told}",
            metadata={
                BAD_PARTITIONS: dg.MetadataValue.json(reasons),
                TRANSIENT_PARTITIONS: dg.MetadataValue.json([key for key in bad if bad[key].transient]),
            },
            allow_retries=False,
        )
    for key, one in made.items():
        context.add_asset_metadata(one.shown(), partition_key=key)
    if (
        verdicts and not context.has_partition_key
    ):  # in a range Dagster would keep no partition with a verdict
        log_verdicts(context, verdicts)
    single = next(iter(made.values())) if len(made) == 1 else None
    return dg.MaterializeResult(
        check_results=results_of(verdicts, {key: one.metadata for key, one in made.items()})
        if verdicts
        else [],
        data_version=dg.DataVersion(single.bundle.digest) if single else None,
    )


def _may_retry(context: dg.AssetExecutionContext) -> bool:
    return context.op_execution_context.retry_number < TRANSIENT_RETRIES.max_retries


def _version(one: Made) -> dict[str, str]:
    return {"dagster/data_version": one.bundle.digest}
