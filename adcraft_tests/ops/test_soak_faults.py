"""The judge of the soak sees each fault it looks for: a record without any, and one with each."""

import copy
import json
import subprocess

import pytest

from adcraft_resources.store import BundleStore
from adcraft_tests.ops import soak
from adcraft_tests.ops.conftest import Site
from adcraft_tests.ops.soak_faults import damaged, holding, made_twice, side_by_side, unexplained, untold

NIGHT = {
    "night": "2026-02-01",
    "report": {
        "checked": 5,
        "needed_nothing": 1,
        "made": ["a__v0", "a__v1"],
        "failed": {"a__v2": {"stage": "source_video", "why": "a__v2: the file is gone. Put it back."}},
        "held": {"a__v3": {"stage": "cleaned_frames", "why": "the scene is not kept, as 0.91 is under 0.98"}},
        "busy": ["a__v4"],
        "unfinished": [],
    },
}


def night(**changes):
    told = copy.deepcopy(NIGHT)
    told["report"].update(changes)
    return told


def test_a_night_without_faults_has_none():
    assert list(unexplained([NIGHT])) == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"made": ["a__v0", "a__v1", "a__v2"], "checked": 6}, "two lists"),
        ({"made": ["a__v0"]}, "4 explained"),
        ({"unfinished": ["a__v5"]}, "not finished"),
        ({"failed": {"a__v2": {"stage": "", "why": ""}}}, "without a reason"),
    ],
)
def test_an_unexplained_ad_is_seen(changes, word):
    (fault,) = unexplained([night(**changes)])
    assert word in fault


def test_a_bundle_made_twice_is_seen():
    events = [("hooks", "a__v0", "d1", "r1"), ("hooks", "a__v0", "d2", "r2"), ("hooks", "a__v1", "d1", "r2")]
    assert list(made_twice(events)) == []
    (fault,) = made_twice([*events, ("hooks", "a__v0", "d1", "r3")])
    assert "r1" in fault
    assert "r3" in fault


def test_a_ranking_the_config_went_back_to_is_not_made_twice():
    there = [("ranked_outputs", "a__v0", digest, f"r{number}") for number, digest in enumerate("aba")]
    assert list(made_twice(there)) == []
    (fault,) = made_twice([*there, ("ranked_outputs", "a__v0", "a", "r9")])
    assert "r2" in fault
    assert "r9" in fault


def test_two_runs_of_an_ad_at_the_same_time_are_seen():
    runs = [(["a", "b"], 0.0, 5.0, "r1"), (["a"], 5.0, 9.0, "r2"), (["c"], 1.0, float("inf"), "r3")]
    assert list(side_by_side(runs)) == []
    (fault,) = side_by_side([*runs, (["c"], 8.0, 9.0, "r4")])
    assert "c was made by the runs r3 and r4" in fault


def test_a_damaged_or_lost_bundle_is_seen(tmp_path):
    store = BundleStore(base=str(tmp_path))
    bundle, _ = store.ensure("hooks", "a__v0", {"n": 1}, lambda draft: draft.write_json("x.json", 1))
    assert list(damaged(tmp_path)) == []
    (bundle.path / "x.json").write_text("2")
    (fault,) = damaged(tmp_path)
    assert "not what its manifest says" in fault
    (bundle.path / "manifest.json").unlink()
    (fault,) = damaged(tmp_path)
    assert "is gone" in fault


def test_an_untold_night_and_a_kept_secret_are_seen(tmp_path):
    assert untold([NIGHT], [{"adcraft": {"night": "2026-02-01"}}, {"adcraft": {"run_id": "x"}}]) == []
    assert untold([NIGHT], []) == ["2026-02-01"]
    (tmp_path / "daemon.log").write_text(json.dumps({"url": "http://x/T0KEN"}))
    (tmp_path / "web.log").write_text("nothing")
    assert [path.name for path in holding("T0KEN", tmp_path)] == ["daemon.log"]


class Place:
    """A deployment of one process, which comes up only at its third start."""

    def __init__(self, draws=0):
        self.starts, self.processes, self.draws = 0, {}, draws

    def launch(self, name):
        self.starts += 1
        self.processes[name] = subprocess.Popen(["sleep", "60"] if self.starts > 2 else ["false"])

    def kill_a_run(self, luck, within_s):
        """As one that looks `draws` times before there is a run to kill."""
        return [luck.random() for _ in range(self.draws)] != []


def test_what_can_not_start_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(soak, "DEAD_S", 0)
    place = Place()
    place.launch("code")
    week = soak.Week(Site(tmp_path), place, seed=1)
    for _ in range(2):
        place.processes["code"].wait()
        week.revive()
    assert place.processes["code"].poll() is None
    week.revive()
    assert place.starts == 3
    place.processes["code"].kill()
    place.processes["code"].wait()


def test_the_nights_to_come_do_not_depend_on_how_long_a_kill_took(tmp_path):
    luck = []
    for draws in (1, 5):
        week = soak.Week(Site(tmp_path), Place(draws), seed=11)
        assert week._harm("run") == "run"
        luck.append(week.luck.random())
    assert luck[0] == luck[1]
