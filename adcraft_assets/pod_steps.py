"""Steps as Kubernetes Jobs: dagster-k8s' own handler, made patient, and made to say what happened.

Three things are added. A refused or unanswered request to create a Job is tried again (dagster-k8s gives up on a 429 at
once and the run dies with all its steps). What decides where a pod lands comes from the step's class alone, whatever
the run launcher asks for its own pods. And a step that fails says why: OOMKilled, evicted, no node fits, no image.
Belongs here: this handler and its executor; imported only when it is chosen. Does not: what a class asks for.
"""

import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
import urllib3.exceptions
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandlerContext,
)
from dagster_k8s import K8sRunLauncher, k8s_job_executor  # pyright: ignore[reportMissingImports]
from dagster_k8s.client import DagsterK8sAPIRetryLimitExceeded, DagsterK8sUnrecoverableAPIError  # pyright: ignore[reportMissingImports]
from dagster_k8s.container_context import K8sContainerContext  # pyright: ignore[reportMissingImports]
from dagster_k8s.executor import K8sStepHandler  # pyright: ignore[reportMissingImports]
from dagster_k8s.job import UserDefinedDagsterK8sConfig, get_user_defined_k8s_config  # pyright: ignore[reportMissingImports]
from dagster_shared.record import replace

from adcraft_assets.last_words import seconds_to_speak, told_its_end

HEALTH_S = 20
API_PATIENCE_S = 300
START_PATIENCE_S = 600
"""How long an image may be missing: registries have bad minutes. ADCRAFT_START_PATIENCE_S says otherwise."""
PAUSES_S = (1, 2, 5, 10, 20, 30)
POD_KEYS = ("node_selector", "affinity", "tolerations", "priority_class_name")
CONFLICT = 409
TRANSIENT = (401, 408, 429, 500, 502, 503, 504)
NO_START = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)
SAME_IN_CONTEXT = (
    "image_pull_policy",
    "image_pull_secrets",
    "service_account_name",
    "env_config_maps",
    "env_secrets",
    "env_vars",
    "volume_mounts",
    "volumes",
    "labels",
    "resources",
    "scheduler_name",
    "security_context",
)
log = logging.getLogger(__name__)


@dg.executor(
    name="k8s",
    config_schema=k8s_job_executor.config_schema,
    requirements=multiple_process_executor_requirements(),
)
def pod_executor(init_context: dg.InitExecutorContext) -> dg.Executor:
    """Runs each step in a pod of its own, on the node its class asks for."""
    config: Mapping[str, Any] = init_context.executor_config
    launcher: Any = init_context.instance.run_launcher
    if not isinstance(launcher, K8sRunLauncher):
        raise dg.DagsterInvariantViolationError(
            "ADCRAFT_EXECUTOR is k8s, but the instance has no K8sRunLauncher. "
            "Point DAGSTER_HOME at a dagster.yaml like that of k8s/."
        )
    handler = PodStepHandler(
        image=config.get("job_image"),
        container_context=_context_of(config),
        load_incluster_config=config.get("load_incluster_config", launcher.load_incluster_config),
        kubeconfig_file=config.get("kubeconfig_file", launcher.kubeconfig_file),
        per_step_k8s_config=config.get("per_step_k8s_config", {}),
        enable_owner_references=config.get("enable_owner_references", False),
    )
    return StepDelegatingExecutor(
        handler,
        retries=RetryMode.from_config(config["retries"]) or RetryMode.ENABLED,
        max_concurrent=config.get("max_concurrent"),
        tag_concurrency_limits=config.get("tag_concurrency_limits"),
        check_step_health_interval_seconds=HEALTH_S,
        should_verify_step=True,
    )


def _context_of(config: Mapping[str, Any]) -> K8sContainerContext:
    return K8sContainerContext(
        **{name: config[name] for name in SAME_IN_CONTEXT if name in config},
        namespace=config.get("job_namespace"),
        run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(config.get("step_k8s_config", {})),
    )


