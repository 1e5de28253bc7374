"""A whole cluster for a test: the stand-in cluster, PostgreSQL, an S3 server, k8s/'s own objects, ads to fetch.

CLUSTER_SIM names the folder of the stand-in (`cluster.py`). Belongs here: starting these. Does not: assertions.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
import dagster as dg
import yaml

from adcraft_tests.k8s.chart_values import Values, instance_of
from adcraft_tests.k8s.faulty_proxy import FaultyProxy, free_port, s3_server
from adcraft_tests.k8s.stand_in.cluster import Cluster, wait_for
from adcraft_tests.k8s.stand_in.nodes import BUCKET, CLASSES, NODES, PASSWORD, ROOT
from adcraft_tests.k8s.stand_in.pod_image import pod_image
from adcraft_tests.k8s.stand_in.services import file_server, postgres


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
        environment, code = stack.enter_context(pod_image())
        port = stack.enter_context(_stand_in(folder, nodes, environment, code))
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
        cluster.try_image()
        instance.add_dynamic_partitions("videos", [f"soap__{one}" for one in names])
        yield cluster


@contextmanager
def _stand_in(folder, nodes, environment, code):
    port, state = free_port(row=2), folder / "state"  # http, and https on the next
    where = Path(os.environ["CLUSTER_SIM"]).resolve()
    image = {
        "path": str(environment / "bin"),
        "workdir": str(code),
        "env": {"PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"},
    }
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
    told = folder / "cluster.log"

    def ready():
        assert process.poll() is None, f"the stand-in ended at once:\n{told.read_text()}"
        return "ready: " in told.read_text()

    try:
        wait_for(ready, "the cluster", told.read_text)
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
    instance["run_monitoring"].update(poll_interval_seconds=5, start_timeout_seconds=600)
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
