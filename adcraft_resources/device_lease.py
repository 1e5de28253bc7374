"""A local GPU for one process at a time: a lock on a file per device, which dies with its holder.

    python -m adcraft_resources.device_lease --devices 0,1 -- COMMAND...

waits for a free device, shows the command that one alone, and becomes the command. Nobody has to give a device back:
a process that is killed lets go of it. `hold_device` does the same for a process that is running already.
Belongs here: leasing. Does not: who needs a device (placement), telling Dagster (leased_device).
"""

import argparse
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
HELD = "ADCRAFT_LEASED_DEVICE"
"""Tells a command that was started with a lease that it has one."""
POLL_S = 0.5
_NODES = Path("/dev")


@dataclass(frozen=True)
class Lease:
    """A device and the lock that holds it."""

    device: str
    handle: int

    def end(self) -> None:
        """Let go of the device."""
        os.close(self.handle)


def local_devices(count: int) -> tuple[str, ...]:
    """Return at most `count` devices to lease: those CUDA_VISIBLE_DEVICES shows, else those there are."""
    shown = os.environ.get(VISIBLE)
    if shown is None:
        found = gpus_found()
        return tuple(str(number) for number in range(min(count, found) if found else count))
    return tuple(device.strip() for device in shown.split(",") if device.strip())[:count]


def gpus_found() -> int:
    """Count this machine's NVIDIA GPUs without waking them; 0 where there are none, or they can't be told."""
    return sum(one.name.removeprefix("nvidia").isdigit() for one in _NODES.glob("nvidia[0-9]*"))


def try_lease(devices: Sequence[str]) -> Lease | None:
    """Return a lease on the first free device, None when all are held."""
    for device in devices:
        handle = os.open(_lock_of(device), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        os.truncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        return Lease(device, handle)
    return None


def lease(devices: Sequence[str], on_wait: Callable[[str], None] | None = None) -> Lease:
    """Return a lease, after waiting for as long as all devices are held.

    Args:
        devices: Any of these will do.
        on_wait: Told once who holds the devices, when none is free at once.
    """
    if not devices:
        raise ValueError("there is no device to lease")
    while (held := try_lease(devices)) is None:
        if on_wait is not None:
            on_wait(", ".join(f"{device} is held by process {_holder_of(device)}" for device in devices))
            on_wait = None
        time.sleep(POLL_S)
    return held


_own: Lease | None = None


def hold_device(
    devices: Sequence[str], on_wait: Callable[[str], None] | None = None, *, alone: bool = True
) -> str:
    """Lease a device for the rest of this process's life, once, and return its name.

    Models stay loaded from one run of a process to the next, so the lease does not end with a run. With `alone` CUDA,
    which must not be awake yet, sees no other device.
    """
    global _own  # noqa: PLW0603  # the process's, as the environment is
    if _own is None and os.environ.get(HELD):
        return os.environ[HELD]
    if _own is None:
        _own = lease(devices, on_wait)
        if alone:
            os.environ[VISIBLE] = _own.device
    return _own.device


def _holder_of(device: str) -> str:
    with suppress(OSError):
        return _lock_of(device).read_text(encoding="ascii") or "?"
    return "?"


def _lock_of(device: str) -> Path:
    folder = Path(tempfile.gettempdir()) / f"adcraft-devices-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{device}.lock"


def main(arguments: Sequence[str]) -> None:
    """Lease a device and become the command."""
    parser = argparse.ArgumentParser(prog="python -m adcraft_resources.device_lease")
    parser.add_argument("--devices", required=True, help="Device names, comma-separated.")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(arguments)
    held = lease(asked.devices.split(","))
    os.set_inheritable(held.handle, True)  # the command holds the lock for as long as it lives
    os.environ[VISIBLE] = os.environ[HELD] = held.device
    os.execvp(asked.command[0], asked.command)  # noqa: S606  (the command is our own)


if __name__ == "__main__":
    main(sys.argv[1:])
