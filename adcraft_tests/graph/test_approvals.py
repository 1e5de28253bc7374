"""The human gate on a real ad: held, shown, let out in part and whole."""

import json
import shutil

import dagster as dg
import pytest

from adcraft_assets.approvals import approvals_of, read_approvals
from adcraft_assets.automation.approving import approval_sensor
from adcraft_assets.cli import main
from adcraft_assets.definitions import resources_of
from adcraft_assets.launches import add_partitions
from adcraft_resources.errors import ConfigInvalid
from adcraft_tests.graph.conftest import Project

KEY = "soap__v0"


@pytest.fixture(scope="module")
def held_once(ads, tmp_path_factory):
    """One ad, made while approval is required."""
    folder = tmp_path_factory.mktemp("held")
    shutil.copy(ads / "v0.mp4", folder / "v0.mp4")
    with dg.DagsterInstance.ephemeral() as instance:
        assert Project(folder, instance).write(["v0"], approval="required").run().failed == {}
        history = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("ranked_outputs"), "ranked_outputs_are_approved"), limit=1
        )
    return folder, history[0]


@pytest.fixture
def held(held_once, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    shutil.copytree(held_once[0], folder)
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.chdir(folder)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Project(folder, instance).write(["v0"], approval="required")


def out(project):
    return sorted(path.name for path in (project.folder / "results" / "soap" / "v0").glob("*.mp4"))


def ranked(project):
    return (
        resources_of(project.path)["store"].current("ranked_outputs", KEY).read_json("ranking.json")["ranked"]
    )


def test_nothing_goes_out_before_approval_and_all_can_be_looked_at(held, held_once):
    assert out(held) == []
    review = held.folder / "results-review" / "soap" / "v0"
    assert len(list(review.glob("*.mp4"))) == 2
    assert (review / "index.html").is_file()
    check = held_once[1]
    assert check.status.value == "FAILED"
    assert check.partition == KEY
    evaluation = check.evaluation
    assert not evaluation.blocking
    assert "0 of 2 variants are approved" in evaluation.description


def test_one_approved_variant_goes_out_alone_then_the_rest(held):
    first, second = [one["id"] for one in ranked(held)]
    assert main(["approve", KEY, "--variant", second]) == 0
    assert out(held) == [f"02_{second}.mp4"]
    shown = json.loads((held.folder / "results" / "soap" / "v0" / "ranking.json").read_text())
    assert [one["id"] for one in shown["ranked"]] == [second]
    assert main(["approve", KEY]) == 0
    assert out(held) == [f"01_{first}.mp4", f"02_{second}.mp4"]
    assert set(read_approvals(held.folder / "approvals.json")[KEY]) == {first, second}


def test_an_approval_is_of_the_rendering_that_was_looked_at(held):
    (held.folder / "approvals.json").write_text(json.dumps({KEY: {ranked(held)[0]["id"]: "another-digest"}}))
    resources = resources_of(held.path)
    approvals = approvals_of(resources["catalog"], resources["catalog"].settings())
    assert approvals.passing(KEY, ranked(held)) == []


def test_the_file_may_be_written_by_hand_and_the_sensor_lets_out_what_it_says(held):
    add_partitions(held.instance, [KEY])
    (held.folder / "approvals.json").write_text(json.dumps({KEY: "all", "soap__unknown": "all"}))
    resources = resources_of(held.path)

    def sense(cursor=None):
        context = dg.build_sensor_context(
            instance=held.instance,
            cursor=cursor,
            resources={"catalog": resources["catalog"], "store": resources["store"]},
        )
        return list(approval_sensor(context)), context.cursor

    (request,), cursor = sense()
    assert request.tags["dagster/asset_partition_range_start"] == KEY
    assert [key.to_user_string() for key in request.asset_selection] == ["ranked_outputs"]
    (skip,), _ = sense(cursor)
    assert "No approval changed" in skip.skip_message
    assert held.run([KEY], assets=["ranked_outputs"]).failed == {}
    assert len(out(held)) == 2


@pytest.mark.parametrize("text", ["{", "[]", '{"soap__v0": 3}', '{"soap__v0": "some"}'])
def test_a_broken_approval_file_lets_nothing_out_and_says_why(held, text):
    (held.folder / "approvals.json").write_text(text)
    with pytest.raises(ConfigInvalid, match="approvals"):
        read_approvals(held.folder / "approvals.json")
    outcome = held.run([KEY], assets=["ranked_outputs"])
    assert "approvals" in outcome.failed[KEY]
    assert out(held) == []


def test_an_unknown_key_or_variant_is_refused_with_what_there_is(held, capfd):
    assert main(["approve", "soap__nope"]) == 2
    assert main(["approve", KEY, "--variant", "nope"]) == 2
    assert "Known: " in capfd.readouterr().err
