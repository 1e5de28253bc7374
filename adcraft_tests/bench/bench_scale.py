"""The size of a real catalogue: made-up manifests of two generations, and what everything that walks them costs.

`make bench-scale`, or `python -m adcraft_tests.bench.bench_scale 1000 10000`. The manifests are those of one small ad
that is really made, written again under other keys with digests that fit; the files of a bundle are hard links.
"""

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.test_utils import instance_for_test

from adcraft_assets.automation.cataloguing import catalog_sensor
from adcraft_assets.definitions import build_defs, resources_of
from adcraft_assets.deliveries import delivery_identity
from adcraft_assets.identities import (
    VariantBasis,
    brief_of,
    chosen_styles,
    hooks_identity,
    plans_of,
    ranking_identity,
)
from adcraft_assets.launches import add_partitions, launch_refresh
from adcraft_assets.partitions import ads_of
from adcraft_assets.processing_summary import STAGES, summarize
from adcraft_assets.refresh_plan import make_plan
from adcraft_assets.settings import load_settings
from adcraft_assets.staleness import Roles
from adcraft_resources.exports import MARK
from adcraft_resources.retention import RetentionSettings, prune
from adcraft_resources.store import digest_of
from adcraft_tests.graph.conftest import Project, write_ad

PAGE = """query($k:AssetKeyInput!){assetNodeOrError(assetKey:$k){... on AssetNode{partitionKeys
  assetPartitionStatuses{... on DefaultPartitionStatuses{materializedPartitions failedPartitions
  materializingPartitions}}}}}"""


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Clock:
    """Measured steps of one size."""

    def __init__(self, size):
        self.size, self.rows = size, {}

    @contextmanager
    def step(self, name):
        wall, cpu = time.perf_counter(), cpu_s()
        yield
        self.rows[name] = (time.perf_counter() - wall, cpu_s() - cpu)
        print(
            f"{self.size:>7} {name:<28} {self.rows[name][0]:8.2f} s wall {self.rows[name][1]:8.2f} s cpu",
            flush=True,
        )


def make_one(folder):
    """Make one ad for real; its bundles are the pattern of all others."""
    write_ad(folder / "v0.mp4", 0)
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = Project(folder, instance).write(["v0"]).run()
    assert not outcome.failed, outcome.failed


def multiply(folder, count):
    """Write the ad's current bundles, and an older generation of each, under `count` keys, with a config of them."""
    store = folder / ".adcraft" / "store"
    videos = [{"id": f"n{number}", "url": str(folder / "v0.mp4")} for number in range(count)]
    products = [{"id": "soap", "videos": videos}]
    (folder / "config.json").write_text(json.dumps({"variants_per_video": 2, "products": products}))
    settings, roles = load_settings(folder / "config.json"), resources_of(folder / "config.json")
    pattern = {}
    for stage in STAGES:
        pointer = json.loads((store / stage / "soap__v0" / "current.json").read_text())
        pattern[stage] = store / stage / "soap__v0" / pointer["digest"]
    variants = list((store / "variants" / "soap__v0").iterdir())
    old = (datetime.now(UTC) - timedelta(days=20)).isoformat(timespec="seconds")
    for key, ad in ads_of(settings).items():
        digests = digests_of(ad, settings, roles, pattern)
        for stage, place in pattern.items():
            _copy(place, store / stage / key / digests[stage], key)
            _copy(place, store / stage / key / digest_of([place.name, "old"]), key, made_at=old)
            (store / stage / key / "current.json").write_text(json.dumps({"digest": digests[stage]}))
        for place in variants:
            _copy(place, store / "variants" / key / place.name, key)
        results = folder / "results" / "soap" / ad.video.id
        shutil.copytree(folder / "results" / "soap" / "v0", results, copy_function=os.link)
        mark = json.loads((results / MARK).read_text())
        (results / MARK).unlink()
        shown = digest_of(delivery_identity(digests["ranked_outputs"], ad, settings, None))
        (results / MARK).write_text(json.dumps({**mark, "fingerprint": shown}))


def digests_of(ad, settings, roles, pattern):
    """Return the digests an ad's bundles would have: words and plans differ from ad to ad."""
    told = {stage: json.loads((place / "manifest.json").read_text()) for stage, place in pattern.items()}
    digests = {stage: place.name for stage, place in pattern.items()}
    stills, masks, cleaned = told["keyframes"], told["ocr_masks"], told["cleaned_frames"]
    brief = brief_of(ad, masks, settings, None)
    digests["hooks"] = digest_of(hooks_identity(stills, masks, brief, settings, roles["copywriter"]))
    styles = chosen_styles(ad, settings)
    plans = plans_of(ad, settings, styles, json.loads((pattern["hooks"] / "hooks.json").read_text()), None)
    basis = VariantBasis.of(cleaned, stills, masks, styles, settings, roles["stylist"])
    digests["styled_variants"] = digest_of(basis.of_all(plans, settings.variants_per_video))
    styled = told["styled_variants"]
    digests["ranked_outputs"] = digest_of(
        ranking_identity(ad, settings, styled, cleaned, masks, roles["encoder"], roles["text_detector"])
    )
    return digests


