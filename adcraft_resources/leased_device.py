"""One GPU of this machine for each run that needs one: a run waits at its start until a device is free.

A run that waits holds nothing yet, least of all a slot of a pool another run may need, so two can't block one another.
Belongs here: the lease as a resource of a run. Does not: locks (device_lease), which steps need a device (placement).
"""

import os

import dagster as dg
from dagster._core.errors import raise_execution_interrupts
from pydantic import Field

from adcraft_resources.device_lease import VISIBLE, gpus_found, hold_device, local_devices


class LeasedDevice(dg.ConfigurableResource):
    """Holds a device from the start of a run to the end of its process; without a GPU it holds nothing."""

    device: str = Field(default="auto", description="auto or cuda: any; cuda:N: that one; cpu: none.")
    gpu_count: int = Field(default=1, ge=0, description="Devices that may be leased.")

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Wait for a device; who ends the run meanwhile is heeded."""
        log = context.log

        def tell(holders: str) -> None:
            if log is not None:
                log.info(f"Waiting for a GPU: {holders}.")

        wanted = self._wanted()
        if wanted:
            with raise_execution_interrupts():
                hold_device(wanted, tell, alone=":" not in self.device)

    def _wanted(self) -> tuple[str, ...]:
        """The devices any of which will do."""
        name, _, number = self.device.partition(":")
        if name == "cpu" or (VISIBLE not in os.environ and not gpus_found()):
            return ()
        return local_devices(int(number) + 1)[int(number) :] if number else local_devices(self.gpu_count)
