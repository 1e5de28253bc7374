"""Two commands at once over one config: the summary that stays tells of the ads of both."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_summary_is_whole_after_chunks_made_side_by_side(ads, tmp_path):
    products = []
    for number, name in enumerate(("soap", "tea")):
        shutil.copy(ads / f"v{number}.mp4", tmp_path / f"{name}.mp4")
        products.append({"id": name, "videos": [{"id": "v0", "url": str(tmp_path / f"{name}.mp4")}]})
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"variants_per_video": 1, "products": products}))
    shutil.copy(ROOT / "dagster.yaml", tmp_path / "dagster.yaml")
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    at_once = [
        subprocess.Popen(
            [sys.executable, "-m", "adcraft_assets.cli", "run", "--config", str(config), "--product", name],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in ("soap", "tea")
    ]
    for one in at_once:
        told, _ = one.communicate(timeout=900)
        assert one.returncode == 0, told
    summary = json.loads((tmp_path / "results" / "summary.json").read_text())
    status = {video["key"]: video["status"] for video in summary["videos"]}
    assert status == {"soap__v0": "made", "tea__v0": "made"}
    assert [video["variants_delivered"] for video in summary["videos"]] == [1, 1]
