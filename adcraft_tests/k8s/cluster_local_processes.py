"""ADCRAFT_EXECUTOR=multiprocess: a process per step, a device per GPU step, over all runs of the machine."""

import os
import signal
import time

import pytest

from adcraft_tests.graph.conftest import write_ad
from adcraft_tests.k8s.local_runs import local_runs
from adcraft_tests.k8s.stand_in.cluster import PATIENCE_S, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def ads(tmp_path):
    folder = tmp_path / "ads"
    folder.mkdir()
    for number in range(2):
        write_ad(folder / f"v{number}.mp4", seed=number)
    return folder


def finish(runs, processes):
    for key, process in processes.items():
        assert process.wait(PATIENCE_S) == 0, runs.log(key)


@pytest.mark.parametrize("gpu_count", [1, 2])
def test_gpu_steps_of_two_runs_never_share_a_device(tmp_path, ads, gpu_count, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # leases of this test alone
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with local_runs(tmp_path, ads, "multiprocess", gpu_count=gpu_count) as runs:
        finish(runs, {key: runs.start(key, ADCRAFT_TEST_GPU_S="6") for key in runs.keys})
        (_, first_end), (second_start, _) = runs.spans()
        if gpu_count == 1:
            assert set(runs.devices()) == {"0"}
            assert second_start >= first_end - 0.5  # the lease is taken before Dagster starts in the process
        else:
            assert set(runs.devices()) == {"0", "1"}
            assert second_start < first_end


def test_a_killed_step_gives_its_device_back_and_is_told_by_its_signal(tmp_path, ads, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (ads / "held-1").write_text("")
    with local_runs(tmp_path, ads, "multiprocess", gpu_count=1) as runs:
        process = runs.start(runs.keys[0])
        wait_for(lambda: ("/held-1", 200) in runs.asked, "the step", lambda: runs.log(runs.keys[0]))
        (pid,) = [int(path.removeprefix("/pid-")) for path, _ in runs.asked if path.startswith("/pid-")]
        os.kill(pid, signal.SIGKILL)
        assert process.wait(PATIENCE_S) != 0
        assert "signal SIGKILL" in runs.log(runs.keys[0])
        (ads / "held-1").unlink()
        time.sleep(1)
        assert runs.start(runs.keys[1]).wait(PATIENCE_S) == 0, runs.log(runs.keys[1])
        assert set(runs.devices()) == {"0"}
