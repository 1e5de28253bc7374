"""A local GPU for one process at a time: a lock on a file per device, which dies with its holder.

    python -m adcraft_resources.device_lease --devices 0,1 -- COMMAND...

waits for a free device, shows the command that one alone, and becomes the command. Nobody has to give a device back:
a process that is killed lets go of it. Belongs here: leasing. Does not: who needs a device.
"""

import argparse
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_S = 0.5


@dataclass(frozen=True)
class Lease:
    """A device and the lock that holds it."""

    device: str
    handle: int

    def end(self) -> None:
        """Let go of the device."""
        os.close(self.handle)


def local_devices(count: int) -> tuple[str, ...]:
    """Return the devices of this machine that may be leased: those CUDA_VISIBLE_DEVICES shows, at most `count`."""
    shown = os.environ.get(VISIBLE)
    devices = [str(number) for number in range(count)] if shown is None else shown.split(",")
    return tuple(device.strip() for device in devices if device.strip())[:count]


def try_lease(devices: Sequence[str]) -> Lease | None:
    """Return a lease on the first free device, None when all are held."""
    folder = _locks()
    for device in devices:
        handle = os.open(folder / f"{device}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        return Lease(device, handle)
    return None


def lease(devices: Sequence[str]) -> Lease:
    """Return a lease, after waiting for as long as all devices are held."""
    if not devices:
        raise ValueError("there is no device to lease")
    while (held := try_lease(devices)) is None:
        time.sleep(POLL_S)
    return held


def _locks() -> Path:
    folder = Path(tempfile.gettempdir()) / f"adcraft-devices-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def main(arguments: Sequence[str]) -> None:
    """Lease a device and become the command."""
    parser = argparse.ArgumentParser(prog="python -m adcraft_resources.device_lease")
    parser.add_argument("--devices", required=True, help="Device names, comma-separated.")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(arguments)
    held = lease(asked.devices.split(","))
    os.set_inheritable(held.handle, True)  # the command holds the lock for as long as it lives
    os.environ[VISIBLE] = held.device
    os.execvp(asked.command[0], asked.command)  # noqa: S606  (the command is our own)


if __name__ == "__main__":
    main(sys.argv[1:])