class PodStepHandler(K8sStepHandler):
    """dagster-k8s' handler of steps with the three additions of this room."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._seen: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._start_patience_s = float(os.environ.get("ADCRAFT_START_PATIENCE_S", START_PATIENCE_S))

    @property
    def name(self) -> str:
        """Name in the event log."""
        return "PodStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[Any]:
        """Create the step's Job, with as many tries as a restarting or throttling API server needs."""
        context = without_monitoring(step_handler_context)
        events: list[Any] = []

        def launch() -> None:
            for event in super(PodStepHandler, self).launch_step(context):
                if not events:  # a second try would tell the log the same again
                    events.append(event)

        patiently(launch)
        yield from events

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Return whether the step's Job is still on its way, and if not, what its pod says."""
        job = self._get_k8s_step_job_name(step_handler_context)
        namespace = str(self._get_container_context(step_handler_context).namespace)
        found = super().check_step_health(step_handler_context)
        told = self._tell(job, namespace)
        if not found.is_healthy:
            if self._has_told_its_end(step_handler_context) or self._may_still_speak(job, namespace):
                return CheckStepHealthResult.healthy()  # its own word is about to be read
            return CheckStepHealthResult.unhealthy(f"{found.unhealthy_reason} {told}".strip())
        return self._judge_the_living(job, namespace)

    def _has_told_its_end(self, context: StepHandlerContext) -> bool:
        """Whether the step of a failed Job has told the event log already: an eviction lets it speak before it goes."""
        arguments, key = context.execute_step_args, self._get_step_key(context)
        known = arguments.known_state
        attempt = known.get_retry_state().get_attempt_count(key) if known else 0
        return told_its_end(context.instance, arguments.run_id, key, attempt)

    def _may_still_speak(self, job: str, namespace: str) -> bool:
        """Whether the pod of a failed Job is in its grace: Kubernetes counts it as failed from the signal on."""
        pods = self._pods_of(job, namespace)
        grace_s = max((seconds_to_speak(pod) for pod in pods), default=0)
        if not grace_s:
            return False
        return time.monotonic() - self._since.setdefault(f"{job} ends", time.monotonic()) < grace_s

    def _pods_of(self, job: str, namespace: str) -> list[Any]:
        return self._api_client.core_api.list_namespaced_pod(
            namespace=namespace, label_selector=f"job-name={job}", _request_timeout=10
        ).items

    def _judge_the_living(self, job: str, namespace: str) -> CheckStepHealthResult:
        """Give up a pod that cannot start, and a Job that ended without a word from its step."""
        status = self._api_client.get_job_status(job_name=job, namespace=namespace)
        stuck = self._seen.get(job, "").startswith(NO_START)
        silent = bool(status and status.succeeded)
        if not (stuck or silent):
            self._since.pop(job, None)
            return CheckStepHealthResult.healthy()
        waited = time.monotonic() - self._since.setdefault(job, time.monotonic())
        if waited < (HEALTH_S if silent else self._start_patience_s):
            return CheckStepHealthResult.healthy()
        if silent:
            return CheckStepHealthResult.unhealthy(
                f"The Job {job} ended, but the step never reported its end."
            )
        self._api_client.delete_job(job_name=job, namespace=namespace)
        return CheckStepHealthResult.unhealthy(
            f"The pod of {job} could not start for {waited:.0f} s and was given up: {self._seen[job]}."
        )

    def _tell(self, job: str, namespace: str) -> str:
        """Return what the Job's newest pod says of itself, or said when it was last seen."""
        pods = self._pods_of(job, namespace)
        if pods:
            newest = max(pods, key=lambda pod: pod.metadata.creation_timestamp)
            said = said_by(newest) or self._last_warning(newest, namespace)
            if said:
                self._seen[job] = said
            elif newest.status.phase == "Running":
                self._seen.pop(job, None)
        last = self._seen.get(job, "" if pods else "gone, perhaps with its node")
        return f"Its pod: {last.rstrip('.')}." if last else ""

    def _last_warning(self, pod: Any, namespace: str) -> str:
        """Return the last warning about a pod that waits: a mount that fails is told nowhere else."""
        if pod.status.phase != "Pending":
            return ""
        events = self._api_client.core_api.list_namespaced_event(
            namespace=namespace,
            field_selector=f"involvedObject.name={pod.metadata.name}",
            _request_timeout=10,
        ).items
        warnings = [one for one in events if one.type == "Warning"]
        return f"{warnings[-1].reason}: {warnings[-1].message}" if warnings else ""

    def _get_container_context(self, step_handler_context: StepHandlerContext) -> K8sContainerContext:
        """Return the merged settings of the step's pod, with what places it taken from the class alone."""
        merged = super()._get_container_context(step_handler_context)
        tags = step_handler_context.step_tags[self._get_step_key(step_handler_context)]
        return placed_alone(merged, tags, self._executor_container_context)


