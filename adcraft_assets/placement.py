"""Where steps run: an asset names a class, the config says what the class is, an executor gets its own words for it.

The class with a GPU is also the pool, so that Dagster holds a step back instead of filling a cluster with pods that
wait. Belongs here: turning classes into settings of pods and Ray jobs. Does not: launching them (executors).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from adcraft_assets.cluster_settings import ClusterSettings, PlacementClass
from adcraft_assets.settings import Settings

CLASS_TAG = "adcraft/class"
GPUS_TAG = "adcraft/gpus"
LEASE = "leased_device"
"""Key of the resource that holds a device of this machine for a run."""
K8S_TAG = "dagster-k8s/config"
RAY_TAG = "dagster-ray/config"
DEFAULT = "cpu"
CLASSES = ("cpu", "ocr", "flux", "siglip")
"""The classes assets name."""
WEIGHTS = "/weights"
TTL_S = 6 * 3600
"""A finished Job stays this long, for its logs; far longer than Dagster takes to read its end."""
NO_SPOT = (
    {"key": "adcraft.io/spot", "operator": "DoesNotExist"},
    {"key": "karpenter.sh/capacity-type", "operator": "NotIn", "values": ["spot"]},
    {"key": "eks.amazonaws.com/capacityType", "operator": "NotIn", "values": ["SPOT"]},
    {"key": "cloud.google.com/gke-spot", "operator": "DoesNotExist"},
    {"key": "kubernetes.azure.com/scalesetpriority", "operator": "NotIn", "values": ["spot"]},
)
SPOT_TAINTS = ("adcraft.io/spot", "cloud.google.com/gke-spot", "kubernetes.azure.com/scalesetpriority")
LOST_NODE_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def step_of(name: str) -> dict[str, str]:
    """Return the op tags by which an asset names its class."""
    if name not in CLASSES:
        raise ValueError(f"{name!r} is no class; there are {', '.join(CLASSES)}")
    return {CLASS_TAG: name}


def class_named(name: str, settings: Settings) -> PlacementClass:
    """Return the class the config gives a name; without one the gpu profile gets a GPU, everything else `cpu`."""
    classes = settings.cluster.classes
    if name in classes:
        return classes[name]
    if settings.profile == "gpu" and name != DEFAULT:
        return PlacementClass(gpus=1, cpu="4", memory="48Gi", shared_memory="8Gi")
    return classes.get(DEFAULT, PlacementClass())


def place(asset: dg.AssetsDefinition, settings: Settings, executor: str) -> dg.AssetsDefinition:
    """Return the asset with what its class means to an executor: pool, retries, pod settings.

    Args:
        asset: One that names its class by `step_of`, or none and gets `cpu`.
        settings: Say what the class is.
        executor: Name of the executor that will run the steps.
    """
    op = asset.op
    name = str(op.tags.get(CLASS_TAG, DEFAULT))
    chosen = class_named(name, settings)
    away = executor in ("k8s", "ray")
    leases = {LEASE} if chosen.gpus and executor == "in_process" else set[str]()
    node = dg.OpDefinition.dagster_internal_init(
        compute_fn=op.compute_fn,
        name=op.name,
        ins=op.ins,
        outs=dict(op.outs),
        description=op.description,
        config_schema=op.config_schema,
        required_resource_keys={*op.required_resource_keys, *leases},
        tags={**op.tags, **_tags(name, chosen, settings.cluster, executor)},
        version=None,
        retry_policy=_retries(chosen) if away else op.retry_policy,
        code_version=asset.specs_by_key[asset.key].code_version,
        pool=name if chosen.gpus or chosen.slots else None,
    )
    return dg.AssetsDefinition.dagster_internal_init(**{**asset.get_attributes_dict(), "node_def": node})


def pools_of(settings: Settings) -> dict[str, int]:
    """Return the pools that have a bound: class → steps at once over all runs; with GPUs `gpu_count` by default."""
    bounds = {name: chosen.slots for name, chosen in settings.cluster.classes.items() if chosen.slots}
    if settings.profile == "gpu":
        with_gpu = [name for name in CLASSES if class_named(name, settings).gpus]
        bounds = {**dict.fromkeys(with_gpu, max(1, settings.gpu_count)), **bounds}
    return bounds


def set_pool_limits(instance: dg.DagsterInstance, settings: Settings) -> dict[str, int]:
    """Make the instance's pool limits those of the config; return what had to change."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return {}
    known = {pool.name: pool.limit for pool in storage.get_pool_limits()}
    changed = {name: slots for name, slots in pools_of(settings).items() if known.get(name) != slots}
    for name, slots in changed.items():
        storage.set_concurrency_slots(name, slots)
    return changed


