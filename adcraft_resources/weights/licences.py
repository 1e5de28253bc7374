"""Refusing weights whose licence nobody accepted.

Belongs here: the rule and its words. Does not: which licences there are (catalog).
"""

from __future__ import annotations

from collections.abc import Sequence

from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.weights.catalog import UNKNOWN, Checkpoint


def refuse_unlicensed(checkpoint: Checkpoint, accepted: Sequence[str]) -> None:
    """Raise ConfigInvalid unless the licence is free for commercial work or its name stands in `license_accepted`."""
    if checkpoint.is_free or checkpoint.name in accepted:
        return
    if checkpoint.licence == UNKNOWN:
        why = f"{checkpoint.name}: adcraft does not know the licence of these weights."
        remedy = (
            f'Read it; if you may use them, put "{checkpoint.name}" into license_accepted of config.json.'
        )
    else:
        why = (
            f"{checkpoint.name} is under the {checkpoint.licence}: running it for commercial work needs a licence "
            "bought from its publisher."
        )
        remedy = (
            f'When you hold one, put "{checkpoint.name}" into license_accepted of config.json; '
            "or use the default checkpoints, which are Apache-2.0."
        )
    raise ConfigInvalid(why, remedy=remedy)
