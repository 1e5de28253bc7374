"""What pods run, where a checkout lies at a place they can't see."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adcraft_tests.k8s.stand_in.nodes import PACKAGES
from adcraft_tests.k8s.stand_in.pod_image import UnreachableError, pod_image, reachable
from adcraft_tests.k8s.stand_in.ready import missing

SCRIPT = "#!{python}\nimport sys, adcraft_assets\nprint(sys.prefix, adcraft_assets.__file__, *sys.argv[1:])\n"


@pytest.fixture
def hidden(tmp_path):
    """A checkout and an environment below /tmp, small ones of the real make."""
    if not tmp_path.is_relative_to("/tmp"):
        pytest.skip("pytest's folders are not below /tmp here")
    environment, code = tmp_path / "environment", tmp_path / "code"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    script = environment / "bin" / "told"
    script.write_text(SCRIPT.format(python=environment / "bin" / "python"))
    script.chmod(0o755)
    for name in PACKAGES:
        (code / name).mkdir(parents=True)
        (code / name / "__init__.py").write_text("")
    return environment, code


def without_tmp(command, **env):
    """Run a command where /tmp is empty, as it is for a pod."""
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /tmp && exec "$0" "$@"', *map(str, command)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_image_runs_where_its_checkout_is_not_to_be_seen(hidden):
    environment, code = hidden
    before = (environment / "bin" / "told").read_bytes()
    assert without_tmp([environment / "bin" / "told"], PYTHONPATH=str(code)).returncode != 0
    with pod_image(code, environment) as (there, code_there):
        told = without_tmp([there / "bin" / "told", "a b"], PYTHONPATH=str(code_there))
        assert told.returncode == 0, told.stderr
        assert told.stdout.strip() == f"{there} {code_there}/adcraft_assets/__init__.py a b"
    assert not there.exists()
    assert not code_there.exists()
    assert (environment / "bin" / "told").read_bytes() == before


def test_where_no_place_is_seen_the_remedy_is_told(hidden):
    environment, code = hidden
    with (
        pytest.raises(UnreachableError, match="clone adcraft outside /tmp"),
        pod_image(code, environment, ["/tmp"]),
    ):
        pass


def test_a_checkout_that_pods_see_is_taken_as_it_is():
    home = Path(shutil.which("sh")).resolve().parent
    assert reachable(home)
    with pod_image(home, home) as folders:
        assert folders == (home, home)
    assert not reachable("/proc/1")
    assert not reachable("/tmp/x")


def test_what_a_machine_lacks_is_listed_with_its_remedy(tmp_path, monkeypatch):
    assert missing(os.environ["CLUSTER_SIM"]) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    lacks = missing(tmp_path)
    assert any("has no cluster.py" in one for one in lacks)
    assert any(one.startswith("kubectl") for one in lacks)
