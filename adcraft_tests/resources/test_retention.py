from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from upath import UPath

from adcraft_resources.retention import RetentionSettings, generations_of, prune
from adcraft_resources.store import BundleStore
from adcraft_resources.store.manifests import MANIFEST

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    base = str(tmp_path / "store") if request.param == "local" else f"memory://retention-{tmp_path.name}"
    return BundleStore(base=base, cache=str(tmp_path / "cache"))


def put(store, kind, name, *, days_old, points_to=(), point=True, size=1000):
    """Publish a bundle that was made some days ago; return its digest."""
    bundle, _ = store.ensure(
        kind,
        "p__v",
        {"name": name, "inputs": list(points_to)},
        lambda draft: (draft.folder / "f").write_bytes(b"x" * size),
        point=point,
    )
    path = UPath(store.base) / kind / "p__v" / bundle.digest / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["made_at"] = (NOW - timedelta(days=days_old)).isoformat(timespec="seconds")
    path.write_text(json.dumps(manifest))
    return bundle.digest


def nights(store, count):
    """A night a week: a cleaned ad, two variants of it, and the ranking that names them, the newest last."""
    made = []
    for night in range(count):
        age = 7 * (count - night)
        cleaned = put(store, "cleaned_frames", f"c{night}", days_old=age)
        variants = [
            put(store, "variants", f"v{night}{n}", days_old=age, points_to=[cleaned], point=False)
            for n in (0, 1)
        ]
        ranked = put(store, "ranked_outputs", f"r{night}", days_old=age, points_to=variants)
        made.append({cleaned, *variants, ranked})
    return made


def left(store):
    return {
        one.digest
        for kind in ("cleaned_frames", "variants", "ranked_outputs")
        for one in generations_of(store, kind, "p__v")
    }


def test_generations_beyond_the_count_go_with_all_that_only_they_name(store):
    made = nights(store, 4)
    pruned = prune(store, RetentionSettings(generations=2, days=365), {}, now=NOW)
    assert {one.digest for one in pruned.removed} == made[0] | made[1]
    assert left(store) == made[2] | made[3]
    assert pruned.removed_bytes == 8 * 1000
    assert pruned.kept == 8


def test_generations_older_than_the_days_go_but_never_the_current_one(store):
    made = nights(store, 3)
    prune(store, RetentionSettings(generations=9, days=1), {}, now=NOW)
    assert left(store) == made[2]
    assert store.current("ranked_outputs", "p__v") is not None


def test_what_an_approved_manifest_points_to_stays(store):
    made = nights(store, 4)
    (ranked,) = {one.digest for one in generations_of(store, "ranked_outputs", "p__v")} & made[0]
    prune(store, RetentionSettings(generations=1, days=1), {"p__v": {ranked}}, now=NOW)
    assert left(store) == made[0] | made[3]


def test_a_dry_run_names_the_same_and_takes_nothing(store):
    nights(store, 3)
    before = left(store)
    policy = RetentionSettings(generations=1, days=365)
    told = prune(store, policy, {}, now=NOW, dry_run=True)
    assert left(store) == before
    assert {one.digest for one in prune(store, policy, {}, now=NOW).removed} == {
        one.digest for one in told.removed
    }
    assert prune(store, policy, {}, now=NOW).removed == ()


def test_a_store_that_is_too_large_loses_its_oldest_first(store):
    made = nights(store, 3)
    pruned = prune(store, RetentionSettings(generations=9, days=365, max_gb=8.5e-6), {}, now=NOW)
    assert {one.digest for one in pruned.removed} <= made[0]
    assert len(pruned.removed) == 4
    assert left(store) == made[1] | made[2]
    prune(store, RetentionSettings(generations=9, days=365, max_gb=1e-9), {}, now=NOW)
    assert left(store) == made[2]  # what is current stays, however large


def test_what_was_made_today_stays_though_nothing_names_it_yet(store):
    young = put(store, "variants", "young", days_old=0.5, point=False)
    old = put(store, "variants", "old", days_old=2, point=False)
    prune(store, RetentionSettings(), {}, now=NOW)
    assert left(store) == {young}
    assert old not in left(store)


def test_cached_results_go_by_age(store):
    put(store, "results_cache", "old", days_old=40, point=False)
    put(store, "results_cache", "young", days_old=20, point=False)
    prune(store, RetentionSettings(days=30), {}, now=NOW)
    assert len(generations_of(store, "results_cache", "p__v")) == 1
