import json
import os
import subprocess
import sys

import av
import pytest

from adcraft_assets.cli import main
from adcraft_resources.store import sha256_of


@pytest.fixture
def home(project, monkeypatch):
    """A home of its own, with eight small ads in it."""
    (project.folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(project.folder))
    monkeypatch.chdir(project.folder)
    return project


def test_one_ad_without_a_config_ends_in_the_folder_asked_for(home, capfd):
    code = main(["run", "--source", "v0.mp4", "--variants", "1", "--out", "mine", "--json"])
    told = json.loads(capfd.readouterr().out)
    assert code == 0
    (variant,) = told["ads"][0]["variants"]
    assert variant["file"].startswith(str(home.folder / "mine" / "generic"))
    assert [path.suffix for path in (home.folder / "mine").rglob("*.mp4")] == [".mp4"]


def test_a_failing_ad_gives_exit_code_1_and_the_others_are_made(home, capfd):
    (home.folder / "v1.mp4").write_text("<!doctype html><html>not here</html>")
    home.write(["v0", "v1"], variants_per_video=1)
    code = main(["run", "--config", "config.json"])
    captured = capfd.readouterr()
    assert code == 1
    assert "soap__v1" in captured.out
    assert "HTML" in captured.out
    assert (home.folder / "results" / "soap" / "v0" / "index.html").is_file()
    summary = json.loads((home.folder / "results" / "summary.json").read_text())
    assert summary["failed_videos"] == ["soap__v1"]
    assert summary["processed_videos"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--config", "nothere.json"], "nothere.json can't be read"),
        (["run", "--product", "unknown"], "There is no product 'unknown'. Known: soap"),
        (["run", "--video", "unknown"], "There is no video 'unknown'"),
        (["clean", "nothere.mp4", "out.mp4"], "nothere.mp4 is no file"),
        (["clean", "v0.mp4", "v0.mp4"], "the same file"),
        (["clean", "v0.mp4", "no/such/out.mp4"], "does not exist"),
    ],
)
def test_a_wrong_call_gives_exit_code_2_and_the_remedy(home, capfd, arguments, words):
    home.write(["v0"])
    assert main(arguments) == 2
    assert words in capfd.readouterr().err


def test_clean_writes_the_mezzanine_and_its_masks(home):
    import numpy as np

    assert main(["clean", "v0.mp4", "clean.mp4", "--masks", "masks.npz"]) == 0
    packed = np.load("masks.npz")
    count, height, width = packed["shape"]
    with av.open("v0.mp4") as container:
        frames = sum(1 for _ in container.decode(video=0))
    assert (count, height, width) == (frames, 320, 180)
    assert packed["packed"].shape == (frames, -(-height * width // 8))
    assert np.unpackbits(packed["packed"][5]).any()


def test_an_ad_without_text_is_cleaned_bit_for_bit(home):
    main(["clean", "v0.mp4", "once.mp4"])
    assert main(["clean", "once.mp4", "twice.mp4"]) == 0
    with av.open("once.mp4") as one, av.open("twice.mp4") as other:
        assert [bytes(p) for p in one.demux(video=0)] == [bytes(p) for p in other.demux(video=0)]


def test_the_source_is_never_changed(home):
    before = sha256_of(home.folder / "v0.mp4")
    main(["clean", "v0.mp4", "clean.mp4"])
    assert sha256_of(home.folder / "v0.mp4") == before


def test_doctor_says_what_is_missing_and_what_to_do(home, capfd, monkeypatch):
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    home.write(["v0"])
    assert main(["doctor", "--config", "config.json"]) == 0
    told = capfd.readouterr().out
    assert "XAI_API_KEY is not set: hooks come from templates" in told
    assert "Ads can be made here" in told


def test_doctor_fails_on_a_broken_config(home, capfd):
    home.path.write_text("{")
    assert main(["doctor", "--config", "config.json"]) == 1
    assert "BROKEN" in capfd.readouterr().out


def test_secrets_of_the_environment_reach_no_output_store_or_log(home):
    home.write(["v0"], variants_per_video=1)
    secret = "xai-not-for-anyone-0123456789"
    environment = {**os.environ, "XAI_API_KEY": secret, "HTTPS_PROXY": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "adcraft_assets.cli", "run", "--config", "config.json"]
    told = subprocess.run(command, env=environment, capture_output=True, timeout=200, check=False)
    assert secret.encode() not in told.stdout + told.stderr
    for path in home.folder.rglob("*"):
        if path.is_file() and path.suffix != ".mp4":
            assert secret.encode() not in path.read_bytes(), path


def test_first_starts_at_once_in_a_new_home_do_not_collide(home):
    (home.folder / "dagster.yaml").write_text("storage:\n  sqlite:\n    base_dir: .adcraft/dagster\n")
    home.write(["v0"])
    command = [sys.executable, "-m", "adcraft_assets.cli", "sync"]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], told
    assert sum("1 new partitions" in one for one in told) == 1


def test_a_backfill_without_a_daemon_is_made_here_and_then_has_nothing_left_to_do(home, capfd):
    home.write(["v0"], variants_per_video=1)
    assert main(["backfill", "--product", "soap"]) == 0
    assert "no daemon runs" in capfd.readouterr().err
    assert len(list((home.folder / "results" / "soap" / "v0").glob("*.mp4"))) == 1
    assert main(["backfill", "--product", "soap", "--only-failed"]) == 0
    assert "nothing to do" in capfd.readouterr().err
    before = home.stamps()
    assert main(["backfill", "--product", "soap", "--from", "styled_variants"]) == 0
    assert home.stamps() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--product", "tea"], "Known: soap"), (["--product", "soap", "--from", "nope"], "Known: source_video")],
)
def test_a_backfill_of_what_does_not_exist_is_refused(home, capfd, arguments, words):
    home.write(["v0"])
    assert main(["backfill", *arguments]) == 2
    assert words in capfd.readouterr().err


def test_pruning_by_hand_names_what_goes(home, capfd):
    home.write(["v0"])
    assert main(["prune", "--dry-run"]) == 0
    assert "0 generations would go" in capfd.readouterr().err
