"""The store on a real S3 server, behind a proxy that makes it slow, failing and torn."""

import os
import random
import subprocess
import sys
import threading
import time

import boto3
import pytest

from adcraft_resources.errors import StoreRefused, StoreUnreachable
from adcraft_resources.store import BundleStore, remote_shelf
from adcraft_resources.store.read_cache import LIKELY_IN_USE_S, USED, ReadCache
from adcraft_tests.k8s.faulty_proxy import FaultyProxy, free_port, s3_server

BUCKET = "creatives"
MIB = 1 << 20


@pytest.fixture(scope="module")
def server():
    with s3_server() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
        yield url


@pytest.fixture
def proxy(server, monkeypatch):
    proxy = FaultyProxy(server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    monkeypatch.setattr(remote_shelf, "FIRST_PAUSE_S", 0.05)
    import fsspec

    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield proxy
    proxy.shutdown()
    proxy.server_close()


@pytest.fixture
def prefix(request):
    return f"s3://{BUCKET}/{request.node.name.replace('[', '-').replace(']', '')}"


@pytest.fixture
def store(proxy, prefix, tmp_path):
    return BundleStore(base=prefix, cache=str(tmp_path / "cache"))


def elsewhere(store, tmp_path):
    """The same store seen by another pod, whose cache is empty."""
    return BundleStore(base=store.base, cache=str(tmp_path / "other"))


def publish(store, digest, data, key="p__v"):
    with store.draft("thing", key, digest, {"figures": {"n": len(data)}}) as draft:
        (draft.folder / "sub").mkdir()
        (draft.folder / "sub" / "a.bin").write_bytes(data)
        draft.write_json("b.json", {"n": len(data)})
    return draft.published


def test_a_bundle_published_by_one_pod_reads_back_whole_in_another(store, tmp_path):
    publish(store, "d1", b"hello")
    found = elsewhere(store, tmp_path).current("thing", "p__v")
    assert found.file("sub/a.bin").read_bytes() == b"hello"
    assert found.read_json("b.json") == {"n": 5}
    assert store.list_keys("thing") == ["p__v"]
    assert store.manifest("thing", "p__v")["digest"] == "d1"
    assert store.current("thing", "other") is None
    assert store.list_keys("nothing") == []


def test_the_maker_does_not_fetch_back_what_it_published(store, proxy):
    publish(store, "d1", b"x" * MIB)
    assert proxy.count("GET", r"a\.bin") == 0
    assert store.find("thing", "p__v", "d1").file("sub/a.bin").stat().st_size == MIB
    assert proxy.count("GET", r"a\.bin") == 0


def test_another_pod_fetches_once_and_reads_its_copy_after(store, proxy, tmp_path):
    publish(store, "d1", b"x" * MIB)
    other = elsewhere(store, tmp_path)
    for _ in range(3):
        assert other.current("thing", "p__v") is not None
    assert proxy.count("GET", r"a\.bin") == 1


def test_a_long_file_goes_up_in_parts_and_comes_back_the_same(store, proxy, tmp_path):
    data = random.Random(1).randbytes(37 * MIB)
    publish(store, "d1", data)
    assert proxy.count("PUT", r"a\.bin\?.*partNumber") == 5
    assert elsewhere(store, tmp_path).current("thing", "p__v").file("sub/a.bin").read_bytes() == data


def test_the_manifest_is_written_after_every_file_and_the_pointer_last(store, proxy):
    publish(store, "d1", b"hello")
    written = [path.split("?")[0].rsplit("/", 1)[-1] for method, path in proxy.journal if method == "PUT"]
    assert written[-2:] == ["manifest.json", "current.json"]
    assert sorted(written[:-2]) == ["a.bin", "b.json"]


@pytest.mark.parametrize("kind", ["error", "reset", "torn_up"])
def test_a_write_that_fails_is_tried_again(store, proxy, tmp_path, kind):
    proxy.fail(kind, "PUT", r"a\.bin", times=2)
    publish(store, "d1", b"hello" * 1000)
    assert proxy.count("PUT", r"a\.bin") == 3
    assert (
        elsewhere(store, tmp_path).current("thing", "p__v").file("sub/a.bin").read_bytes() == b"hello" * 1000
    )


@pytest.mark.parametrize("kind", ["error", "reset", "torn", "garbled"])
def test_a_read_that_fails_or_comes_torn_is_tried_again(store, proxy, tmp_path, kind):
    publish(store, "d1", b"hello" * 100_000)
    proxy.fail(kind, "GET", r"a\.bin", times=2)
    found = elsewhere(store, tmp_path).current("thing", "p__v")
    assert found.file("sub/a.bin").read_bytes() == b"hello" * 100_000


def test_a_part_that_fails_costs_that_part_alone(store, proxy):
    proxy.fail("error", "PUT", r"partNumber=2", times=2)
    publish(store, "d1", random.Random(2).randbytes(20 * MIB))
    assert proxy.count("PUT", r"partNumber=2") == 3
    assert proxy.count("PUT", r"partNumber=1") == 1


def test_a_slow_store_only_takes_its_time(store, proxy, tmp_path):
    proxy.fail("slow", "PUT", r"b\.json", seconds=3)
    proxy.fail("slow", "GET", r"a\.bin", seconds=3)
    publish(store, "d1", b"hello")
    assert elsewhere(store, tmp_path).current("thing", "p__v") is not None


def test_a_store_that_fails_for_good_is_a_transient_fault_and_shows_nothing_half(store, proxy, tmp_path):
    proxy.fail("error", "PUT", r"a\.bin", times=10_000)
    with pytest.raises(
        StoreUnreachable, match=r"could not write thing/p__v/d1/sub/a\.bin in 5 tries"
    ) as caught:
        publish(store, "d1", b"hello")
    assert caught.value.transient
    proxy.faults.clear()
    assert elsewhere(store, tmp_path).find("thing", "p__v", "d1") is None
    publish(store, "d1", b"hello")
    assert elsewhere(store, tmp_path).current("thing", "p__v") is not None


def test_a_store_that_is_down_is_never_taken_for_an_empty_one(monkeypatch, tmp_path, prefix, server):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr(remote_shelf, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(remote_shelf, "TRIES", 2)
    import fsspec

    fsspec.get_filesystem_class("s3").clear_instance_cache()
    store = BundleStore(base=prefix, cache=str(tmp_path))
    for ask in (lambda: store.current("thing", "p__v"), lambda: store.list_keys("thing")):
        with pytest.raises(StoreUnreachable):
            ask()


def test_a_bundle_garbled_in_the_store_is_made_anew(store, server, tmp_path):
    publish(store, "d1", b"hello" * 1000)
    name = f"{store.base.removeprefix(f's3://{BUCKET}/')}/thing/p__v/d1/sub/a.bin"
    boto3.client("s3", endpoint_url=server).put_object(Bucket=BUCKET, Key=name, Body=b"HELLO" * 1000)
    other = elsewhere(store, tmp_path)
    assert other.find("thing", "p__v", "d1") is None
    publish(other, "d1", b"hello" * 1000)
    third = BundleStore(base=store.base, cache=str(tmp_path / "third"))
    assert third.current("thing", "p__v").file("sub/a.bin").read_bytes() == b"hello" * 1000


def test_a_missing_bucket_is_named(proxy, tmp_path):
    store = BundleStore(base="s3://no-such-bucket/x", cache=str(tmp_path))
    with pytest.raises(StoreRefused, match=r"no-such-bucket.*Make the bucket first"):
        publish(store, "d1", b"hello")


def test_a_pod_killed_while_it_uploads_leaves_nothing_a_reader_sees(store, proxy, tmp_path):
    proxy.fail("slow", "PUT", r"partNumber=2", seconds=30, times=100)
    code = (
        "import sys; from adcraft_resources.store import BundleStore\n"
        f"store = BundleStore(base={store.base!r}, cache={str(tmp_path / 'killed')!r})\n"
        "with store.draft('thing', 'p__v', 'd1', {}) as draft:\n"
        f"    (draft.folder / 'a.bin').write_bytes(b'x' * {20 * MIB})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)})
    while not proxy.count("PUT", r"partNumber=2"):
        time.sleep(0.05)
    process.kill()
    process.wait()
    proxy.faults.clear()
    assert store.find("thing", "p__v", "d1") is None
    assert store.current("thing", "p__v") is None
    publish(store, "d1", b"whole")
    assert elsewhere(store, tmp_path).current("thing", "p__v").file("sub/a.bin").read_bytes() == b"whole"


def test_readers_always_find_a_whole_bundle_while_the_pointer_moves(store, tmp_path):
    publish(store, "d0", b"0" * 1000)
    stop, seen, failures = threading.Event(), set(), []
    reader = elsewhere(store, tmp_path)

    def read():
        while not stop.is_set():
            bundle = reader.current("thing", "p__v")
            if bundle is None:
                failures.append("absent")
            else:
                seen.add(bundle.digest)
                if set(bundle.file("sub/a.bin").read_bytes()) != {ord(bundle.digest[1])}:
                    failures.append(bundle.digest)

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(1, 8):
        publish(store, f"d{number}", str(number).encode() * 1000)
    stop.set()
    thread.join()
    assert failures == []
    assert seen


def test_two_pods_that_make_the_same_bundle_at_once_both_get_it(store, tmp_path):
    other, found = elsewhere(store, tmp_path), []
    threads = [
        threading.Thread(target=lambda one=one: found.append(publish(one, "d1", b"same" * 1000)))
        for one in (store, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.file("sub/a.bin").read_bytes() for one in found] == [b"same" * 1000] * 2


def test_no_secret_is_part_of_the_store_or_of_its_manifests(store, proxy, monkeypatch, caplog):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-value")
    proxy.fail("error", "PUT", r"a\.bin")
    bundle = publish(store, "d1", b"hello")
    assert "very-secret-value" not in caplog.text + str(store) + str(bundle.manifest)


def test_copies_used_long_ago_make_room_and_those_in_use_stay(tmp_path):
    cache = ReadCache(tmp_path, most_bytes=250)
    manifest = {"files": {"a": {"bytes": 100, "sha256": ""}}}

    def fill(folder):
        (folder / "a").write_bytes(b"x" * 100)

    for name in ("k/p/old", "k/p/new"):
        cache.get(name, manifest, fill)
    past = time.time() - LIKELY_IN_USE_S - 60
    os.utime(tmp_path / "k/p" / f"{USED}-old", (past, past))
    cache.get("k/p/third", manifest, fill)
    assert sorted(path.name for path in (tmp_path / "k/p").iterdir() if path.is_dir()) == ["new", "third"]
