import signal
import threading

import dagster as dg
import pytest

from adcraft_assets.chunks import CHUNK, TRANSIENT_RETRIES, Made, make_chunk
from adcraft_assets.failures import RELAUNCH_OF, bad_keys_of, keys_of, range_tags
from adcraft_assets.launches import launch
from adcraft_assets.partitions import chunks_of, video_partitions
from adcraft_resources.errors import SourceUnreachable, VideoUnreadable
from adcraft_resources.gates import Verdict
from adcraft_resources.store import BundleStore

KEYS = [f"p__v{number}" for number in range(8)]


def toy_defs(store, faults, calls, gate_fails=()):
    """Two stages that make bundles of nothing, and fail for the keys named in `faults` (stage → key → error)."""

    def stage(name, deps, specs=()):
        @dg.asset(
            name=name,
            deps=deps,
            partitions_def=video_partitions,
            backfill_policy=CHUNK,
            retry_policy=dg.RetryPolicy(max_retries=TRANSIENT_RETRIES.max_retries, delay=0),
            check_specs=list(specs),
        )
        def asset(context: dg.AssetExecutionContext):
            def make(key):
                calls.append((name, key))
                error = faults.get(name, {}).get(key)
                if error is not None:
                    raise error
                bundle, reused = store.ensure(
                    name, key, {"key": key}, lambda draft: draft.write_json("x.json", 1)
                )
                verdicts = (
                    (Verdict("first_is_fine", key not in gate_fails, "because", {"n": 1.0}),) if specs else ()
                )
                return Made(bundle, reused, {"n": 1}, verdicts)

            return make_chunk(context, make)

        return asset

    spec = dg.AssetCheckSpec("first_is_fine", asset="first", blocking=True, partitions_def=video_partitions)
    return dg.Definitions(
        assets=[stage("first", [], [spec] if gate_fails else []), stage("second", ["first"])]
    )


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("videos", KEYS)
        yield instance


@pytest.fixture
def store(tmp_path):
    return BundleStore(base=str(tmp_path))


def materialized(instance, asset):
    return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


@pytest.mark.parametrize("count", [1, 2, 8])
def test_a_run_over_any_number_of_keys_materializes_each_with_its_own_metadata(instance, store, count):
    defs = toy_defs(store, {}, [])
    outcome = launch(defs, instance, KEYS[:count], most=8, assets=["first", "second"])
    assert outcome.made == KEYS[:count]
    assert len(outcome.run_ids) == 1
    assert materialized(instance, "second") == set(KEYS[:count])
    for key in KEYS[:count]:
        records = instance.get_event_records(
            dg.EventRecordsFilter(
                dg.DagsterEventType.ASSET_MATERIALIZATION, dg.AssetKey("second"), asset_partitions=[key]
            )
        )
        assert len(records) == 1
        assert (
            records[0].asset_materialization.metadata["digest"].value == store.current("second", key).digest
        )


@pytest.mark.parametrize("stage", ["first", "second"])
def test_one_bad_key_of_eight_costs_no_other_key_anything(instance, store, stage):
    calls = []
    defs = toy_defs(store, {stage: {KEYS[3]: VideoUnreadable("v3 is broken.", remedy="Mend it.")}}, calls)
    outcome = launch(defs, instance, KEYS, most=8, assets=["first", "second"])
    assert sorted(outcome.made) == [key for key in KEYS if key != KEYS[3]]
    assert outcome.failed == {KEYS[3]: "v3 is broken. Mend it."}
    assert materialized(instance, "second") == set(KEYS) - {KEYS[3]}
    assert calls.count((stage, KEYS[3])) == 1


def test_bad_keys_at_several_stages_are_all_named_and_the_rest_is_made(instance, store):
    faults = {
        "first": {KEYS[0]: VideoUnreadable("a")},
        "second": {KEYS[4]: VideoUnreadable("b"), KEYS[7]: VideoUnreadable("c")},
    }
    outcome = launch(toy_defs(store, faults, []), instance, KEYS, most=8, assets=["first", "second"])
    assert set(outcome.failed) == {KEYS[0], KEYS[4], KEYS[7]}
    assert sorted(outcome.made) == [KEYS[1], KEYS[2], KEYS[3], KEYS[5], KEYS[6]]


