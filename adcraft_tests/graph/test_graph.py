import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from adcraft_assets.definitions import PARTITIONED, resources_of
from adcraft_resources.provenance import FILTERED, source_type_of_mp4
from adcraft_resources.store import sha256_of
from adcraft_tests.fakes import (
    CountingStylist,
    FailingCopywriter,
    FailingDetector,
    FailingInpainter,
    FailingStylist,
)
from adcraft_tests.graph.conftest import FRAMES, write_ad

STAGES = [asset.key.to_user_string() for asset in PARTITIONED]
EIGHT = [f"v{number}" for number in range(8)]


def variants(project, name="v0"):
    return sorted(path.name for path in (project.folder / "results" / "soap" / name).glob("*.mp4"))


def materialized(instance, name):
    import dagster as dg

    return instance.get_materialized_partitions(dg.AssetKey(name))


@pytest.fixture(scope="module")
def made(ads, tmp_path_factory):
    """The store of one ad's finished run, to be copied by tests that start from there."""
    import dagster as dg

    from adcraft_tests.graph.conftest import Project

    folder = tmp_path_factory.mktemp("made")
    shutil.copy(ads / "v0.mp4", folder / "v0.mp4")
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = Project(folder, instance).write(["v0"]).run()
    assert outcome.failed == {}
    return folder


@pytest.fixture
def finished(project, made):
    shutil.copytree(made / ".adcraft", project.folder / ".adcraft")
    shutil.copytree(made / "results", project.folder / "results")
    return project.write(["v0"])


def test_one_ad_becomes_ranked_variants_with_poster_ranking_and_gallery(finished):
    folder = finished.folder / "results" / "soap" / "v0"
    ranking = json.loads((folder / "ranking.json").read_text())
    assert variants(finished) == [one["file"] for one in ranking["ranked"]]
    assert [one["rank"] for one in ranking["ranked"]] == [1, 2]
    assert ranking["ranked"][0]["score"] >= ranking["ranked"][1]["score"]
    for one in ranking["ranked"]:
        assert (folder / one["file"]).with_suffix(".jpg").is_file()
        assert one["policy"]["verdict"] == "pass"
        assert source_type_of_mp4(folder / one["file"]) == FILTERED
    assert "SALE" not in (folder / "ranking.csv").read_text()
    assert (folder / "index.html").is_file()
    test = json.loads((folder / "experiment.json").read_text())
    assert [cell["file"] for cell in test["cells"]] == variants(finished)
    assert (folder / "bulk_upload.csv").is_file()


def test_a_second_run_with_nothing_changed_makes_nothing(finished):
    before = finished.stamps()
    outcome = finished.run()
    assert outcome.failed == {}
    assert finished.stamps() == before


def test_deleted_results_are_restored_without_making_anything(finished):
    before, names = finished.stamps(), variants(finished)
    (finished.folder / "results" / "soap" / "v0" / names[0]).unlink()
    finished.run()
    assert variants(finished) == names
    assert finished.stamps() == before


def test_a_changed_threshold_renders_nothing_and_changes_the_verdict(finished):
    journal = finished.folder / "journal"
    before = {path for path in finished.stamps() if path.startswith(("variants", "styled", "cleaned"))}
    outcome = finished.write(["v0"], gates={"style_ssim": [0.1, 0.11]}).run(
        stylist=CountingStylist(journal=str(journal))
    )
    assert "stay_in_the_band" in outcome.failed["soap__v0"]
    assert not journal.exists()
    assert {
        path for path in finished.stamps() if path.startswith(("variants", "styled", "cleaned"))
    } == before


def test_one_changed_style_renders_that_variant_alone(finished):
    journal = finished.folder / "journal"
    first = finished.write(["v0"], styles={"generic": ["clinical-clean", "film-warm"]})
    first.run(stylist=CountingStylist(journal=str(journal)))
    drawn = set(journal.read_text().split())
    assert drawn <= {"clinical-clean", "film-warm"}
    journal.unlink()
    finished.write(["v0"], styles={"generic": ["clinical-clean", "kitchen-ugc"]}).run(
        stylist=CountingStylist(journal=str(journal))
    )
    assert set(journal.read_text().split()) == {"kitchen-ugc"}


def test_a_lost_variant_is_rendered_again_alone(finished):
    store = resources_of(finished.path)["store"]
    styled = store.current("styled_variants", "soap__v0")
    name, digest = next(iter(styled.manifest["variants"].items()))
    kept = {path: stamp for path, stamp in finished.stamps().items() if digest not in path}
    shutil.rmtree(store.find("variants", "soap__v0", digest).path)
    outcome = finished.run()
    assert outcome.failed == {}, name
    assert store.find("variants", "soap__v0", digest) is not None
    after = finished.stamps()
    assert all(after[path] == stamp for path, stamp in kept.items())


