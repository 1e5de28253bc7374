"""Runs of the scenario job on this machine with another executor than the cluster's.

Belongs here: a home with an instance, a store that holds everything up to the variants, launching. Does not: assertions.
"""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import dagster as dg

from adcraft_assets.definitions import build_defs
from adcraft_assets.launches import add_partitions, launch
from adcraft_tests.k8s.scenario_defs import SERVER
from adcraft_tests.k8s.stand_in.nodes import CLASSES
from adcraft_tests.k8s.stand_in.services import file_server

UPSTREAM = ("source_video", "keyframes", "ocr_masks", "cleaned_frames", "hooks")
GPU_STEP = {**CLASSES["flux"], "node_selector": {}, "retries": 1}


class LocalRuns:
    def __init__(self, folder, env, keys, instance, asked):
        self.folder, self.env, self.keys, self.instance, self.asked = folder, env, keys, instance, asked

    def start(self, key, config=None, **env):
        """Run the scenario job for one ad in a process of its own."""
        named = ["-m", "adcraft_tests.k8s.scenario_defs", "-j", "render_variants"]
        tags = ["--tags", json.dumps({"dagster/partition": key})]
        path = self.folder / f"run-{key}.json"
        path.write_text(json.dumps(config or {}))
        with (self.folder / f"{key}.log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dagster", "job", "execute", *named, *tags, "-c", str(path)],
                env={**self.env, **env},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def log(self, key):
        return (self.folder / f"{key}.log").read_text()[-3000:]

    def spans(self):
        """When each run's GPU step started and ended, in order."""
        found = []
        for run in self.instance.get_runs():
            kinds = (dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS)
            stats = [
                record.event_log_entry.timestamp
                for record in self.instance.get_records_for_run(run.run_id, of_type=set(kinds)).records
            ]
            if len(stats) == 2:
                found.append((min(stats), max(stats)))
        return sorted(found)

    def devices(self):
        """The devices the steps said they saw."""
        return [path.removeprefix("/device-") for path, _ in self.asked if path.startswith("/device-")]


@contextmanager
def local_runs(folder, ads, executor, *, gpu_count):
    """A home whose store holds everything up to the variants of the ads."""
    with file_server(ads) as (url, asked):
        names = sorted(path.stem for path in ads.glob("*.mp4"))
        path = folder / "config.json"
        config = {
            "variants_per_video": 1,
            "gpu_count": gpu_count,
            "download": {"allow_private_hosts": True},
            "products": [{"id": "soap", "videos": [{"id": one, "url": f"{url}/{one}.mp4"} for one in names]}],
            "cluster": {"classes": {"flux": GPU_STEP}},
        }
        path.write_text(json.dumps(config))
        home = folder / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        env = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "ADCRAFT_CONFIG": str(path),
            "ADCRAFT_EXECUTOR": executor,
            SERVER: url,
        }
        keys = [f"soap__{one}" for one in names]
        with dg.DagsterInstance.from_config(str(home)) as instance:
            add_partitions(instance, keys)
            assert launch(build_defs(path), instance, keys, most=8, assets=UPSTREAM).failed == {}
            for run in instance.get_runs():
                instance.delete_run(run.run_id)
            yield LocalRuns(folder, env, keys, instance, asked)
