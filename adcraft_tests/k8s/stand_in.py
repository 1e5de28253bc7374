"""A whole cluster for a test: the stand-in cluster, PostgreSQL, an S3 server, k8s/'s own objects, ads to fetch.

CLUSTER_SIM names the folder of the stand-in (`cluster.py`). Belongs here: starting these and asking them. Does not:
assertions.
"""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
import dagster as dg
import yaml

from adcraft_tests.k8s.chart_values import HOME, Values, instance_of
from adcraft_tests.k8s.faulty_proxy import FaultyProxy, free_port, s3_server

ROOT = Path(__file__).parents[2]
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
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


@contextmanager
def postgres():
    """A fresh PostgreSQL; yields its port."""
    folder, port = Path(tempfile.mkdtemp(prefix="adcraft-pg-", dir="/var/tmp")), free_port()
    shutil.chown(folder, "postgres") if os.geteuid() == 0 else None
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    run = functools.partial(subprocess.run, check=True, capture_output=True, cwd="/var/tmp")
    word = folder / "word"
    word.write_text(PASSWORD)
    shutil.chown(word, "postgres") if os.geteuid() == 0 else None
    bins, data = POSTGRES[-1], folder / "data"
    run(
        [
            *become,
            bins / "initdb",
            "-D",
            data,
            "-U",
            "dagster",
            "-A",
            "password",
            f"--pwfile={word}",
            "--no-sync",
        ]
    )
    server = subprocess.Popen(
        [
            *become,
            bins / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            "-k",
            folder,
            "-F",
            "-c",
            "listen_addresses=127.0.0.1",
        ],
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("w"),
        cwd="/var/tmp",
    )
    try:
        env = {**os.environ, "PGPASSWORD": PASSWORD}
        for _ in range(100):
            made = subprocess.run(
                [bins / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "dagster", "dagster"],
                env=env,
                capture_output=True,
                check=False,
            )
            if made.returncode == 0:
                break
            time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def file_server(folder):
    """The ads of a folder over HTTP; yields the URL and a journal of (path, status)."""
    handler = functools.partial(_Noting, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.journal = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.journal
    finally:
        server.shutdown()


class _Noting(http.server.SimpleHTTPRequestHandler):
    def log_request(self, code="-", size="-"):
        self.server.journal.append((self.path, int(code)))

    def log_message(self, *_):
        pass


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
        for chunk in chunks:
            tags = {
                "dagster/asset_partition_range_start": chunk[0],
                "dagster/asset_partition_range_end": chunk[-1],
            }
            asked = ["-m", module, "-j", job, "--tags", json.dumps(tags)]
            asked += ["--config-json", json.dumps(config)] if config else []
            self._pod_job(f"submit-{time.time_ns()}", ["dagster", "job", "launch", *asked])
        wait_for(
            lambda: len(self.instance.get_runs()) >= len(before) + len(chunks), 120, "the runs to be launched"
        )
        return [run.run_id for run in self.instance.get_runs() if run.run_id not in before]

    def start_daemon(self):
        """Run the daemon as a pod of the cluster."""
        name = f"daemon-{time.time_ns()}"
        self._pod_job(name, ["dagster-daemon", "run", "-m", "adcraft_assets.definitions"])
        return name

    def _pod_job(self, name, arguments):
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

    # -- what happened
    def wait(self, run_ids, seconds):
        """Wait until the runs have ended; return their states."""

        def ended():
            return all(self.instance.get_run_by_id(one).is_finished for one in run_ids)

        wait_for(ended, seconds, f"runs {run_ids} to end", self.story)
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
        lines += [json.dumps(one) for one in self.journal("pods")[-12:]]
        return "\n".join(lines)


def wait_for(true, seconds, what, story=lambda: ""):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what}\n{story()}")
        time.sleep(0.5)


