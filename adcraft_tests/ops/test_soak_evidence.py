"""A soak that fails leaves what is needed to say why."""

import json

import dagster as dg
import pytest

from adcraft_tests.ops.soak_evidence import kept_on_failure

pytestmark = pytest.mark.ops


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def make_an_ad(instance):
    @dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="videos"))
    def hooks():
        pass

    instance.add_dynamic_partitions("videos", ["soap__v0"])
    made = dg.materialize(
        [hooks], instance=instance, partition_key="soap__v0", tags={"adcraft/because": "returned"}
    )
    return made.run_id


@pytest.fixture
def instance(deployment, monkeypatch):
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    deployment.prepare()
    with dg.DagsterInstance.from_config(str(deployment.home)) as one:
        yield one


def test_a_failed_soak_keeps_folder_runs_and_the_log_of_each_ad(deployment, instance, tmp_path, monkeypatch):
    monkeypatch.setenv("ADCRAFT_SOAK_KEEP", str(tmp_path / "kept"))
    run_id = make_an_ad(instance)
    deployment.postgres.stop("immediate")

    def soak():
        raise AssertionError("an ad was made twice")

    with (
        pytest.raises(AssertionError, match="made twice"),
        kept_on_failure(deployment, lambda: [{"night": 1}]),
    ):
        soak()
    kept = tmp_path / "kept"
    (run,) = rows_of(kept / "runs.jsonl")
    assert (run["run_id"], run["tags"]["adcraft/because"]) == (run_id, "returned")
    assert {event["type"] for event in rows_of(kept / "ads" / "soap__v0.jsonl")} >= {"ASSET_MATERIALIZATION"}
    assert rows_of(kept / "log.jsonl")[-1]["type"] == "PIPELINE_SUCCESS"
    assert json.loads((kept / "nights.json").read_text()) == [{"night": 1}]
    assert (kept / "site" / "home" / "dagster.yaml").is_file()


def test_a_good_soak_keeps_nothing(deployment, tmp_path, monkeypatch):
    monkeypatch.setenv("ADCRAFT_SOAK_KEEP", str(tmp_path / "kept"))
    with kept_on_failure(deployment, list):
        pass
    assert not (tmp_path / "kept").exists()
