import json
import os
import subprocess
import sys
import threading

import pytest

from adcraft_resources.errors import StoreDamaged
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.store import BundleStore, digest_of


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    if request.param == "local":
        return BundleStore(base=str(tmp_path / "store"))
    return BundleStore(base=f"memory://{tmp_path.name}-{os.getpid()}", cache=str(tmp_path / "cache"))


def publish(store, digest, text, key="p__v"):
    with store.draft("thing", key, digest, {"figures": {"n": len(text)}}) as draft:
        (draft.folder / "sub").mkdir()
        (draft.folder / "sub" / "a.txt").write_text(text)
    return draft.published


def test_a_published_bundle_reads_back_whole(store):
    publish(store, "d1", "hello")
    bundle = store.current("thing", "p__v")
    assert bundle.digest == "d1"
    assert bundle.file("sub/a.txt").read_text() == "hello"
    assert bundle.figures["n"] == 5
    assert bundle.manifest["files"]["sub/a.txt"]["bytes"] == 5
    assert store.list_keys("thing") == ["p__v"]
    assert store.manifest("thing", "p__v")["digest"] == "d1"


def test_the_pointer_moves_and_older_bundles_stay(store):
    publish(store, "d1", "one")
    publish(store, "d2", "two")
    assert store.current("thing", "p__v").digest == "d2"
    assert store.find("thing", "p__v", "d1").file("sub/a.txt").read_text() == "one"


def test_a_draft_that_fails_leaves_no_trace(store):
    def make_and_break():
        with store.draft("thing", "p__v", "d1", {}) as draft:
            (draft.folder / "a").write_text("half")
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        make_and_break()
    assert store.current("thing", "p__v") is None
    assert store.list_keys("thing") == []
    if store.is_local:
        assert list((store.root / ".drafts").iterdir()) == []


def test_ensure_makes_once_and_reuses_after(store):
    calls = []

    def make(draft):
        calls.append(1)
        (draft.folder / "x").write_text("x")

    first, reused_first = store.ensure("thing", "p__v", {"a": 1}, make)
    second, reused_second = store.ensure("thing", "p__v", {"a": 1}, make)
    assert (reused_first, reused_second, len(calls)) == (False, True, 1)
    assert first.digest == second.digest == digest_of({"a": 1})


def test_going_back_to_an_older_identity_moves_the_pointer_without_making(store):
    def make(draft):
        (draft.folder / "x").write_text("x")

    store.ensure("thing", "p__v", {"a": 1}, make)
    store.ensure("thing", "p__v", {"a": 2}, make)
    bundle, reused = store.ensure("thing", "p__v", {"a": 1}, make)
    assert reused
    assert store.current_digest("thing", "p__v") == bundle.digest


def test_a_bundle_with_a_lost_file_counts_as_missing_and_is_made_again(tmp_path):
    store = BundleStore(base=str(tmp_path))
    bundle = publish(store, "d1", "hello")
    bundle.file("sub/a.txt").unlink()
    assert store.current("thing", "p__v") is None
    publish(store, "d1", "hello")
    assert store.current("thing", "p__v").file("sub/a.txt").read_text() == "hello"


def test_a_truncated_file_is_noticed_by_its_size(tmp_path):
    store = BundleStore(base=str(tmp_path))
    publish(store, "d1", "hello").file("sub/a.txt").write_text("hel")
    assert store.current("thing", "p__v") is None


def test_an_unreadable_pointer_names_itself(tmp_path):
    store = BundleStore(base=str(tmp_path))
    publish(store, "d1", "hello")
    (tmp_path / "thing" / "p__v" / "current.json").write_text("{")
    with pytest.raises(StoreDamaged, match=r"thing/p__v.*Delete"):
        store.current("thing", "p__v")


def test_a_missing_file_of_a_bundle_names_kind_and_key(tmp_path):
    bundle = publish(BundleStore(base=str(tmp_path)), "d1", "hello")
    with pytest.raises(StoreDamaged, match="thing of p__v lacks nothere"):
        bundle.file("nothere")


PUBLISH_SLOWLY = """
import sys, time
from adcraft_resources.store import BundleStore
with BundleStore(base=sys.argv[1]).draft("thing", "p__v", "d1", {}) as draft:
    (draft.folder / "big").write_bytes(b"x" * 1000)
    print("started", flush=True)
    time.sleep(60)
"""


def test_a_killed_writer_leaves_nothing_that_reads_and_is_swept_by_the_next(tmp_path):
    command = [sys.executable, "-c", PUBLISH_SLOWLY, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        process.kill()
    store = BundleStore(base=str(tmp_path))
    assert store.current("thing", "p__v") is None
    assert len(list((tmp_path / ".drafts").iterdir())) == 1
    publish(store, "d1", "hello")
    assert list((tmp_path / ".drafts").iterdir()) == []
    assert store.current("thing", "p__v").file("sub/a.txt").read_text() == "hello"


def test_a_reader_beside_writers_never_sees_half_a_bundle(tmp_path):
    store = BundleStore(base=str(tmp_path))
    publish(store, "d0", "0" * 1000)
    stop, seen, faults = threading.Event(), set(), []

    def read():
        while not stop.is_set():
            bundle = store.current("thing", "p__v")
            if bundle is None or len(set(bundle.file("sub/a.txt").read_text())) != 1:
                faults.append(bundle)
            else:
                seen.add(bundle.digest)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 60):
        publish(store, f"d{number}", str(number % 10) * 1000)
    stop.set()
    reader.join()
    assert faults == []
    assert len(seen) > 1


def test_two_writers_of_the_same_bundle_both_end_well(tmp_path):
    store = BundleStore(base=str(tmp_path))
    with store.draft("thing", "p__v", "d1", {}) as first:
        (first.folder / "a").write_text("same")
        with store.draft("thing", "p__v", "d1", {}) as second:
            (second.folder / "a").write_text("same")
    assert store.current("thing", "p__v").file("a").read_text() == "same"


def test_the_digest_tells_values_apart_and_not_their_order():
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
    with pytest.raises(ValueError, match="JSON"):
        digest_of(float("nan"))


def test_the_result_cache_gives_the_kept_value_for_the_same_identity_only(store):
    cache = ResultCache(store=store)
    calls = []

    def make():
        calls.append(1)
        return {"score": len(calls)}

    assert cache.value("scores", {"sha": "a", "model": "m"}, make) == ({"score": 1}, False)
    assert cache.value("scores", {"sha": "a", "model": "m"}, make) == ({"score": 1}, True)
    assert cache.value("scores", {"sha": "a", "model": "n"}, make) == ({"score": 2}, False)


def test_manifests_are_plain_json(tmp_path):
    bundle = publish(BundleStore(base=str(tmp_path)), "d1", "hello")
    manifest = json.loads((bundle.path / "manifest.json").read_text())
    assert manifest["kind"] == "thing"
    assert manifest["made_at"].endswith("+00:00")