def without_monitoring(context: StepHandlerContext) -> StepHandlerContext:
    """Return the context with an instance for the step that monitors no runs.

    Run monitoring alone makes an instance load its run launcher, and that wants a token of the cluster: without it a
    step's pod needs none.
    """
    arguments = context.execute_step_args
    ref = arguments.instance_ref
    if ref is not None:
        settings = {name: value for name, value in ref.settings.items() if name != "run_monitoring"}
        context._execute_step_args = replace(arguments, instance_ref=ref._replace(settings=settings))  # noqa: SLF001
    return context


def placed_alone(
    merged: K8sContainerContext, tags: Mapping[str, str], executor: K8sContainerContext
) -> K8sContainerContext:
    """Return pod settings whose selector, affinity, tolerations and resources are not added up with the launcher's.

    dagster-k8s merges deeply: a launcher's `pool: cpu` and a step's `gpu-class: h200` would together match no node,
    and a memory limit meant for run pods would bind a GPU step. Run config (`step_k8s_config`) still counts.
    """
    own = executor.merge(K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(tags))).run_k8s_config
    config = merged.run_k8s_config.to_dict()
    pod, container = dict(config["pod_spec_config"]), dict(config["container_config"])
    for key in POD_KEYS:
        pod.pop(key, None)
        if own.pod_spec_config.get(key):
            pod[key] = own.pod_spec_config[key]
    mounts = {one["mount_path"]: one for one in container.get("volume_mounts", [])}
    if mounts:  # of two on one path the later, a step's own, is meant; Kubernetes refuses both
        container["volume_mounts"] = list(mounts.values())
    container.pop("resources", None)
    if own.container_config.get("resources"):
        container["resources"] = own.container_config["resources"]
    config.update(pod_spec_config=pod, container_config=container)
    return K8sContainerContext(
        namespace=merged.namespace, run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(config)
    )


def said_by(pod: Any) -> str:
    """Return in a line why a pod ended, waits or is not placed; nothing for one that runs well."""
    for one in pod.status.container_statuses or []:
        ended, waiting = one.state.terminated, one.state.waiting
        if ended is not None and ended.exit_code:
            reason = pod.status.reason or ended.reason or "Error"
            return f"{reason}, exit code {ended.exit_code}, on {pod.spec.node_name}"
        if waiting is not None and waiting.reason in NO_START:
            return f"{waiting.reason}: {waiting.message or 'no message'}"
    if pod.status.reason:
        return f"{pod.status.reason}: {pod.status.message or 'no message'}"
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"{condition.reason}: {condition.message}"
    return ""


def patiently(launch: Callable[[], None], *, patience_s: float = API_PATIENCE_S) -> None:
    """Call `launch` until the API server takes the Job; a conflict means that it has it already."""
    began = time.monotonic()
    for tried in itertools.count():
        try:
            return launch()
        except (DagsterK8sUnrecoverableAPIError, DagsterK8sAPIRetryLimitExceeded) as error:
            cause = error.k8s_api_exception
        except urllib3.exceptions.HTTPError as error:
            cause = error
        status = getattr(cause, "status", None)
        if status == CONFLICT:
            return None
        hopeless = status is not None and status not in TRANSIENT
        if hopeless or time.monotonic() - began > patience_s:
            raise cause
        pause = PAUSES_S[min(tried, len(PAUSES_S) - 1)]
        log.warning(
            "The Kubernetes API did not take the Job (%s); again in %s s", status or repr(cause), pause
        )
        time.sleep(pause)
    return None
