"""Steps as processes of this machine, each GPU step with a device of its own.

Dagster's multiprocess executor cannot give a process its own environment, so two GPU steps would meet on device 0.
Belongs here: this executor. Does not: leasing devices, or which steps want one (placement).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.events import EngineEventData
from dagster._core.execution.retries import RetryMode, get_retries_config
from dagster._core.execution.tags import get_tag_concurrency_limits_config
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)

from adcraft_assets.placement import GPUS_TAG
from adcraft_resources.device_lease import local_devices

HEALTH_S = 2


def process_executor(gpu_count: int) -> dg.ExecutorDefinition:
    """Return the executor for a machine with so many GPUs.

    Args:
        gpu_count: Devices that steps may lease; with 0 a step that wants one runs without.
    """

    @dg.executor(
        name="multiprocess",
        config_schema={
            "retries": get_retries_config(),
            "max_concurrent": dg.Field(
                dg.IntSource, is_required=False, description="Steps of a run at once."
            ),
            "tag_concurrency_limits": get_tag_concurrency_limits_config(),
        },
        requirements=multiple_process_executor_requirements(),
    )
    def executor(init_context: dg.InitExecutorContext) -> dg.Executor:
        config: Mapping[str, Any] = init_context.executor_config
        return StepDelegatingExecutor(
            ProcessStepHandler(local_devices(gpu_count)),
            retries=RetryMode.from_config(config["retries"]) or RetryMode.ENABLED,
            max_concurrent=config.get("max_concurrent") or os.cpu_count(),
            tag_concurrency_limits=config.get("tag_concurrency_limits"),
            check_step_health_interval_seconds=HEALTH_S,
            should_verify_step=True,
        )

    return executor


class ProcessStepHandler(StepHandler):
    """Starts a process per step; one that wants a GPU waits for its lease inside that process."""

    def __init__(self, devices: tuple[str, ...]) -> None:
        super().__init__()
        self._devices = devices
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def name(self) -> str:
        """Name in the event log."""
        return "ProcessStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Start the step's process."""
        step, arguments = _step_of(step_handler_context), step_handler_context.execute_step_args
        command = [sys.executable, "-m", *arguments.get_command_args(skip_serialized_namedtuple=True)]
        wants_gpu = step_handler_context.step_tags[step].get(GPUS_TAG, "0") != "0"
        if wants_gpu and self._devices:
            shown = ",".join(self._devices)
            command = [
                sys.executable,
                "-m",
                "adcraft_resources.device_lease",
                "--devices",
                shown,
                "--",
                *command,
            ]
        yield dg.DagsterEvent.step_worker_starting(
            step_handler_context.get_step_context(step),
            message=f'Executing step "{step}" in a process of its own.',
            metadata={},
        )
        payload = {one["name"]: one["value"] for one in arguments.get_command_env()}
        self._processes[step] = subprocess.Popen(command, env={**os.environ, **payload})  # noqa: S603

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Return whether the step's process lives or ended well."""
        process = self._processes.get(_step_of(step_handler_context))
        if process is None:
            return CheckStepHealthResult.unhealthy("This machine has no process of the step.")
        ended = process.poll()
        if not ended:
            return CheckStepHealthResult.healthy()
        why = f"signal {signal.Signals(-ended).name}" if ended < 0 else f"exit code {ended}"
        return CheckStepHealthResult.unhealthy(f"Its process {process.pid} ended with {why}.")

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Tell the step's process to end."""
        step = _step_of(step_handler_context)
        yield dg.DagsterEvent.engine_event(
            step_handler_context.get_step_context(step), "Ending the step's process", EngineEventData()
        )
        process = self._processes.get(step)
        if process is not None and process.poll() is None:
            process.terminate()


def _step_of(context: StepHandlerContext) -> str:
    (step,) = list(context.execute_step_args.step_keys_to_execute or [])
    return step
