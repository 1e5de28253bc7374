"""The allocator's settings: pictures made again and again reuse their memory."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import threading
import cv2
import numpy as np
from adcraft_resources.allocator import share_arenas

def paint():
    for _ in range(50):
        luma = np.ones((1280, 720), np.uint8)
        steps = cv2.GaussianBlur(luma, (3, 3), 0).astype(np.int16)
        steps += cv2.resize(steps[::2, ::2], (720, 1280))
        del steps

cv2.setNumThreads(1)
share_arenas()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
threads = [threading.Thread(target=paint) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults * resource.getpagesize() / (1280 * 720 * 2))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="these are settings of glibc")
def test_pictures_reuse_memory_instead_of_fetching_it_again():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 40  # pictures' worth of pages, for 200 pictures made
