"""ADCRAFT_EXECUTOR=ray on a local Ray instance with declared GPUs: a step is a Ray job that asks for one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adcraft_tests.graph.conftest import write_ad
from adcraft_tests.k8s.faulty_proxy import free_port
from adcraft_tests.k8s.local_runs import local_runs
from adcraft_tests.k8s.stand_in.nodes import ROOT

pytestmark = pytest.mark.ray
RAY = str(Path(sys.executable).parent / "ray")


@pytest.fixture(scope="module")
def ray(tmp_path_factory):
    """A Ray head that says it has one GPU; yields the address jobs are sent to."""
    port, jobs = free_port(), free_port()
    folder = Path("/var/tmp") / f"ray-{os.getpid()}"  # sockets' paths must be short
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    started = subprocess.Popen(
        [
            RAY,
            "start",
            "--head",
            "--block",
            f"--port={port}",
            f"--dashboard-port={jobs}",
            "--num-gpus=1",
            "--num-cpus=4",
            f"--temp-dir={folder}",
            "--disable-usage-stats",
            "--include-dashboard=true",
        ],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{jobs}"
    yield address
    started.terminate()
    started.wait(60)


def test_gpu_steps_are_ray_jobs_that_take_turns_on_the_gpu(tmp_path, ray):
    import time
    import urllib.request

    for _ in range(600):
        try:
            urllib.request.urlopen(f"{ray}/api/version", timeout=2)
            break
        except OSError:
            time.sleep(0.5)
    ads = tmp_path / "ads"
    ads.mkdir()
    for number in range(2):
        write_ad(ads / f"v{number}.mp4", seed=number)
    with local_runs(tmp_path, ads, "ray", gpu_count=1) as runs:
        names = [
            "DAGSTER_HOME",
            "ADCRAFT_CONFIG",
            "ADCRAFT_EXECUTOR",
            "ADCRAFT_TEST_SERVER",
            "ADCRAFT_TEST_GPU_S",
        ]
        runs.env.update(ADCRAFT_TEST_GPU_S="6", PYTHONPATH=str(ROOT))
        config = {"execution": {"config": {"ray": {"address": ray, "env_vars": names}}}}
        processes = {key: runs.start(key, config) for key in runs.keys}
        for key, process in processes.items():
            assert process.wait(300) == 0, runs.log(key)
            assert "in Ray job" in runs.log(key)
        (_, first_end), (second_start, _) = runs.spans()
        assert second_start >= first_end - 0.5
        assert set(runs.devices()) == {"0"}