def _copy(place, target, key, **changes):
    target.mkdir(parents=True)
    for path in place.iterdir():
        if path.name == "manifest.json":
            manifest = {**json.loads(path.read_text()), "key": key, "digest": target.name, **changes}
            (target / path.name).write_text(json.dumps(manifest))
        elif path.is_dir():
            shutil.copytree(path, target / path.name, copy_function=os.link)
        else:
            os.link(path, target / path.name)


def measure(folder, size):
    """Time everything that walks the whole catalogue."""
    clock, path = Clock(size), folder / "config.json"
    resources, settings = resources_of(path), load_settings(path)
    catalog, store = resources["catalog"], resources["store"]
    with instance_for_test() as instance:
        with clock.step("add partitions"):
            add_partitions(instance, list(ads_of(settings)))
        _sense(instance, resources)
        with clock.step("sensor tick"):
            _sense(instance, resources)
        with clock.step("refresh plan"):
            plan = make_plan(
                instance, catalog, store, resources["downloader"], Roles(resources), night="bench"
            )
        print(f"{size:>7} the plan: {plan.fresh} need nothing, {len(plan.stale)} stale", flush=True)
        _night(clock, instance, resources, path)
        with clock.step("summary"):
            summarize(store, settings)
        with clock.step("prune (dry run)"):
            pruned = prune(store, RetentionSettings(generations=1), {}, dry_run=True)
        print(
            f"{size:>7} would prune {len(pruned.removed)} of {len(pruned.removed) + pruned.kept}", flush=True
        )
        with clock.step("record materializations"):
            for name in ("source_video", "ranked_outputs"):
                for key in list(ads_of(settings))[:: max(1, size // 1000)]:
                    instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=key))
        _page(clock, instance, path)
        _automation(clock, instance, path)
    return clock.rows


def _night(clock, instance, resources, path):
    """A whole night over ads that need nothing: its planning run, the look after it, its report and pruning."""
    defs = build_defs(path)
    with clock.step("night with nothing to do"):
        report = launch_refresh(defs, instance, resources["store"], resources["catalog"])
    assert report["needed_nothing"] == report["checked"] == clock.size, report
    jobs = {run.job_name for run in instance.get_runs()}
    assert jobs == {"ad_variant_refresh", "ad_variant_refresh_report"}, jobs


def _sense(instance, resources):
    parts = {"catalog": resources["catalog"], "store": resources["store"]}
    catalog_sensor(dg.build_sensor_context(instance=instance, resources=parts))


def _page(clock, instance, path):
    """The query behind an asset's page, asked of the webserver's own schema."""
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import PythonFileTarget
    from dagster_graphql.test.utils import execute_dagster_graphql

    os.environ["ADCRAFT_CONFIG"] = str(path)
    target = PythonFileTarget(
        str(Path(__file__).parents[2] / "adcraft_assets" / "definitions.py"), None, None, "adcraft"
    )
    with WorkspaceProcessContext(instance, target) as process:
        context = process.create_request_context()
        for name in ("asset page (first)", "asset page"):
            with clock.step(name):
                told = execute_dagster_graphql(context, PAGE, variables={"k": {"path": ["source_video"]}})
        assert not told.errors, told.errors
        assert len(told.data["assetNodeOrError"]["partitionKeys"]) == clock.size


def _automation(clock, instance, path):
    """A tick of the declarative conditions when most stages of most ads were never made on this instance."""
    if clock.size > 10_000:
        return
    defs = build_defs(path)
    with clock.step("automation tick (all new)"):
        first = dg.evaluate_automation_conditions(defs, instance)
    with clock.step("automation tick (again)"):
        dg.evaluate_automation_conditions(defs, instance, cursor=first.cursor)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", type=int, default=[1000, 10_000, 30_000])
    warnings.simplefilter("ignore")
    for size in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory(prefix="adcraft-scale-") as name:
            folder = Path(name)
            make_one(folder)
            with Clock(size).step("write the manifests"):
                multiply(folder, size)
            measure(folder, size)


if __name__ == "__main__":
    main()
