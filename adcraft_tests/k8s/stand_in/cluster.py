"""The running cluster, as a test sees it: what a person does to it, what a fault does to it, what happened.

Belongs here: asking and telling. Does not: starting it, assertions.
"""

import json
import os
import subprocess
import time
import urllib.request

import dagster as dg
import yaml

from adcraft_tests.k8s.chart_values import HOME
from adcraft_tests.k8s.stand_in.nodes import IMAGE

PATIENCE_S = 1200
"""A loaded machine takes minutes for what takes seconds; only what fails waits so long."""


class Cluster:
    """The running cluster, as a test sees it."""

    def __init__(self, folder, port, proxy, instance, config, asked_for):
        self.folder, self.port, self.proxy = folder, port, proxy
        self.instance, self.config, self._asked_for = instance, config, asked_for

    # -- the stand-in's own API
    def _call(self, what, data=None, method=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/lab/{what}", data, method=method)
        return json.load(urllib.request.urlopen(request, timeout=20))

    def fault(self, **fault):
        return self._call("faults", json.dumps(fault).encode())

    def faults(self):
        return self._call("faults")

    def heal(self):
        return self._call("faults", method="DELETE")

    def apply(self, *objects):
        text = yaml.safe_dump_all([json.loads(json.dumps(one)) for one in objects])
        return self._call("apply", text.encode())

    def journal(self, name):
        lines = (self.folder / "state" / f"{name}.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def pods(self, event="start"):
        """Step pods: what they ran, where, with which GPUs."""
        return [one for one in self.journal("pods") if one["event"] == event and one.get("op")]

    def kubectl(self, *arguments):
        env = {**os.environ, "KUBECONFIG": str(self.folder / "state" / "kubeconfig")}
        told = subprocess.run(
            ["kubectl", "-n", "adcraft", *arguments], env=env, capture_output=True, text=True, check=True
        )
        return told.stdout

    def log_of(self, glob):
        return "".join(path.read_text() for path in (self.folder / "state" / "logs").glob(glob))

    @property
    def results(self):
        return self.folder / "state" / "pvc" / "adcraft" / "adcraft-results"

    def asked(self, name, status):
        """Whether a pod asked the test's server for a file and got this answer."""
        return (f"/{name}", status) in self._asked_for

    def told(self, start):
        """What pods told the test's server by asking for a path that starts so."""
        return [path.removeprefix(f"/{start}") for path, _ in self._asked_for if path.startswith(f"/{start}")]

    def forget_what_was_asked(self):
        self._asked_for.clear()

    def run_pods(self, run_id):
        return [
            one
            for one in self.journal("pods")
            if one["event"] == "start" and f"dagster-run-{run_id}" in one["pod"]
        ]

    def add_node(self, node):
        node["metadata"] = {name: node["metadata"][name] for name in ("name", "labels", "annotations")}
        names = [
            "machineID",
            "systemUUID",
            "bootID",
            "kernelVersion",
            "osImage",
            "containerRuntimeVersion",
            "kubeProxyVersion",
        ]
        node["status"]["nodeInfo"].update(dict.fromkeys([*names, "operatingSystem", "architecture"], "lab"))
        self.apply(node)

    # -- what a person does
    def configure(self, **changes):
        self.config.update(changes)
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "adcraft-config", "namespace": "adcraft"},
                "data": {"config.json": json.dumps(self.config)},
            }
        )

    def launch(self, *chunks, module="adcraft_assets.definitions", job="make_ad_variants", config=None):
        """Launch the main job over chunks of keys from inside the cluster; return the runs' ids once they are there."""
        before = {run.run_id for run in self.instance.get_runs()}
        submitting = []
        for chunk in chunks:
            tags = {
                "dagster/asset_partition_range_start": chunk[0],
                "dagster/asset_partition_range_end": chunk[-1],
            }
            asked = ["-m", module, "-j", job, "--tags", json.dumps(tags)]
            asked += ["--config-json", json.dumps(config)] if config else []
            submitting.append(self._pod_job(["dagster", "job", "launch", *asked], "submit"))

        def launched():
            for name in submitting:
                self._must_not_have_failed(name)
            return len(self.instance.get_runs()) >= len(before) + len(chunks)

        wait_for(launched, "the runs to be launched")
        return [run.run_id for run in self.instance.get_runs() if run.run_id not in before]

    def start_daemon(self):
        """Run the daemon as a pod of the cluster."""
        return self._pod_job(["dagster-daemon", "run", "-m", "adcraft_assets.definitions"], "daemon")

    def try_image(self):
        """See that a pod with volumes like every other's can load adcraft; say why not at once."""
        name = self._pod_job(["python", "-c", "import adcraft_assets, adcraft_tests, dagster_k8s"], "try")

        def ended():
            self._must_not_have_failed(name)
            return bool(self._ends_of(name))

        wait_for(ended, "a pod that imports adcraft", self.story)

    def _ends_of(self, name):
        return [
            one for one in self.journal("pods") if one["event"] == "end" and one["pod"].startswith(f"{name}-")
        ]

    def _must_not_have_failed(self, name):
        failed = [one for one in self._ends_of(name) if one["exit"] != 0]
        if failed:
            raise AssertionError(
                f"a pod of the stand-in failed: {failed[0]}\n{self.log_of(f'adcraft_{name}-*')}\n"
                "If it can't find its folder, Python or a module: pods see the root's file system without /tmp; "
                "clone adcraft and its .venv-cluster elsewhere on it (adcraft_tests/k8s/stand_in/pod_image.py)."
            )

    def _pod_job(self, arguments, purpose):
        """Run a program in a pod as the chart's own are; return the Job's name."""
        name = f"{purpose}-{time.time_ns()}"
        launcher = yaml.safe_load(
            self.kubectl("get", "configmap", "dagster-instance", "-o", "jsonpath={.data.dagster\\.yaml}")
        )["run_launcher"]["config"]
        env = [dict(zip(("name", "value"), one.split("=", 1), strict=True)) for one in launcher["env_vars"]]
        secret = {"secretKeyRef": {"name": "dagster-postgresql-secret", "key": "postgresql-password"}}
        container = {
            "name": "main",
            "image": IMAGE,
            "args": arguments,
            "env": [
                *env,
                {"name": "DAGSTER_HOME", "value": HOME},
                {"name": "DAGSTER_PG_PASSWORD", "valueFrom": secret},
            ],
            "envFrom": [{"secretRef": {"name": "adcraft-secrets"}}],
            "volumeMounts": launcher["volume_mounts"],
        }
        pod = {
            "restartPolicy": "Never",
            "serviceAccountName": "adcraft",
            "nodeSelector": {"adcraft.io/pool": "cpu"},
            "containers": [container],
            "volumes": launcher["volumes"],
        }
        template = {"metadata": {"labels": {"app": name}}, "spec": pod}
        metadata = {"name": name, "namespace": "adcraft"}
        spec = {"backoffLimit": 0, "template": template}
        self.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
        return name

    # -- what happened
    def ended(self, run_ids):
        return all(self.instance.get_run_by_id(one).is_finished for one in run_ids)

    def wait(self, run_ids):
        """Wait until the runs have ended; return their states."""
        wait_for(lambda: self.ended(run_ids), f"runs {run_ids} to end", self.story)
        return [self.instance.get_run_by_id(one).status.value for one in run_ids]

    def events(self, run_id, *kinds):
        wanted = {dg.DagsterEventType(kind) for kind in kinds}
        records = self.instance.get_records_for_run(run_id, of_type=wanted).records
        return [record.event_log_entry for record in records]

    def failures(self, run_id):
        """What the event log says of failed or retried steps: (seconds since the run's start, step, kind, message)."""
        entries = self.events(run_id, "STEP_FAILURE", "STEP_UP_FOR_RETRY", "PIPELINE_FAILURE")
        told = []
        for entry in entries:
            data = entry.dagster_event.event_specific_data
            error = getattr(data, "error", None)
            causes = [error, error.cause if error else None]
            parts = [entry.dagster_event.message, *(one.message for one in causes if one)]
            message = " ".join(part.strip() for part in parts if part)
            told.append(
                (entry.timestamp, entry.step_key, entry.dagster_event.event_type_value, message.strip())
            )
        return told

    def story(self):
        lines = [f"{run.run_id[:8]} {run.status.value}" for run in self.instance.get_runs()]
        for run in self.instance.get_runs():
            lines += [
                f"  {step} {kind}: {message[:400]}" for _, step, kind, message in self.failures(run.run_id)
            ]
        lines += [json.dumps({**one, "argv": None}) for one in self.journal("pods")[-12:]]
        return "\n".join(lines)


def wait_for(true, what, story=lambda: ""):
    """Wait until it is true; what can tell sooner that it never will be must raise in `true`."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"waited {PATIENCE_S} s in vain for {what}\n{story()}")
        time.sleep(0.5)
