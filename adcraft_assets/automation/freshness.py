"""When an asset of the night counts as overdue.

Belongs here: the policy that follows from the config's cron line, and which assets it is for. Does not: the schedule.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import dagster as dg
from dagster._utils.schedules import schedule_execution_time_iterator

from adcraft_assets.settings import Settings

NIGHTLY = ("refresh_plan", "refresh_report")
RENEWED = ("styled_variants", "ranked_outputs")
"""In the mode `rotate` each night makes these anew; in `changed` an ad may rightly stay as it is for months."""
LATE, OVERDUE = timedelta(hours=3), timedelta(hours=9)
LOOKED_AHEAD = 60


def freshness_of(name: str, settings: Settings) -> dg.FreshnessPolicy | None:
    """Return an asset's policy: warn some hours after a night that should have made it anew, fail later; or None."""
    if name in NIGHTLY or (name in RENEWED and settings.refresh.mode == "rotate"):
        longest = longest_wait(settings.refresh.cron, settings.refresh.timezone)
        return dg.FreshnessPolicy.time_window(fail_window=longest + OVERDUE, warn_window=longest + LATE)
    return None


def longest_wait(cron: str, timezone: str) -> timedelta:
    """Return the longest time between two nights of a cron line, over the next ones: weekends count."""
    start = datetime.now(UTC).timestamp()
    ticks = islice(schedule_execution_time_iterator(start, cron, timezone), LOOKED_AHEAD)
    return max(after - before for before, after in pairwise(ticks))
