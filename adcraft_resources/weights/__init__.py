"""Weights of models on this machine: which there are, under what licence, fetched and proved.

Belongs here: the public names. Does not: loading weights into models.
"""

from adcraft_resources.weights.catalog import CATALOG, Checkpoint, checkpoint_named
from adcraft_resources.weights.licences import refuse_unlicensed
from adcraft_resources.weights.local import LocalWeights, find_local, read_local
from adcraft_resources.weights.pulling import HubFetcher, pull, verify
from adcraft_resources.weights.report import licence_rows, models_used

__all__ = [
    "CATALOG",
    "Checkpoint",
    "HubFetcher",
    "LocalWeights",
    "checkpoint_named",
    "find_local",
    "licence_rows",
    "models_used",
    "pull",
    "read_local",
    "refuse_unlicensed",
    "verify",
]
