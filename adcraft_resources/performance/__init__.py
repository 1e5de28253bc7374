"""How delivered variants did: the results an ad account exports, joined to what was made.

Belongs here: reading results, joining them to variants, the report. Does not: where results come from, or applying
what they suggest: refitted weights are shown, never put to use by themselves.
"""

from adcraft_resources.performance.joining import Delivered, delivered_of, join_results, record_delivered
from adcraft_resources.performance.reading import ResultRow, read_results
from adcraft_resources.performance.report import page_of, report_on
from adcraft_resources.performance.settings import PerformanceSettings

__all__ = [
    "Delivered",
    "PerformanceSettings",
    "ResultRow",
    "delivered_of",
    "join_results",
    "page_of",
    "read_results",
    "record_delivered",
    "report_on",
]
