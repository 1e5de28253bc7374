"""Which executor runs the steps, chosen by ADCRAFT_EXECUTOR.

Belongs here: the choice. Does not: where a step's pod lands (placement).
"""

import dagster as dg

from adcraft_resources.errors import ConfigInvalid

VARIABLE = "ADCRAFT_EXECUTOR"


def executor_named(name: str) -> dg.ExecutorDefinition:
    """Return the executor of that name; ConfigInvalid for a name that is none."""
    match name:
        case "in_process":
            return dg.in_process_executor
        case "multiprocess":
            return dg.multiprocess_executor
        case _:
            raise ConfigInvalid(
                f"{VARIABLE} is {name!r}.", remedy="Set it to in_process or multiprocess, or leave it unset."
            )
