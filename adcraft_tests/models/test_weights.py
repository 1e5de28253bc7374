"""Weights against a local server shaped like the hub: pinned, resumed, proved, refused; and the command over it."""

import json
import random
from dataclasses import replace

import pytest

from adcraft_assets.cli import main
from adcraft_resources.errors import ModelUnavailable, ModelUnreachable
from adcraft_resources.weights import HubFetcher, checkpoint_named, find_local, pull, verify
from adcraft_tests.models.hub_server import COMMIT, Hub, hub_server

pytestmark = pytest.mark.models
NAME = "Qwen/Qwen2-VL-2B-Instruct"
FILES = {
    "config.json": b'{"model_type": "qwen2_vl"}',
    "model-00001.safetensors": random.Random(1).randbytes(300_000),
    "sub/tokenizer.json": b"{}" * 900,
}


@pytest.fixture
def hub():
    with hub_server(Hub(NAME, dict(FILES))) as one:
        yield one


def fetcher(hub, **changes):
    return HubFetcher(hub.base, **changes)


def got(hub):
    return [request[1] for request in hub.requests if request[0] == "GET"]


def test_a_pull_brings_every_file_of_one_commit_and_keeps_the_record(hub, tmp_path):
    told = []
    pulled = pull(
        tmp_path, checkpoint_named(NAME), fetcher(hub), lambda name, size: told.append((name, size))
    )
    assert pulled.revision == COMMIT
    assert {name: (pulled.folder / name).read_bytes() for name in FILES} == FILES
    assert dict(told) == {name: len(data) for name, data in FILES.items()}
    assert find_local(tmp_path, checkpoint_named(NAME)).files == pulled.files
    assert verify(tmp_path, checkpoint_named(NAME)).revision == COMMIT


def test_what_is_here_is_not_fetched_again(hub, tmp_path):
    pull(tmp_path, checkpoint_named(NAME), fetcher(hub))
    hub.requests.clear()
    pull(tmp_path, checkpoint_named(f"{NAME}@{COMMIT}"), fetcher(hub))
    assert got(hub) == []


def test_a_torn_pull_goes_on_where_it_stopped(hub, tmp_path):
    large = "model-00001.safetensors"
    hub.files[large] = random.Random(2).randbytes(23_000_000)  # the client keeps whole parts of 10 MB
    hub.tear_after[large] = 15_000_000
    checkpoint = checkpoint_named(NAME)
    try:
        pull(tmp_path, checkpoint, fetcher(hub))
    except ModelUnreachable:
        pull(tmp_path, checkpoint, fetcher(hub))
    ranges = [request[2] for request in hub.requests if request[:2] == ("GET", large)]
    assert any(one and not one.startswith("bytes=0-") for one in ranges), ranges
    assert (tmp_path / checkpoint.folder_name / large).read_bytes() == hub.files[large]


def test_wrong_bytes_are_refused_and_deleted(hub, tmp_path):
    large = "model-00001.safetensors"
    hub.lie.add(large)
    checkpoint = checkpoint_named(NAME)
    with pytest.raises(ModelUnavailable, match="not what the hub says"):
        pull(tmp_path, checkpoint, fetcher(hub))
    assert not (tmp_path / checkpoint.folder_name / large).exists()
    with pytest.raises(ModelUnavailable, match="weights pull"):
        find_local(tmp_path, checkpoint)


def test_a_file_damaged_later_is_found_by_verify_and_mended_by_pull(hub, tmp_path):
    checkpoint = checkpoint_named(NAME)
    folder = pull(tmp_path, checkpoint, fetcher(hub)).folder
    (folder / "config.json").write_bytes(b'{"model_type": "qwen2_vX"}')
    with pytest.raises(ModelUnavailable, match=r"config\.json"):
        verify(tmp_path, checkpoint)
    with pytest.raises(ModelUnavailable, match=r"lacks config\.json"):
        find_local(tmp_path, checkpoint)
    hub.requests.clear()
    pull(tmp_path, checkpoint, fetcher(hub))
    assert got(hub) == ["config.json"]


