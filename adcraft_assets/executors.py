"""Which executor runs the steps, chosen by ADCRAFT_EXECUTOR.

Belongs here: the choice. Does not: where a step's pod lands (placement).
"""

import dagster as dg

from adcraft_assets.local_steps import process_executor
from adcraft_resources.errors import ConfigInvalid

VARIABLE = "ADCRAFT_EXECUTOR"
NAMES = ("in_process", "multiprocess", "k8s", "ray")


def executor_named(name: str, *, gpu_count: int = 0) -> dg.ExecutorDefinition:
    """Return the executor of that name.

    Args:
        name: One of NAMES.
        gpu_count: Devices of this machine, for `multiprocess`.

    Raises:
        ConfigInvalid: The name is none of NAMES, or the library of that executor is not installed.
    """
    match name:
        case "in_process":
            return dg.in_process_executor
        case "multiprocess":
            return process_executor(gpu_count)
        case "k8s":
            return _k8s()
        case "ray":
            return _ray()
        case _:
            raise ConfigInvalid(
                f"{VARIABLE} is {name!r}.", remedy=f"Set it to {', '.join(NAMES)}, or leave it unset."
            )


def _k8s() -> dg.ExecutorDefinition:
    try:
        from adcraft_assets.pod_steps import pod_executor
    except ModuleNotFoundError as error:
        raise _missing("k8s", error) from error
    return pod_executor


def _ray() -> dg.ExecutorDefinition:
    try:
        from dagster_ray import ray_executor  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        raise _missing("ray", error) from error
    return ray_executor


def _missing(extra: str, error: ModuleNotFoundError) -> ConfigInvalid:
    return ConfigInvalid(
        f"{VARIABLE} is {extra!r}, but {error.name} is not installed.",
        remedy=f"Install adcraft with its extra: pip install 'adcraft[{extra}]'.",
    )
