"""The asset `ad_performance`: how delivered variants did, from the results an ad account exports.

Belongs here: reading the file the config names, keeping and writing the report. Does not: statistics, or changing
any weight.
"""

import dagster as dg

from adcraft_assets.evidence import table
from adcraft_assets.partitions import Catalog, ads_of
from adcraft_assets.placement import step_of
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.exports import write_whole
from adcraft_resources.performance import delivered_of, join_results, page_of, read_results, report_on
from adcraft_resources.store import BundleStore, to_json

REPORT = "ad_performance"
SHOWN_RATE = "{rate:.2%} ({low:.2%} – {high:.2%})"


@dg.asset(
    deps=["ranked_outputs"],
    group_name="rank",
    kinds={"csv", "json"},
    owners=["team:creative"],
    op_tags=step_of("cpu"),
)
def ad_performance(catalog: Catalog, store: BundleStore) -> dg.MaterializeResult:
    """Hook rate and CTR of the delivered variants with intervals, by factor, and how well the ranking foresaw them.

    Reads `performance.results_csv`; written to `results/ad_performance.json` and `.md`.
    """
    settings = catalog.settings()
    if not settings.performance.results_csv:
        raise ConfigInvalid(
            "No results are named.", remedy="Set performance.results_csv in config.json to an exported CSV."
        )
    rows = read_results((catalog.folder / settings.performance.results_csv).resolve())
    delivered = [one for key in ads_of(settings, retired=True) for one in delivered_of(store, key)]
    weights = settings.ranking.weights.model_dump()
    report = report_on(join_results(rows, delivered), weights, settings.performance)
    page = page_of(report)
    folder = catalog.results_folder()
    write_whole(folder / f"{REPORT}.json", to_json(report))
    write_whole(folder / f"{REPORT}.md", page)
    ranking = report["ranking"]["hook_rate"]["spearman"]
    return dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.md(page),
            "variants": table(
                [
                    {
                        "ad": one["name"],
                        "rank": one["rank"],
                        "hook rate": SHOWN_RATE.format(**one["hook_rate"]),
                        "ctr": SHOWN_RATE.format(**one["ctr"]),
                    }
                    for one in report["variants"]
                ]
            ),
            "impressions": dg.MetadataValue.int(report["total"]["impressions"]),
            **({} if ranking is None else {"spearman": dg.MetadataValue.float(ranking)}),
        }
    )
