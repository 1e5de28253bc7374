import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from adcraft_assets.commands.home import MINIMAL_INSTANCE, open_instance


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dagster.yaml").write_text(MINIMAL_INSTANCE, encoding="utf-8")
    (tmp_path / ".adcraft").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


@dg.asset
def soap() -> int:
    return 1


def _logs(home: Path) -> list[Path]:
    return [path for path in home.rglob("*.db-wal") if path.stat().st_size]


def test_files_stay_open_between_events_and_are_whole_afterwards(home: Path) -> None:
    with open_instance(home) as instance:
        assert dg.materialize([soap], instance=instance).success
        open_logs = _logs(home)
        with instance.run_storage.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
    assert open_logs
    assert not _logs(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
        with instance.run_storage.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


KILLED = """
import os, signal
from pathlib import Path
from adcraft_assets.commands.home import open_instance
with open_instance(Path.cwd()) as instance:
    instance.add_dynamic_partitions("product__video", ["soap__hero"])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_wrote_is_there(home: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], check=False, cwd=home)
    assert done.returncode == -signal.SIGKILL
    with open_instance(home) as instance:
        assert instance.get_dynamic_partitions("product__video") == ["soap__hero"]
    for path in home.rglob("*.db"):
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