def test_a_revision_that_is_not_there_is_named(hub, tmp_path):
    with pytest.raises(ModelUnavailable, match="no Qwen/Qwen2-VL-2B-Instruct@nope"):
        pull(tmp_path, checkpoint_named(f"{NAME}@nope"), fetcher(hub))
    with pytest.raises(ModelUnavailable, match="no someone/nothing"):
        pull(tmp_path, checkpoint_named("someone/nothing"), fetcher(hub))


def test_another_revision_than_the_one_pulled_counts_as_missing(hub, tmp_path):
    pull(tmp_path, checkpoint_named(NAME), fetcher(hub))
    assert find_local(tmp_path, checkpoint_named(f"{NAME}@{COMMIT[:8]}"))
    with pytest.raises(ModelUnavailable, match="weights pull"):
        find_local(tmp_path, checkpoint_named(f"{NAME}@bbbb"))


def test_a_gated_checkpoint_asks_for_a_token(hub, tmp_path):
    hub.token = "secret"
    with pytest.raises(ModelUnavailable, match="HF_TOKEN"):
        pull(tmp_path, checkpoint_named(NAME), fetcher(hub))
    assert pull(tmp_path, checkpoint_named(NAME), fetcher(hub, token="secret")).revision == COMMIT


def test_offline_nothing_is_asked(hub, tmp_path):
    offline = fetcher(hub, offline=True)
    with pytest.raises(ModelUnavailable, match="are not in"):
        pull(tmp_path, checkpoint_named(NAME), offline)
    assert hub.requests == []
    pull(tmp_path, checkpoint_named(NAME), fetcher(hub))
    hub.requests.clear()
    assert pull(tmp_path, checkpoint_named(NAME), offline).revision == COMMIT
    assert hub.requests == []


def test_a_full_disk_is_seen_before_anything_is_fetched(hub, tmp_path):
    real, hub.info = hub.info, None

    def vast():
        told = real()
        for one in told["siblings"]:
            if "lfs" in one:
                one["size"] = 10**16
        return told

    hub.info = vast
    with pytest.raises(ModelUnavailable, match=r"GB free, 20000000.0 GB are to be fetched"):
        pull(tmp_path, checkpoint_named(NAME), fetcher(hub))
    assert got(hub) == []


def test_single_file_editions_are_skipped(tmp_path):
    name = "black-forest-labs/FLUX.2-klein-4B"
    files = {
        "model_index.json": b"{}",
        "flux-2-klein-4b.safetensors": b"x" * 5000,
        "transformer/a.safetensors": b"y" * 5000,
    }
    with hub_server(Hub(name, files)) as hub:
        pulled = pull(tmp_path, checkpoint_named(name), fetcher(hub))
    assert set(pulled.files) == {"model_index.json", "transformer/a.safetensors"}


@pytest.fixture
def config(tmp_path, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.base)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    path = tmp_path / "config.json"
    told = {"products": [{"id": "a"}], "models": {"weights": "w", "qwen2_vl": NAME}}
    path.write_text(json.dumps(told))
    return path


def test_the_command_lists_pulls_and_verifies(config, capsys):
    assert main(["weights", "list", "--config", str(config)]) == 0
    listed = capsys.readouterr().out
    assert "* Qwen/Qwen2-VL-2B-Instruct" in listed
    assert "NOT accepted" in listed
    assert main(["weights", "pull", NAME, "--config", str(config)]) == 0
    pulled = capsys.readouterr().out
    assert "licence Apache-2.0" in pulled
    assert f"{NAME}@{COMMIT}" in pulled
    assert main(["weights", "verify", NAME, "--config", str(config)]) == 0
    assert "match" in capsys.readouterr().out
    assert main(["weights", "verify", "--config", str(config)]) == 1
    assert "adcraft weights pull" in capsys.readouterr().err


def test_the_command_refuses_a_licence_nobody_accepted(config, hub, capsys):
    assert main(["weights", "pull", "black-forest-labs/FLUX.1-dev", "--config", str(config)]) == 1
    told = capsys.readouterr().err
    assert "Non-Commercial" in told
    assert "license_accepted" in told
    assert hub.requests == []


def test_checkpoints_may_be_replaced_whole():
    assert replace(checkpoint_named(NAME), revision="x").label == f"{NAME}@x"