def pod_settings(name: str, chosen: PlacementClass, shared: ClusterSettings | None = None) -> dict[str, Any]:
    """Return the value of the tag `dagster-k8s/config` for a class and what all classes share."""
    container, pod = _container(chosen), _pod(chosen)
    if shared is not None and shared.step_service_account:
        pod["service_account_name"] = shared.step_service_account
    if shared is not None and shared.weights_claim and chosen.gpus:
        claim = {"claim_name": shared.weights_claim, "read_only": True}
        pod["volumes"].append({"name": "adcraft-weights", "persistent_volume_claim": claim})
        container["volume_mounts"].append(
            {"name": "adcraft-weights", "mount_path": WEIGHTS, "read_only": True}
        )
        container["env"] = [
            {"name": "HF_HOME", "value": WEIGHTS},
            {"name": "HF_HUB_OFFLINE", "value": "1"},
        ]
    return {
        "container_config": container,
        "pod_spec_config": pod,
        "pod_template_spec_metadata": {
            "labels": {"adcraft.io/class": name},
            "annotations": {
                "karpenter.sh/do-not-disrupt": "true",
                "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            },
        },
        "job_metadata": {"labels": {"adcraft.io/class": name}},
        "job_spec_config": {
            # Nothing else ends a Job whose pod never starts: Dagster takes it for healthy.
            "active_deadline_seconds": chosen.max_queue_s + chosen.max_run_s,
            "backoff_limit": 0,
            "ttl_seconds_after_finished": TTL_S,
        },
        "merge_behavior": "DEEP",
    }


def _tags(name: str, chosen: PlacementClass, shared: ClusterSettings, executor: str) -> dict[str, Any]:
    tags: dict[str, Any] = {CLASS_TAG: name, GPUS_TAG: str(chosen.gpus)}
    if executor == "k8s":
        tags[K8S_TAG] = pod_settings(name, chosen, shared)
    if executor == "ray":
        tags[RAY_TAG] = {"num_gpus": float(chosen.gpus), "num_cpus": _number(chosen.cpu)}
    return tags


def _retries(chosen: PlacementClass) -> dg.RetryPolicy | None:
    if not chosen.retries:
        return None
    return dg.RetryPolicy(
        max_retries=chosen.retries, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
    )


def _container(chosen: PlacementClass) -> dict[str, Any]:
    limits = {"memory": chosen.memory}
    if chosen.gpus:
        limits[chosen.gpu_resource] = str(chosen.gpus)
    return {
        "resources": {
            "requests": {"cpu": chosen.cpu, "memory": chosen.memory},
            "limits": limits,
        },
        "volume_mounts": [
            {"name": "adcraft-scratch", "mount_path": "/tmp"},  # noqa: S108  (a volume of the pod's own)
            {"name": "adcraft-shm", "mount_path": "/dev/shm"},  # noqa: S108
        ],
        "security_context": {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": True,
            "run_as_non_root": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _pod(chosen: PlacementClass) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "node_selector": dict(chosen.node_selector),
        "tolerations": _tolerations(chosen),
        "active_deadline_seconds": chosen.max_run_s,
        "termination_grace_period_seconds": chosen.grace_s,
        "automount_service_account_token": False,  # a step never speaks to the cluster
        "security_context": {
            "run_as_non_root": True,
            "run_as_user": 10001,
            "run_as_group": 10001,
            "fs_group": 10001,
            "fs_group_change_policy": "OnRootMismatch",
            "seccomp_profile": {"type": "RuntimeDefault"},
        },
        "volumes": [
            {"name": "adcraft-scratch", "empty_dir": {"size_limit": chosen.scratch}},
            {"name": "adcraft-shm", "empty_dir": {"medium": "Memory", "size_limit": chosen.shared_memory}},
        ],
    }
    if not chosen.spot:
        pod["affinity"] = {
            "node_affinity": {
                "required_during_scheduling_ignored_during_execution": {
                    "node_selector_terms": [{"match_expressions": [dict(one) for one in NO_SPOT]}]
                }
            }
        }
    if chosen.priority_class:
        pod["priority_class_name"] = chosen.priority_class
    return pod


def _tolerations(chosen: PlacementClass) -> list[dict[str, Any]]:
    own = [one.model_dump(exclude_defaults=False) for one in chosen.tolerations]
    keys: Sequence[str] = ("nvidia.com/gpu",) if chosen.gpus else ()
    if chosen.spot:
        keys = (*keys, *SPOT_TAINTS)
    made: list[Mapping[str, Any]] = [
        {"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in keys
    ]
    lost = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "toleration_seconds": chosen.lost_node_s}
        for key in LOST_NODE_TAINTS
    ]
    return [*(_without_empty(one) for one in own), *(dict(one) for one in made), *lost]


def _without_empty(toleration: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in toleration.items() if value != ""}


def _number(quantity: str) -> float:
    """Return a CPU quantity as a number."""
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)
