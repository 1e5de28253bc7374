"""The two images as far as that goes without docker: what their builds copy and what their lines install.

Belongs here: the Dockerfiles. Does not: base images, Debian packages and torch, which no test here fetches.
"""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from adcraft_tests.k8s.stand_in.nodes import PACKAGES, ROOT

IMAGES = ("cpu", "cuda")
MODELS = ("accelerate", "diffusers", "sentencepiece", "transformers")
CLUSTER = ("dagster_k8s", "dagster_postgres", "psycopg2", "s3fs")


def lines_of(image):
    """The Dockerfile's instructions, continued lines joined."""
    text = (ROOT / "k8s" / f"Dockerfile.{image}").read_text().replace("\\\n", " ")
    return [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]


def copied(image):
    """What is copied from the build's context."""
    asked = [rest.split() for word, rest in lines_of(image) if word == "COPY" and "--from" not in rest]
    return [one for words in asked for one in words[:-1]]


@pytest.fixture
def context(tmp_path):
    """The build's context: what .dockerignore lets through."""
    let = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    folder = tmp_path / "src"
    folder.mkdir()
    for path in ROOT.iterdir():
        if any(fnmatch.fnmatch(path.name, one) for one in let):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, folder / path.name, ignore=ignored) if path.is_dir() else shutil.copy(
                path, folder
            )
    return folder


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_pinned_runs_as_a_user_and_execs_its_arguments(image):
    lines = lines_of(image)
    assert all(re.search(r":\d+\.\d+\.\d+", rest) for word, rest in lines if word == "FROM")
    assert [rest for word, rest in lines if word == "USER"] == ["10001:10001"]
    assert [rest for word, rest in lines if word == "ENTRYPOINT"] == ['["tini", "--"]']
    installs = re.findall(r"pip install ([^&]*)", " ".join(rest for word, rest in lines if word == "RUN"))
    assert installs
    for one in installs:
        assert (
            "--require-hashes" in one or "==" in one or ("--no-deps" in one and one.strip().endswith(" ."))
        ), one


@pytest.mark.parametrize("image", IMAGES)
def test_what_a_build_copies_is_in_its_context(image, context):
    assert set(copied(image)) <= {path.name for path in context.iterdir()}


def test_the_wheel_an_image_installs_holds_every_file_of_the_packages(context):
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "..", "."]
    subprocess.run(build, cwd=context, check=True)
    (wheel,) = context.parent.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = [name for name in PACKAGES if name != "adcraft_tests"]
    tracked = subprocess.run(
        ["git", "ls-files", *wanted], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert tracked.stdout
    assert set(tracked.stdout.split()) <= held


@pytest.mark.slow
@pytest.mark.parametrize("image", IMAGES)
def test_the_lines_of_a_build_make_an_environment_that_loads_the_graph(image, context, tmp_path):
    place = tmp_path / "opt"
    build = lines_of(image)
    for word, rest in build[: [word for word, _ in build].index("FROM", 1)]:
        if word == "RUN" and "torch==" not in rest:
            subprocess.run(["sh", "-ec", rest.replace("/opt/adcraft", str(place))], cwd=context, check=True)
    env = {"PATH": f"{place}/bin:/usr/bin:/bin", "HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}
    env.update(ADCRAFT_EXECUTOR="k8s", ADCRAFT_CONFIG=str(ROOT / "k8s" / "config.json"))
    env.update({name: value for name, value in os.environ.items() if name.startswith("LD_")})
    modules = ["adcraft_assets.definitions", *CLUSTER, *(MODELS if image == "cuda" else ())]
    told = subprocess.run(
        ["python", "-c", "".join(f"import {one};" for one in modules) + "print(adcraft_assets.__file__)"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip().startswith(str(place))
