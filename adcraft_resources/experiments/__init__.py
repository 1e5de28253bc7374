"""A/B tests of finished variants: the plan, the proof that it tests one thing, the sheets a media buyer uploads.

Belongs here: `experiment.json`, names, sample sizes, the bulk sheet and creative payloads. Does not: rendering or
ranking variants, and uploading anything: nothing here speaks to a network.
"""

from adcraft_resources.experiments.handover import BulkRow, CreativePayload, write_handover
from adcraft_resources.experiments.isolation import (
    ISOLATION,
    compare_cells,
    isolation_faults,
    judge_isolation,
)
from adcraft_resources.experiments.placed_creatives import PlacedCreative, write_placed_creatives
from adcraft_resources.experiments.plan import Candidate, Subject, plan_experiment
from adcraft_resources.experiments.power import SampleSize, sample_size
from adcraft_resources.experiments.settings import ExperimentSettings

__all__ = [
    "ISOLATION",
    "BulkRow",
    "Candidate",
    "CreativePayload",
    "ExperimentSettings",
    "PlacedCreative",
    "SampleSize",
    "Subject",
    "compare_cells",
    "isolation_faults",
    "judge_isolation",
    "plan_experiment",
    "sample_size",
    "write_handover",
    "write_placed_creatives",
]
