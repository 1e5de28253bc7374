"""Jobs a person or a schedule launches by name.

Belongs here: selections of the graph and small maintenance jobs. Does not: when they run.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
from pydantic import Field

from adcraft_assets.approvals import Approvals, approvals_of
from adcraft_assets.checks import evaluation_of, materialization_of, verdicts_of
from adcraft_assets.partitions import Catalog
from adcraft_assets.settings import Settings
from adcraft_resources.experiments import judge_isolation
from adcraft_resources.gates import GATES, Verdict
from adcraft_resources.store import Bundle, BundleStore

PARTITIONED = (
    "source_video",
    "keyframes",
    "ocr_masks",
    "cleaned_frames",
    "hooks",
    "styled_variants",
    "ranked_outputs",
)

ad_variant_job = dg.define_asset_job(
    "make_ad_variants",
    selection=dg.AssetSelection.assets(*PARTITIONED),
    description="All stages of the chosen videos, from the source ad to ranked variants.",
)


class Chosen(dg.Config):
    """Which ads to judge again; all that are made where none is named."""

    keys: list[str] = Field(default_factory=list)


@dg.op(description="Judge every made ad by today's thresholds and approvals; nothing is rendered.")
def judge_again(context: dg.OpExecutionContext, config: Chosen, catalog: Catalog, store: BundleStore) -> None:
    """Emit the verdicts of all gates again, from stored figures.

    They are events of a run: Dagster keeps only one verdict per partition that belongs to none.
    """
    count = 0
    for evaluation in evaluations(context.instance, catalog, store, config.keys):
        context.log_event(evaluation)  # pyright: ignore[reportArgumentType]  accepted, though not in its annotation
        count += 1
    context.log.info(f"{count} verdicts emitted")


def evaluations(
    instance: dg.DagsterInstance, catalog: Catalog, store: BundleStore, keys: Sequence[str] = ()
) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield today's verdicts on every current bundle, of some keys or of all."""
    settings = catalog.settings()
    approvals = approvals_of(catalog, settings)
    for stage in (*GATES, "ranked_outputs"):
        for key in keys or store.list_keys(stage):
            bundle = store.current(stage, key)
            if bundle is None:
                continue
            for verdict in judge_bundle(bundle, settings, approvals):
                of = materialization_of(instance, stage, key)
                yield evaluation_of(dg.AssetKey(stage), key, verdict, of=of)


def judge_bundle(bundle: Bundle, settings: Settings, approvals: Approvals) -> tuple[Verdict, ...]:
    """Return today's verdicts on a bundle: the gates', or people's and whether cells are isolated."""
    if bundle.kind in GATES:
        return verdicts_of(bundle, settings.gates)
    ranking = bundle.read_json("ranking.json")
    return approvals.verdict(bundle.key, ranking["ranked"]), judge_isolation(ranking)


@dg.job(description="Re-emits the verdicts of all gates after a threshold changed, without rendering.")
def regate_ads() -> None:
    """Judge every made ad again."""
    judge_again()
