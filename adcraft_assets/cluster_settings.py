"""The section `cluster` of config.json: placement classes, checked so that a typo is refused at load.

Belongs here: the words of the section and what Kubernetes allows in them. Does not: pods made of them (placement).
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from adcraft_resources.sections import Section

CLASS = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")
QUANTITY = re.compile(r"^(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$")
LABEL_NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")
LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$")
DNS_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
HOUR_S = 3600


def _checked_class(value: str) -> str:
    if not CLASS.match(value):
        raise ValueError(
            f"{value!r} is no class name; allowed are a-z, 0-9, '-' and '_', at most 40 characters"
        )
    return value


def _checked_quantity(value: str) -> str:
    found = QUANTITY.match(value)
    if not found or float(found["number"]) == 0:
        raise ValueError(f"{value!r} is no Kubernetes quantity; write for example 500m, 2, 512Mi or 16Gi")
    return value


def _checked_label_key(value: str) -> str:
    prefix, _, name = value.rpartition("/")
    if not LABEL_NAME.match(name) or (prefix and not DNS_NAME.match(prefix)) or value.startswith("/"):
        raise ValueError(
            f"{value!r} is no label key; write name or prefix/name, for example adcraft.io/gpu-class"
        )
    return value


def _checked_label_value(value: str) -> str:
    if not LABEL_VALUE.match(value):
        raise ValueError(f"{value!r} is no label value; at most 63 of A-Z, a-z, 0-9, '-', '_' and '.'")
    return value


def _checked_dns_name(value: str) -> str:
    if value and not DNS_NAME.match(value):
        raise ValueError(f"{value!r} is no name Kubernetes allows; use a-z, 0-9, '-' and '.'")
    return value


def _checked_resource(value: str) -> str:
    if "/" not in value:
        raise ValueError(
            f"{value!r} is no device; write for example nvidia.com/gpu or nvidia.com/mig-1g.10gb"
        )
    return _checked_label_key(value)


ClassName = Annotated[str, AfterValidator(_checked_class)]
Quantity = Annotated[str, AfterValidator(_checked_quantity)]
LabelKey = Annotated[str, AfterValidator(_checked_label_key)]
LabelValue = Annotated[str, AfterValidator(_checked_label_value)]
ObjectName = Annotated[str, AfterValidator(_checked_dns_name)]
Device = Annotated[str, AfterValidator(_checked_resource)]


class Toleration(Section):
    """A taint that pods of the class bear."""

    key: LabelKey
    operator: Literal["Exists", "Equal"] = "Exists"
    value: LabelValue = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"

    @model_validator(mode="after")
    def _value_fits_the_operator(self) -> "Toleration":
        if self.operator == "Exists" and self.value:
            raise ValueError(f"toleration of {self.key}: a value needs operator Equal")
        return self


class PlacementClass(Section):
    """Where steps of a class run on a cluster, with what, and how long they may take."""

    node_selector: dict[LabelKey, LabelValue] = Field(
        default_factory=dict,
        description="Labels a node must have; these alone, whatever the launcher asks for.",
    )
    gpus: Literal[0, 1] = Field(default=0, description="GPUs of a pod.")
    gpu_resource: Device = Field(
        default="nvidia.com/gpu", description="The device; a MIG slice has its own name."
    )
    cpu: Quantity = Field(default="1", description="CPU asked for; there is no CPU limit.")
    memory: Quantity = Field(default="4Gi", description="Memory asked for and the limit.")
    scratch: Quantity = Field(default="20Gi", description="Room for files while a step runs (/tmp).")
    shared_memory: Quantity = Field(default="1Gi", description="Size of /dev/shm; part of the memory limit.")
    tolerations: tuple[Toleration, ...] = ()
    priority_class: ObjectName = ""
    max_queue_s: int = Field(
        default=2 * HOUR_S, ge=1, description="Longest wait of a step for its node and image."
    )
    max_run_s: int = Field(default=2 * HOUR_S, ge=1, description="Longest run of a step.")
    grace_s: int = Field(default=90, ge=0, le=HOUR_S, description="From the signal to end until the kill.")
    lost_node_s: int = Field(
        default=60, ge=0, description="How long a step stays on a node nobody hears from."
    )
    spot: bool = Field(default=False, description="Whether nodes that may be taken away are welcome.")
    retries: int = Field(default=2, ge=0, le=10, description="Fresh pods for a step whose pod was lost.")
    slots: int = Field(default=0, ge=0, description="Steps of the class at once over all runs; 0: no bound.")


class ClusterSettings(Section):
    """Placement classes by name, and what their pods share."""

    step_service_account: ObjectName = Field(
        default="", description="Service account of step pods; by default the run launcher's."
    )
    weights_claim: ObjectName = Field(
        default="",
        description="Volume claim with model weights, mounted read-only at /weights into GPU pods.",
    )
    classes: dict[ClassName, PlacementClass] = Field(
        default_factory=dict,
        description="Classes by name; steps ask for cpu, ocr, flux or siglip. One that is missing falls to cpu, in the "
        "gpu profile to one GPU of any kind.",
    )