@contextmanager
def stand_in_cluster(folder, ads, *, nodes=NODES, classes=CLASSES, chunk=2, executor_env=(), config=None):
    """Start everything; the ads of the folder are the videos of product `soap`.

    Args:
        folder: For state, journals and logs.
        ads: Folder with .mp4 files.
        nodes: Of the cluster.
        classes: Placement classes of config.json.
        chunk: Ads a run.
        executor_env: More NAME=VALUE for runs and steps.
        config: More keys of config.json.
    """
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        bucket = stack.enter_context(s3_server())
        proxy = FaultyProxy(bucket)
        stack.callback(proxy.shutdown)
        url, asked_for = stack.enter_context(file_server(ads))
        boto3.client(
            "s3",
            endpoint_url=bucket,
            region_name="us-east-1",
            aws_access_key_id="t",
            aws_secret_access_key="t",
        ).create_bucket(Bucket=BUCKET)
        port = stack.enter_context(_stand_in(folder, nodes))
        names = sorted(path.stem for path in Path(ads).glob("*.mp4"))
        asked = {
            "variants_per_video": 2,
            "store": f"s3://{BUCKET}/adcraft",
            "results": "/results",
            "batch": {"max_partitions_per_run": chunk},
            "download": {"allow_private_hosts": True},
            "products": [{"id": "soap", "videos": [{"id": one, "url": f"{url}/{one}.mp4"} for one in names]}],
            "cluster": {"step_service_account": "adcraft-steps", "classes": classes},
            **(config or {}),
        }
        instance = stack.enter_context(_instance(folder, database))
        cluster = Cluster(folder, port, proxy, instance, asked, asked_for)
        cluster.apply(*_objects(database, proxy.url, (f"ADCRAFT_TEST_SERVER={url}", *executor_env)))
        cluster.configure()
        instance.add_dynamic_partitions("videos", [f"soap__{one}" for one in names])
        yield cluster


@contextmanager
def _stand_in(folder, nodes):
    port, state = free_port(), folder / "state"
    where = Path(os.environ["CLUSTER_SIM"]).resolve()
    image = {"path": str(Path(sys.executable).parent), "workdir": str(ROOT), "env": {"PYTHONPATH": str(ROOT)}}
    spec = {
        "nodes": list(nodes),
        "images": {"registry.example/adcraft*": image},
        "shared": [],
        "settings": {"node_monitor_grace": 2, "eviction_after": 4},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nodes.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(spec))))
    log = (folder / "cluster.log").open("w")
    command = [
        sys.executable,
        where / "cluster.py",
        "--nodes",
        folder / "nodes.yaml",
        "--state",
        state,
        "--rbac",
        "--port",
        str(port),
    ]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(
            lambda: "ready" in (folder / "cluster.log").read_text(),
            60,
            "the cluster",
            (folder / "cluster.log").read_text,
        )
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _objects(database, s3_url, executor_env):
    """k8s/'s own objects, with the instance the chart would make of k8s/values.yaml."""
    wanted = ("namespace", "service-accounts", "role", "priority-classes", "volumes")
    objects = [
        one for name in wanted for one in yaml.safe_load_all((ROOT / "k8s" / f"{name}.yaml").read_text())
    ]
    instance = instance_of(Values.model_validate(yaml.safe_load((ROOT / "k8s/values.yaml").read_text())))
    instance["storage"]["postgres"]["postgres_db"].update(hostname="127.0.0.1", port=database)
    instance["run_monitoring"].update(poll_interval_seconds=5, start_timeout_seconds=60)
    # Without a daemon a queued run would wait for ever; scenarios that need the daemon run it for monitoring.
    instance["run_coordinator"] = {
        "module": "dagster._core.run_coordinator",
        "class": "DefaultRunCoordinator",
    }
    instance["run_launcher"]["config"]["env_vars"] += [
        "OMP_NUM_THREADS=2",
        f"AWS_ENDPOINT_URL={s3_url}",
        *executor_env,
    ]
    secrets = {"AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t", "AWS_DEFAULT_REGION": "us-east-1"}

    def one(kind, name, **fields):
        return {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "adcraft"},
            **fields,
        }

    return [
        *objects,
        one("Secret", "dagster-postgresql-secret", stringData={"postgresql-password": PASSWORD}),
        one("Secret", "adcraft-secrets", stringData=secrets),
        one("ConfigMap", "dagster-instance", data={"dagster.yaml": yaml.safe_dump(instance)}),
    ]


@contextmanager
def _instance(folder, database):
    """The same database as the pods', for the test to read and to add partitions."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    db = {
        "username": "dagster",
        "password": PASSWORD,
        "hostname": "127.0.0.1",
        "db_name": "dagster",
        "port": database,
        "scheme": "postgresql+psycopg2",
    }
    (home / "dagster.yaml").write_text(
        yaml.safe_dump({"storage": {"postgres": {"postgres_db": db}}, "telemetry": {"enabled": False}})
    )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance
