import os
import signal
import subprocess
import sys
import time

import pytest

from adcraft_resources.device_lease import gpus_found, lease, local_devices, try_lease

RUN = """
import os, sys, time
import dagster as dg
from adcraft_resources.leased_device import LeasedDevice

@dg.op(required_resource_keys={"leased_device"})
def work():
    print("works on", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    while os.path.exists(sys.argv[1]):
        time.sleep(0.05)

@dg.job(resource_defs={"leased_device": LeasedDevice(device=sys.argv[2], gpu_count=int(sys.argv[3]))})
def run():
    work()

for _ in range(int(sys.argv[4])):
    run.execute_in_process()
print("ended", flush=True)
"""


@pytest.fixture(autouse=True)
def own_locks(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start processes that each carry out Dagster runs, which work until the file they are given is gone."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    begun = []

    def one(name, *, device="auto", gpu_count=2, runs=1):
        (tmp_path / name).touch()
        arguments = [str(tmp_path / name), device, str(gpu_count), str(runs)]
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments],
            stdout=subprocess.PIPE,
            stderr=(tmp_path / f"{name}.log").open("w"),
            text=True,
        )
        begun.append(process)
        return process

    yield one
    for process in begun:
        process.kill()
        process.wait()


def line_of(process):
    return process.stdout.readline().strip()


def wait_until(true, patience_s=60):
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


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


def test_without_a_word_devices_are_those_there_are(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("adcraft_resources.device_lease._NODES", tmp_path)
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert gpus_found() == 2
    assert local_devices(4) == ("0", "1")
    assert local_devices(1) == ("0",)


def test_two_runs_take_two_devices_and_a_third_waits_for_one_to_end(start, tmp_path):
    first, second = start("first"), start("second")
    assert {line_of(first), line_of(second)} == {"works on 4", "works on 7"}
    third = start("third")
    log = tmp_path / "third.log"
    wait_until(lambda: "Waiting for a GPU" in log.read_text())
    told = log.read_text()
    assert f"held by process {first.pid}" in told
    assert f"held by process {second.pid}" in told
    (tmp_path / "second").unlink()
    assert line_of(second) == "ended"
    assert line_of(third) == "works on " + ("7" if "7 is held by process " + str(second.pid) in told else "4")


def test_a_killed_run_gives_its_device_back(start, tmp_path):
    first = start("first", gpu_count=1)
    assert line_of(first) == "works on 4"
    second = start("second", gpu_count=1)
    wait_until(lambda: "Waiting for a GPU" in (tmp_path / "second.log").read_text())
    first.kill()
    assert line_of(second) == "works on 4"


def test_a_run_that_waits_for_a_device_can_be_ended(start, tmp_path):
    assert line_of(start("first", gpu_count=1)) == "works on 4"
    second = start("second", gpu_count=1)
    wait_until(lambda: "Waiting for a GPU" in (tmp_path / "second.log").read_text())
    second.send_signal(signal.SIGINT)
    assert second.wait(30) != 0
    assert "DagsterExecutionInterruptedError" in (tmp_path / "second.log").read_text()


def test_the_runs_of_a_process_stay_on_its_device(start, tmp_path):
    process = start("first", gpu_count=1, runs=2)
    (tmp_path / "first").unlink()
    assert [line_of(process) for _ in range(3)] == ["works on 4", "works on 4", "ended"]


def test_a_device_by_number_is_leased_and_no_other_hidden(start):
    assert line_of(start("first", device="cuda:1", gpu_count=1)) == "works on 4,7"
    assert try_lease(["7"]) is None
    assert try_lease(["4"]) is not None


@pytest.mark.parametrize(("device", "shown"), [("cpu", "4,7"), ("auto", "")])
def test_a_run_without_a_gpu_holds_none(start, monkeypatch, device, shown):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert line_of(start("first", device=device)) == f"works on {shown}".strip()
    assert try_lease(["4"]) is not None


def test_a_command_that_was_given_a_device_runs_on_it(tmp_path):
    (tmp_path / "gone").touch()
    (tmp_path / "gone").unlink()
    command = [sys.executable, "-c", RUN, str(tmp_path / "gone"), "auto", "2", "1"]
    led = [sys.executable, "-m", "adcraft_resources.device_lease", "--devices", "5,6", "--", *command]
    told = subprocess.run(led, capture_output=True, text=True, timeout=60, check=True).stdout
    assert told.splitlines() == ["works on 5", "ended"]