def test_a_relaunch_names_the_run_it_goes_on_from(instance, store):
    defs = toy_defs(store, {"first": {KEYS[0]: VideoUnreadable("a")}}, [])
    outcome = launch(defs, instance, KEYS[:3], most=8, assets=["first", "second"])
    first, second = (instance.get_run_by_id(run_id) for run_id in outcome.run_ids)
    assert second.tags[RELAUNCH_OF] == first.run_id
    assert bad_keys_of(first.run_id, instance) == {KEYS[0]: "a"}
    assert keys_of(first, instance) == KEYS[:3]


def test_a_bug_met_by_one_video_is_reported_for_it_alone(instance, store):
    defs = toy_defs(store, {"first": {KEYS[1]: ZeroDivisionError("oops")}}, [])
    outcome = launch(defs, instance, KEYS[:3], most=8, assets=["first", "second"])
    assert "unexpected ZeroDivisionError: oops" in outcome.failed[KEYS[1]]
    assert outcome.made == [KEYS[0], KEYS[2]]


def test_a_transient_fault_is_tried_again_and_then_given_up(instance, store):
    calls = []
    defs = toy_defs(store, {"first": {KEYS[0]: SourceUnreachable("gone")}}, calls)
    outcome = launch(defs, instance, KEYS[:2], most=8, assets=["first", "second"])
    assert outcome.failed == {KEYS[0]: "gone"}
    assert outcome.made == [KEYS[1]]
    assert calls.count(("first", KEYS[0])) == 1 + TRANSIENT_RETRIES.max_retries


def test_a_failed_gate_shows_per_partition_and_holds_its_key_only_in_a_range(instance, store):
    defs = toy_defs(store, {}, [], gate_fails={KEYS[2]})
    launch(defs, instance, KEYS[:4], most=8, assets=["first"])
    history = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("first"), "first_is_fine"), limit=20
    )
    statuses = {record.partition: record.status.value for record in history}
    assert {key: statuses[key] for key in KEYS[:4]} == {
        KEYS[0]: "SUCCEEDED",
        KEYS[1]: "SUCCEEDED",
        KEYS[2]: "FAILED",
        KEYS[3]: "SUCCEEDED",
    }


def test_a_failed_gate_of_a_single_key_stops_its_run_with_the_reason(instance, store):
    defs = toy_defs(store, {}, [], gate_fails={KEYS[2]})
    outcome = launch(defs, instance, [KEYS[2]], most=8, assets=["first", "second"])
    assert outcome.failed == {KEYS[2]: "first_is_fine is not true: because"}
    assert materialized(instance, "second") == set()


def test_a_second_run_makes_nothing_again(instance, store):
    defs = toy_defs(store, {}, [])
    launch(defs, instance, KEYS, most=8, assets=["first", "second"])
    before = {key: store.current("second", key).manifest["made_at"] for key in KEYS}
    folders = {path: path.stat().st_mtime_ns for path in (store.root / "second").glob("*/*")}
    launch(defs, instance, KEYS, most=8, assets=["first", "second"])
    assert before == {key: store.current("second", key).manifest["made_at"] for key in KEYS}
    assert folders == {path: path.stat().st_mtime_ns for path in (store.root / "second").glob("*/*")}


def test_chunks_follow_insertion_order_and_split_at_gaps():
    assert chunks_of({"a", "b", "d", "e", "f"}, ["a", "b", "c", "d", "e", "f"], 2) == [
        ["a", "b"],
        ["d", "e"],
        ["f"],
    ]
    assert chunks_of([], ["a"], 2) == []
    assert range_tags(["a", "b"])["dagster/asset_partition_range_end"] == "b"


def test_an_interrupt_does_not_wait_for_the_keys_still_being_made():
    """An evicted pod has its grace and no more: the event log must hear of it before that is over."""
    from adcraft_assets.chunks import _in_turn_or_side_by_side

    released, ended = threading.Event(), []

    def slow(key):
        released.wait(30)
        ended.append(key)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            _in_turn_or_side_by_side(["a", "b", "c"], slow, 2)
        assert ended == []
    finally:
        signal.signal(signal.SIGALRM, before)
        released.set()
