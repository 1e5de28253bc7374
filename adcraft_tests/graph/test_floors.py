"""The import contracts bite: each kind of fault, planted once in a copy, is named by file and line."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAULTS = {
    "adcraft_resources/algorithms/similarity.py": ("import dagster", "Algorithms are numpy and OpenCV only"),
    "adcraft_resources/store.py": ("import adcraft_resources.gallery", "The floors of adcraft_resources"),
    "adcraft_resources/gates.py": ("import adcraft_assets.settings", "Resources never import assets"),
    "adcraft_assets/keyframes.py": ("import adcraft_assets.hooks", "The floors of adcraft_assets"),
    "adcraft_assets/hooks.py": ("import adcraft_resources.models", "Assets never name models"),
    "adcraft_resources/models/__init__.py": ("import dagster", "Models know no Dagster"),
    "adcraft_assets/stray.py": ("", "The floors of adcraft_assets"),
}


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """What import-linter says of a copy of the house with every fault planted."""
    copy = tmp_path_factory.mktemp("house")
    for name in ("adcraft_assets", "adcraft_resources"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name, (line, _) in FAULTS.items():
        path = copy / name
        path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")
    linter = Path(sys.executable).with_name("lint-imports")
    told = subprocess.run([linter, "--no-cache"], cwd=copy, capture_output=True, text=True, check=False)
    assert told.returncode == 1, told.stdout + told.stderr
    return told.stdout


@pytest.mark.parametrize(("name", "contract"), [(name, contract) for name, (_, contract) in FAULTS.items()])
def test_a_planted_fault_breaks_its_contract(spoiled, name, contract):
    assert f"{contract} BROKEN" in spoiled
    module = name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    assert module.rpartition(".")[2] in spoiled.partition("Broken contracts")[2]


def test_ruff_refuses_a_heavy_import_at_module_level(tmp_path):
    code = "import torch\n"
    told = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--stdin-filename", "adcraft_resources/gates.py", "-"],
        input=code,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "TID253" in told.stdout
