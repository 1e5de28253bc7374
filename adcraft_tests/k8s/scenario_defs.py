"""The definitions of the fault scenarios: adcraft's own, with a stylist that a test can hold, and short jobs.

Belongs here: what pods of scenarios load. Does not: assertions.
"""

import atexit
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, ClassVar

import dagster as dg

from adcraft_assets.definitions import build_defs
from adcraft_resources.stylists import EmbeddedStylist

SERVER = "ADCRAFT_TEST_SERVER"
_calls = 0


def _stands(name: str) -> bool:
    """Whether the test keeps a file of that name on its server."""
    try:
        with urllib.request.urlopen(f"{os.environ[SERVER]}/{name}", timeout=5) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


def _tell_cpu(moment: str) -> None:
    """Tell the test's server the CPU seconds this process has spent by now."""
    spent = time.process_time() + sum(os.times()[2:4])
    _stands(f"cpu/{os.environ.get('HOSTNAME', 'here')}/{moment}/{spent:.2f}")


class HeldStylist(EmbeddedStylist):
    """Develops looks as ever, but waits before the n-th while the test's server holds a file `held-n`."""

    at_once: ClassVar[int] = 1  # as a stylist on a GPU: what a lost pod was at is one ad

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        super().setup_for_execution(context)
        _tell_cpu("work")

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        _tell_cpu("worked")
        super().teardown_after_execution(context)

    def develop(self, style: Any, keys: Any, shots: Any, seed: int) -> Any:
        global _calls  # noqa: PLW0603  (Dagster copies resources; a step is one process)
        _calls += 1
        for told in (f"device-{os.environ.get('CUDA_VISIBLE_DEVICES', 'none')}", f"pid-{os.getpid()}"):
            _stands(told)
        while _stands(f"held-{_calls}"):
            time.sleep(0.3)
        if _stands(f"eat-{_calls}"):
            ballast = bytearray(5 << 30)
            ballast[::4096] = b"x" * len(ballast[::4096])
        time.sleep(float(os.environ.get("ADCRAFT_TEST_GPU_S", "0")))
        return super().develop(style, keys, shots, seed)


HeldStylist.__name__ = "EmbeddedStylist"  # digests hold the class's name


@dg.definitions
def defs() -> dg.Definitions:
    """Adcraft's definitions and a job that renders variants alone."""
    if SERVER in os.environ:
        atexit.register(_tell_cpu, "end")
    made = build_defs(Path(os.environ["ADCRAFT_CONFIG"]), {"stylist": HeldStylist()})
    render = dg.define_asset_job("render_variants", selection=dg.AssetSelection.assets("styled_variants"))
    return dg.Definitions.merge(made, dg.Definitions(jobs=[render]))