def test_a_duplicate_video_under_another_key_is_not_read_twice(finished):
    shutil.copy(finished.folder / "v0.mp4", finished.folder / "twin.mp4")
    finished.write(["v0", "twin"])
    outcome = finished.run(["soap__twin"])
    assert outcome.failed == {}
    store = resources_of(finished.path)["store"]
    assert store.current("ocr_masks", "soap__twin").manifest["cache_hit"]


def bad_role(stage, project):
    sha256 = sha256_of(project.folder / "v3.mp4")
    if stage == "ocr_masks":
        return {"text_detector": FailingDetector(bad_sha256=sha256)}
    if stage == "cleaned_frames":
        return {"inpainter": FailingInpainter(bad_sha256=sha256)}
    from adcraft_resources.store import digest_of

    return {"copywriter": FailingCopywriter(bad_seed=int(digest_of([7, "soap__v3"])[:8], 16))}


@pytest.fixture(scope="module")
def eight(ads, tmp_path_factory):
    """The store after a run of eight ads of which one was missing; the others are whole."""
    import dagster as dg

    from adcraft_tests.graph.conftest import Project

    folder = tmp_path_factory.mktemp("eight")
    for name in EIGHT:
        if name != "v3":
            shutil.copy(ads / f"{name}.mp4", folder / f"{name}.mp4")
    with dg.DagsterInstance.ephemeral() as instance:
        project = Project(folder, instance).write(EIGHT)
        yield project, project.run()


def test_a_missing_source_of_eight_costs_only_itself(eight):
    project, outcome = eight
    assert set(outcome.failed) == {"soap__v3"}
    assert "v3.mp4" in outcome.failed["soap__v3"]
    assert len(outcome.made) == 7
    assert all(len(variants(project, name)) == 2 for name in EIGHT if name != "v3")


def damaged(path):
    """Overwrite the file's end: its index and first picture stay whole."""
    content = bytearray(path.read_bytes())
    tail = slice(len(content) * 7 // 10, len(content) * 95 // 100)
    content[tail] = bytes(tail.stop - tail.start)
    path.write_bytes(content)


def spoil(stage, project):
    """Give `soap__v3` a fault that its `stage` meets first; return the roles to run with."""
    source = project.folder / "v3.mp4"
    if stage == "keyframes":
        damaged(source)
    elif stage == "styled_variants":
        write_ad(source, seed=3, frames=FRAMES - 2)
        return {"stylist": FailingStylist(bad_frames=FRAMES - 2)}
    elif stage == "ranked_outputs":
        (project.folder / "results" / "soap" / "v3").write_text("in the way")
    else:
        return bad_role(stage, project)
    return {}


@pytest.mark.parametrize(
    "stage", ["keyframes", "ocr_masks", "cleaned_frames", "hooks", "styled_variants", "ranked_outputs"]
)
def test_a_fault_at_a_later_stage_of_eight_costs_only_its_own_key(eight, ads, stage, tmp_path):
    import dagster as dg

    from adcraft_tests.graph.conftest import Project

    whole, _ = eight
    shutil.copytree(whole.folder, tmp_path / "p")
    shutil.copy(ads / "v3.mp4", tmp_path / "p" / "v3.mp4")
    with dg.DagsterInstance.ephemeral() as instance:
        project = Project(tmp_path / "p", instance).write(EIGHT)
        outcome = project.run(**spoil(stage, project))
        done = {name for name in STAGES if "soap__v3" in materialized(instance, name)}
    assert set(outcome.failed) == {"soap__v3"}
    assert "unexpected" not in outcome.failed["soap__v3"]
    assert len(outcome.made) == 7
    assert done >= set(STAGES[: STAGES.index(stage)])
    assert not done & {stage, "ranked_outputs"}


KILLED = """
import os, signal, sys, threading, time
from pathlib import Path
from adcraft_assets.cli import main
def kill():
    store = Path(sys.argv[1]) / ".adcraft" / "store"
    while not list(store.glob(sys.argv[2])):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill, daemon=True).start()
main(["run", "--config", sys.argv[1] + "/config.json"])
"""


@pytest.mark.parametrize(
    "moment", ["ocr_masks/*/current.json", "cleaned_frames/*/current.json", ".drafts/*/.video*"]
)
def test_a_run_killed_anywhere_is_completed_by_the_next(project, moment):
    project.write(["v0"])
    (project.folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    environment = {**os.environ, "DAGSTER_HOME": str(project.folder)}
    command = [sys.executable, "-c", KILLED, str(project.folder), moment]
    killed = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    store = resources_of(project.path)["store"]
    for kind in ("source_video", "keyframes", "ocr_masks"):
        bundle = store.current(kind, "soap__v0")
        assert bundle is None or bundle.path.is_dir()
    began = time.time_ns()
    assert project.run().failed == {}
    assert len(variants(project)) == 2
    remade = [
        path for path, stamp in project.stamps().items() if stamp > began and path.startswith("source_video")
    ]
    assert remade == []
    assert list((project.folder / ".adcraft" / "store" / ".drafts").iterdir()) == []
