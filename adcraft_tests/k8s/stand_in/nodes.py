"""The cluster of the tests: its nodes, the classes of config.json that fit them, and names that all rooms share.

Belongs here: what the cluster is. Does not: starting it.
"""

from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("adcraft_assets", "adcraft_resources", "adcraft_tests")
IMAGE = "registry.example/adcraft-cuda:0.1.0"
BUCKET = "creatives"
PASSWORD = "lab"
GPU_TAINT = [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]


def gpu_node(name, kind, count, **more):
    return {
        "name": name,
        "count": count,
        "labels": {"adcraft.io/gpu-class": kind, "nvidia.com/gpu.present": "true"},
        "taints": GPU_TAINT,
        "allocatable": {"cpu": 16, "memory": "128Gi", "nvidia.com/gpu": 1},
        **more,
    }


CPU_NODES = {
    "name": "cpu",
    "count": 2,
    "labels": {"adcraft.io/pool": "cpu"},
    "allocatable": {"cpu": 8, "memory": "32Gi"},
}
NODES = (CPU_NODES, gpu_node("h200", "h200", 2), gpu_node("l4", "l4", 1))

GPU = {
    "gpus": 1,
    "cpu": "1",
    "memory": "4Gi",
    "scratch": "1Gi",
    "shared_memory": "256Mi",
    "grace_s": 20,
    "lost_node_s": 3,
}
CLASSES = {
    "cpu": {
        "node_selector": {"adcraft.io/pool": "cpu"},
        "cpu": "500m",
        "memory": "3Gi",
        "scratch": "1Gi",
        "grace_s": 20,
    },
    "flux": {"node_selector": {"adcraft.io/gpu-class": "h200"}, **GPU},
    "ocr": {"node_selector": {"adcraft.io/gpu-class": "l4"}, **GPU},
    "siglip": {"node_selector": {"adcraft.io/gpu-class": "l4"}, **GPU},
}
