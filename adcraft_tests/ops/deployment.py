"""A production deployment on this machine: PostgreSQL, code server, webserver and daemon as processes of their own.

Belongs here: starting, killing and restarting them. Does not: what is asked of them.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
POSTGRES_USER = "postgres"


def postgres_bin() -> Path | None:
    """Return the folder of the newest PostgreSQL server's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    named = shutil.which("initdb")
    return Path(named).parent if named else None


def chromium() -> str | None:
    """Return a Chromium to drive, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Postgres:
    """A PostgreSQL server of its own in a folder; root starts it as the user `postgres`, as it refuses root."""

    def __init__(self) -> None:
        # Not under pytest's folders: every session makes those its own again, and the server runs as another user.
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="adcraft-pg-")), free_port()
        self.bin, self.user = postgres_bin(), POSTGRES_USER if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        self._call(
            "initdb", "-D", str(self.folder / "data"), "-U", "adcraft", "--auth=trust", "-N", "-E", "UTF8"
        )
        self.start()
        self._call("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "adcraft", "adcraft")

    def _call(self, program: str, *arguments: str) -> None:
        command = [str(self.bin / program), *arguments]
        done = subprocess.run(
            command, user=self.user, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
        log = str(self.folder / "log")
        for left in range(30, -1, -1):  # after a kill its memory is in use until the last backend is gone
            try:
                self._call("pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", log, "-w", "start")
            except AssertionError:
                if not left:
                    raise
                time.sleep(1)
            else:
                return

    def stop(self, mode: str = "fast") -> None:
        with suppress(AssertionError):
            self._call("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def environment(self) -> dict[str, str]:
        place = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "USER": "adcraft",
            "DB": "adcraft",
            "PASSWORD": "unused",
        }
        return {f"ADCRAFT_PG_{name}": value for name, value in place.items()}


class Deployment:
    """Code server, webserver and daemon over a config, on PostgreSQL."""

    def __init__(self, folder: Path, config: Path, postgres: Postgres, **environment: str) -> None:
        self.folder, self.postgres = folder, postgres
        self.home = folder / "home"
        self.home.mkdir()
        self.instance_file = yaml.safe_load((ROOT / "postgres" / "dagster.yaml").read_text())
        self.code_port, self.web_port = free_port(), free_port()
        (self.home / "workspace.yaml").write_text(
            yaml.safe_dump(
                {
                    "load_from": [
                        {
                            "grpc_server": {
                                "host": "127.0.0.1",
                                "port": self.code_port,
                                "location_name": "adcraft",
                            }
                        }
                    ]
                }
            )
        )
        self.environment = {
            **os.environ,
            **postgres.environment(),
            "DAGSTER_HOME": str(self.home),
            "ADCRAFT_STATE": str(folder / "state"),
            "ADCRAFT_CONFIG": str(config),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "DAGSTER_GRPC_TIMEOUT_SECONDS": "300",  # a crowded machine is slow, not broken
            **environment,
        }
        self.module = "adcraft_assets.definitions"
        self.processes: dict[str, subprocess.Popen] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def prepare(self, **changes) -> None:
        """Write the shipped instance file, with changes where a test wants shorter waits."""
        (self.home / "dagster.yaml").write_text(yaml.safe_dump({**self.instance_file, **changes}))

    def start(self, **changes) -> "Deployment":
        """Prepare and start all three processes."""
        self.prepare(**changes)
        for name in ("code", "web", "daemon"):
            self.launch(name)
        self.wait_until_up()
        return self

    def launch(self, name: str) -> None:
        workspace = ["-w", str(self.home / "workspace.yaml")]
        command = {
            "code": [
                "dagster",
                "api",
                "grpc",
                "-m",
                self.module,
                "-h",
                "127.0.0.1",
                "-p",
                str(self.code_port),
            ],
            "web": ["dagster-webserver", "-h", "127.0.0.1", "-p", str(self.web_port), *workspace],
            "daemon": ["dagster-daemon", "run", *workspace],
        }[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(BIN / command[0]), *command[1:]],
                env=self.environment,
                cwd=self.home,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """SIGKILL a process; its run processes, children of the code server, go with it when it is that one."""
        process = self.processes[name]
        with suppress(ProcessLookupError):
            if name == "code":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()

    def run_workers(self) -> list[int]:
        """Return the process ids of the runs that the code server has going."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.processes["code"].pid and b"spawn_main" in (place / "cmdline").read_bytes():
                    found.append(int(place.name))
        return sorted(found)

    def kill_a_run(self, luck: random.Random, within_s: float) -> bool:
        """SIGKILL a run once there is one; return whether there was."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            time.sleep(luck.uniform(0.5, 4))
            workers = self.run_workers()
            with suppress(ProcessLookupError):
                if workers:
                    os.kill(luck.choice(workers), signal.SIGKILL)
                    return True
        return False

    def wait_until_up(self, timeout_s: float = 180) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with suppress(Exception):
                told = self.ask("{repositoriesOrError{__typename ... on RepositoryConnection{nodes{name}}}}")
                if told["repositoriesOrError"].get("nodes"):
                    return
            time.sleep(1)
        raise AssertionError("the deployment does not come up:\n" + self.log_tail())

    def log_tail(self) -> str:
        return "\n".join((self.folder / f"{name}.log").read_text()[-1500:] for name in self.processes)

    def ask(self, query: str, **variables) -> dict:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.loads(answer.read())
        assert not told.get("errors"), told["errors"]
        return told["data"]

    def switch_sensor(self, name: str, *, on: bool) -> None:
        selector = {
            "repositoryLocationName": "adcraft",
            "repositoryName": "__repository__",
            "sensorName": name,
        }
        if on:
            self.ask("mutation($s:SensorSelector!){startSensor(sensorSelector:$s){__typename}}", s=selector)
            return
        query = "query($s:SensorSelector!){sensorOrError(sensorSelector:$s){... on Sensor{id}}}"
        found = self.ask(query, s=selector)["sensorOrError"]["id"]
        self.ask("mutation($i:String!){stopSensor(id:$i){__typename}}", i=found)

    def switch_schedule(self, name: str, *, on: bool) -> None:
        selector = {
            "repositoryLocationName": "adcraft",
            "repositoryName": "__repository__",
            "scheduleName": name,
        }
        query = "query($s:ScheduleSelector!){scheduleOrError(scheduleSelector:$s){... on Schedule{id scheduleState{status}}}}"
        found = self.ask(query, s=selector)["scheduleOrError"]
        if on and found["scheduleState"]["status"] != "RUNNING":
            start = "mutation($s:ScheduleSelector!){startSchedule(scheduleSelector:$s){__typename}}"
            self.ask(start, s=selector)
        elif not on:
            self.ask("mutation($i:String!){stopRunningSchedule(id:$i){__typename}}", i=found["id"])

    def stop(self) -> None:
        for name in ("daemon", "web", "code"):
            process = self.processes.get(name)
            if process is None:
                continue
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.postgres.stop("immediate")
        shutil.rmtree(self.postgres.folder, ignore_errors=True)
