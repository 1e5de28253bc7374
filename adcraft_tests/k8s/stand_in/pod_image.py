"""What pods of the stand-in run: this checkout and this environment, at a path pods can reach.

A pod has volumes of its own at /tmp and elsewhere, so that a checkout below /tmp, as a fresh clone in a `mktemp -d` is,
isn't there for it; nor is what lies on another file system than the root, of which pods see a copy. Then both are linked
or copied to a place that is. Belongs here: that place. Does not: pods.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from adcraft_tests.k8s.stand_in.nodes import PACKAGES, ROOT

HIDDEN = ("/tmp", "/dev", "/proc", "/sys", "/run", "/etc/adcraft", "/opt/dagster", "/results", "/weights")
"""Where a pod has volumes or a system of its own."""
PLACES = ("/var/tmp", "/opt", "/srv")


class UnreachableError(Exception):
    """Pods cannot see what they are to run."""


def reachable(path):
    """Whether a pod sees the folder: no volume hides it and it lies on the root's file system."""
    path = Path(path).resolve()
    hidden = any(path.is_relative_to(one) for one in HIDDEN)
    return not hidden and not any(os.path.ismount(one) for one in [path, *path.parents][:-1])


@contextmanager
def pod_image(code=ROOT, environment=Path(sys.prefix), places=PLACES):
    """Yield the folders of the environment and of the code as pods are to name them."""
    base = Path(sys.base_prefix)
    if not reachable(base):
        raise UnreachableError(
            f"pods of the stand-in can't reach the Python of this environment, {base}: a volume or another file system "
            "hides it there. Remedy: rm -rf .venv-cluster and set it up with a Python elsewhere, "
            "make PYTHON=/usr/bin/python3 test-cluster"
        )
    if reachable(code) and reachable(environment):
        _compile(code)
        yield environment, code
        return
    with tempfile.TemporaryDirectory(prefix="adcraft-image-", dir=_place(places, code)) as folder:
        _copy_environment(environment, Path(folder) / "environment")
        _copy_code(code, Path(folder) / "code")
        yield Path(folder) / "environment", Path(folder) / "code"


def _place(places, code):
    for one in places:
        if reachable(one) and os.access(one, os.W_OK):
            return one
    raise UnreachableError(
        f"pods of the stand-in can't reach {code}, nor is any of {', '.join(places)} a place they see and this user may "
        "write. Remedy: clone adcraft outside /tmp, on the file system of /"
    )


def _copy_environment(environment, target):
    """Link the environment where that can be done, and have its commands start its own Python."""
    linked = subprocess.run(["cp", "-al", environment, target], check=False, capture_output=True)
    if linked.returncode:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", environment, target], check=True)
    for command in (target / "bin").iterdir():
        text = b"" if command.is_symlink() else command.read_bytes()
        if text.startswith(f"#!{environment}/".encode()):
            mode = command.stat().st_mode
            command.unlink()  # a link to the original: never write through it
            command.write_bytes(text.replace(str(environment).encode(), str(target).encode()))
            command.chmod(mode)


def _copy_code(code, target):
    for name in PACKAGES:
        shutil.copytree(code / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    _compile(target)


def _compile(code):
    """A pod's file system goes with the pod: what isn't compiled now is compiled by each again."""
    folders = [code / name for name in PACKAGES if (code / name).is_dir()]
    if folders:
        subprocess.run([sys.executable, "-m", "compileall", "-q", *folders], check=True)
