import os
import signal
import subprocess
import sys
import time

import pytest

from adcraft_resources.device_lease import lease, local_devices, try_lease


@pytest.fixture(autouse=True)
def own_locks(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def hold(devices):
    """A process that becomes one that prints its device and sleeps."""
    code = "import os, time; print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); time.sleep(60)"
    command = ["-m", "adcraft_resources.device_lease", "--devices", devices, "--", sys.executable, "-c", code]
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)


def test_two_processes_get_two_devices_and_a_third_none():
    first, second = hold("0,1"), hold("0,1")
    try:
        assert {first.stdout.readline().strip(), second.stdout.readline().strip()} == {"0", "1"}
        assert try_lease(["0", "1"]) is None
    finally:
        for process in (first, second):
            process.kill()
            process.wait()


def test_a_killed_process_gives_its_device_back():
    process = hold("3")
    assert process.stdout.readline().strip() == "3"
    assert try_lease(["3"]) is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    held = lease(["3"])
    assert held.device == "3"
    held.end()


def test_a_lease_waits_until_a_device_is_free():
    held = lease(["0"])
    waiting = hold("0")
    time.sleep(0.2)
    assert waiting.poll() is None
    held.end()
    assert waiting.stdout.readline().strip() == "0"
    waiting.kill()
    waiting.wait()


def test_devices_are_those_the_process_may_see(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert local_devices(2) == ("0", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 6,7")
    assert local_devices(2) == ("4", "6")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert local_devices(2) == ()
    with pytest.raises(ValueError, match="no device"):
        lease([])
