"""The sensor that keeps partitions in step with config.json."""

import json

import dagster as dg
import pytest

from adcraft_assets.automation.cataloguing import catalog_sensor
from adcraft_assets.definitions import build_defs
from adcraft_assets.partitions import Catalog
from adcraft_resources.store import BundleStore


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def sense(instance, path):
    resources = {
        "catalog": Catalog(config_path=str(path)),
        "store": BundleStore(base=str(path.parent / "store")),
    }
    return catalog_sensor(dg.build_sensor_context(instance=instance, resources=resources))


def write_config(path, *videos):
    path.write_text(json.dumps({"products": [{"id": "a", "videos": list(videos)}]}))


X, Y = {"id": "x", "url": "https://h.example/x.mp4"}, {"id": "y", "url": "https://h.example/y.mp4"}


def known_config(instance, folder):
    """A config of X and Y whose partitions the sensor has seen."""
    path = folder / "config.json"
    write_config(path, X, Y)
    instance.add_dynamic_partitions("videos", ["a__x", "a__y"])
    sense(instance, path)
    return path


def test_a_video_that_comes_back_or_gets_another_url_is_looked_at_again(instance, tmp_path):
    path = tmp_path / "config.json"
    write_config(path, X, Y)
    (added,) = sense(instance, path).dynamic_partitions_requests
    instance.add_dynamic_partitions("videos", added.partition_keys)
    assert "its partition" in sense(instance, path).skip_message
    write_config(path, Y)
    assert "1 no longer in the config, data kept: a__x." in sense(instance, path).skip_message
    write_config(path, X, {**Y, "url": "https://h.example/other.mp4"})
    (request,) = sense(instance, path).run_requests
    assert request.tags["dagster/asset_partition_range_start"] == "a__x"
    assert request.tags["dagster/asset_partition_range_end"] == "a__y"
    assert "its partition" in sense(instance, path).skip_message
    write_config(path, {**X, "disabled": True}, Y)
    (request,) = sense(instance, path).run_requests
    assert request.tags["adcraft/video"] == "y"
    assert "1 disabled, data kept: a__x" in sense(instance, path).skip_message


def test_a_video_that_comes_back_while_a_run_makes_it_is_looked_at_after_that_run(instance, tmp_path):
    path = known_config(instance, tmp_path)
    write_config(path, Y)
    sense(instance, path)
    night = instance.create_run_for_job(
        build_defs(path).resolve_job_def("make_ad_variants"), tags={"dagster/partition": "a__x"}
    )
    write_config(path, X, {**Y, "url": "https://h.example/other.mp4"})
    (request,) = sense(instance, path).run_requests
    assert request.tags["adcraft/video"] == "y"
    assert "a__x" in sense(instance, path).skip_message
    instance.report_run_canceled(night)
    (request,) = sense(instance, path).run_requests
    assert request.tags["adcraft/video"] == "x"
    assert "its partition" in sense(instance, path).skip_message


def test_a_video_that_comes_back_a_second_time_is_looked_at_a_second_time(instance, tmp_path):
    path = known_config(instance, tmp_path)
    seen = []
    for _ in range(2):
        write_config(path, Y)
        sense(instance, path)
        write_config(path, X, Y)
        (request,) = sense(instance, path).run_requests
        assert request.tags["adcraft/video"] == "x"
        seen.append(request.run_key)
    # Dagster starts no second run under a key it has seen.
    assert seen[0] is None or seen[0] != seen[1]


def test_the_sensor_adds_new_videos_and_never_deletes(instance, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"products": [{"id": "a", "videos": [{"id": "x", "url": "x.mp4"}]}]}))
    (request,) = sense(instance, path).dynamic_partitions_requests
    assert request.partition_keys == ["a__x"]
    instance.add_dynamic_partitions("videos", ["a__x", "old__one"])
    assert "its partition" in sense(instance, path).skip_message


@pytest.mark.parametrize("text", ["", "{", '{"products": []}', '{"products": [{"id": "a/b"}]}'])
def test_a_broken_config_changes_nothing_and_says_why(instance, tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    assert "Nothing changed" in sense(instance, path).skip_message


def test_a_disabled_video_gets_no_partition(instance, tmp_path):
    path = tmp_path / "config.json"
    videos = [{"id": "x", "url": "x.mp4", "disabled": True}, {"id": "y", "url": "y.mp4"}]
    path.write_text(json.dumps({"products": [{"id": "a", "videos": videos}]}))
    (request,) = sense(instance, path).dynamic_partitions_requests
    assert request.partition_keys == ["a__y"]
