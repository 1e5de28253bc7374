import json

import dagster as dg
import pytest

from adcraft_assets.definitions import build_defs
from adcraft_resources.performance import record_delivered
from adcraft_resources.store import BundleStore

PLAN = {"style": "film-warm", "hook": {"id": "h1"}, "treatment": "card", "opening": "close"}


def project(folder, csv_text):
    (folder / "results.csv").write_text(csv_text, encoding="utf-8")
    config = {
        "products": [{"id": "soap", "videos": [{"id": "hero", "url": "https://x.example/ad.mp4"}]}],
        "performance": {"results_csv": "results.csv"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    store = BundleStore(base=str(folder / ".adcraft" / "store"))
    ranked = [
        {"id": name, "rank": rank, "score": 1 / rank, "file": f"{rank:02d}_{name}.mp4", "parts": []}
        for rank, name in enumerate("abcde", 1)
    ]
    record_delivered(store, "soap__hero", ranked, dict.fromkeys("abcde", PLAN))
    return build_defs(folder / "config.json")


def materialize(defs, **more):
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey("ad_performance")], raise_on_error=False, **more
        )


def test_results_become_a_report_in_the_ui_and_in_the_results(tmp_path):
    rows = "\n".join(f"{n:02d}_{name},1000,{320 - 20 * n},{30 - n}" for n, name in enumerate("abcde", 1))
    defs = project(tmp_path, f"Ad name,Impressions,3-second video plays,Link clicks\n{rows}\n")
    outcome = materialize(defs)
    assert outcome.success
    (event,) = outcome.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["spearman"].value == 1.0
    report = json.loads((tmp_path / "results" / "ad_performance.json").read_text())
    assert report["variants"][0]["hook_rate"]["rate"] == 0.3
    assert "film-warm" in (tmp_path / "results" / "ad_performance.md").read_text()


@pytest.mark.parametrize(
    ("row", "fault"), [("99_x,10,1,1", "never gave out"), ("01_a,0,0,0", "zero impressions")]
)
def test_a_bad_sheet_fails_with_the_reason_and_writes_nothing(tmp_path, row, fault):
    outcome = materialize(project(tmp_path, f"Ad name,Impressions,3-second video plays,Link clicks\n{row}\n"))
    assert not outcome.success
    (failure,) = [event for event in outcome.all_events if event.is_step_failure]
    assert fault in str(failure.step_failure_data.error)
    assert not (tmp_path / "results").exists()


def test_without_results_the_graph_has_no_such_asset(tmp_path):
    (tmp_path / "config.json").write_text('{"products": [{"id": "soap"}]}')
    graph = build_defs(tmp_path / "config.json").resolve_asset_graph()
    assert dg.AssetKey("ad_performance") not in graph.get_all_asset_keys()
