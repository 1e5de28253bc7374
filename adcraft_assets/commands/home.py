"""Where adcraft lives: the folder with dagster.yaml, its instance, its .env.

Belongs here: finding and preparing that folder. Does not: what runs in it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg
from dotenv import load_dotenv

from adcraft_assets.commands.history_files import kept_open
from adcraft_assets.partitions import video_partitions
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.exports import locked

INSTANCE_FILE = "dagster.yaml"
STATE = ".adcraft"
MINIMAL_INSTANCE = """storage:
  sqlite:
    base_dir: .adcraft/dagster
telemetry:
  enabled: false
"""


def find_home() -> Path:
    """Return DAGSTER_HOME, else the nearest folder upwards with a dagster.yaml, else ~/.adcraft-home (made)."""
    named = os.environ.get("DAGSTER_HOME")
    if named:
        home = Path(named)
        if not home.is_dir():
            raise ConfigInvalid(
                f"DAGSTER_HOME is {named}, which is no folder.", remedy="Set it to adcraft's checkout."
            )
        return home.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / INSTANCE_FILE).is_file():
            return folder
    home = Path.home() / ".adcraft-home"
    home.mkdir(exist_ok=True)
    if not (home / INSTANCE_FILE).exists():
        (home / INSTANCE_FILE).write_text(MINIMAL_INSTANCE, encoding="utf-8")
    return home


def enter_home() -> Path:
    """Go to the home folder, read its .env (set variables win) and return it.

    The instance file names its folders relative to the home, so the process works from there; paths a person
    gave must be made absolute before.
    """
    home = find_home()
    os.chdir(home)
    os.environ["DAGSTER_HOME"] = str(home)
    load_dotenv(home / ".env", override=False)
    (home / STATE).mkdir(exist_ok=True)
    return home


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Give the instance that keeps runs and events for the block.

    Sqlite makes each storage's tables at its first use, and two processes that both find none collide; so every
    process uses them all once under a lock.
    """
    with ExitStack() as stack:
        stack.enter_context(kept_open())
        with locked(home / STATE / ".instance.lock"):
            instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
            instance.get_runs(limit=1)
            instance.get_dynamic_partitions(str(video_partitions.name))
            instance.all_instigator_state()
        yield instance


def disk_free_gb(folder: Path) -> float:
    """Return the free space, in GB, of the disk a folder lies (or will lie) on."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / 1e9
