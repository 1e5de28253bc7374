"""Which assets make themselves: new ads, and the summary after any ad.

Belongs here: declarative conditions and the sensors that evaluate them. Does not: nightly refreshes (nights).
"""

import dagster as dg

from adcraft_assets.work_in_hand import NEW_ADS

AC = dg.AutomationCondition

NEW_AD = (AC.missing() & ~AC.any_deps_missing() & ~AC.in_progress() & ~AC.execution_failed()).with_label(
    "never made, not being made, and not failed"
)
"""Asked of every stage: a new partition's stages are requested together, so the whole chain runs in one chunk."""

AFTER_ANY_AD = (AC.any_deps_updated().since(AC.newly_requested()) & ~AC.in_progress()).with_label(
    "an ad was made since the last summary"
)
"""An update while the summary is being written is not forgotten: only a new request ends what `since` remembers."""

new_ads_sensor = dg.AutomationConditionSensorDefinition(
    NEW_ADS,
    target=dg.AssetSelection.groups("ingest", "clean", "style") | dg.AssetSelection.assets("ranked_outputs"),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    run_tags={"adcraft/because": "new"},
    description="Makes ads that are new in config.json, in chunks, and touches no other ad. Turn it off to start new "
    "ads by hand.",
)

summary_sensor = dg.AutomationConditionSensorDefinition(
    "keep_summary",
    target=dg.AssetSelection.assets("processing_summary"),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Writes results/summary.json again after ads were made.",
)
