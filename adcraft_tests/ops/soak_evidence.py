"""What is kept of a deployment whose soak failed, so that the failure can be explained afterwards.

Belongs here: copying its folder and what PostgreSQL holds of runs, ticks and ads. Does not: judging (soak_faults).
"""

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

RUNS = """select r.run_id, r.pipeline_name as job, r.status, r.create_timestamp as created, r.start_time as started,
  r.end_time as ended, (select json_object_agg(t.key, t.value) from run_tags t where t.run_id = r.run_id) as tags
  from runs r order by r.id"""
TICKS = "select timestamp, status, type, tick_body from job_ticks order by id"
EVENTS = """select id, timestamp, run_id, dagster_event_type as type, step_key, asset_key, partition, event
  from event_logs where partition is not null order by id"""
LOG = """select id, timestamp, run_id, dagster_event_type as type, step_key, event::json->>'user_message' as told,
  event::json->'dagster_event'->>'message' as said from event_logs order by id"""


@contextmanager
def kept_on_failure(deployment, record):
    """Keep the deployment of a body that fails in `ADCRAFT_SOAK_KEEP`, or a new folder, and say where; raise on."""
    try:
        yield
    except BaseException:
        place = Path(os.environ.get("ADCRAFT_SOAK_KEEP") or tempfile.mkdtemp(prefix="adcraft-soak-"))
        keep_deployment(deployment, place, record())
        print(f"kept in {place}", flush=True)
        raise


def keep_deployment(deployment, place, record):
    """Copy a deployment's folder to a place, with the record of its nights and what its database holds."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "nights.json").write_text(json.dumps(record, indent=1, default=str))
    shutil.copytree(deployment.folder, place / "site", dirs_exist_ok=True, ignore_dangling_symlinks=True)
    shutil.copyfile(deployment.postgres.folder / "log", place / "postgres.log")
    rows = _rows(deployment.postgres)
    for name, query in (("runs", RUNS), ("ticks", TICKS), ("log", LOG)):
        _write(place / f"{name}.jsonl", rows(query))
    by_key = {}
    for row in rows(EVENTS):
        by_key.setdefault(row["partition"], []).append(row)
    for key, told in by_key.items():
        _write(place / "ads" / f"{key}.jsonl", told)


def _rows(postgres):
    import psycopg2  # of the operational suite only

    place = {"host": "127.0.0.1", "port": postgres.port, "user": "adcraft", "dbname": "adcraft"}
    try:
        psycopg2.connect(**place).close()
    except psycopg2.OperationalError:  # killed a moment ago
        postgres.start()

    def rows(query):
        with psycopg2.connect(**place) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return rows


def _write(path, rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
