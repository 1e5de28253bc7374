"""Jobs a person or a schedule launches by name.

Belongs here: selections of the graph and small maintenance jobs. Does not: when they run.
"""

import dagster as dg

from adcraft_assets.checks import verdicts_of
from adcraft_assets.partitions import Catalog
from adcraft_resources.gates import GATES
from adcraft_resources.store import BundleStore

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


@dg.op(description="Judge every made ad by today's thresholds; nothing is rendered.")
def judge_again(context: dg.OpExecutionContext, catalog: Catalog, store: BundleStore) -> None:
    """Re-emit the verdicts of all gates from stored figures."""
    count = regate(context.instance, catalog, store)
    context.log.info(f"{count} verdicts emitted")


def regate(instance: dg.DagsterInstance, catalog: Catalog, store: BundleStore) -> int:
    """Report today's verdicts on every current bundle to the instance; return how many."""
    gates, count = catalog.settings().gates, 0
    for stage in GATES:
        for key in store.list_keys(stage):
            bundle = store.current(stage, key)
            for verdict in verdicts_of(bundle, gates) if bundle else ():
                instance.report_runless_asset_event(
                    dg.AssetCheckEvaluation(
                        check_name=verdict.gate,
                        asset_key=dg.AssetKey(stage),
                        partition=key,
                        passed=verdict.passed,
                        blocking=True,
                        description=verdict.reason,
                    )
                )
                count += 1
    return count


@dg.job(description="Re-emits the verdicts of all gates after a threshold changed, without rendering.")
def regate_ads() -> None:
    """Judge every made ad again."""
    judge_again()
