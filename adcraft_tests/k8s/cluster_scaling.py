"""Two GPU nodes against one, and what a step costs beyond its work.

A sleep stands in for the model: 14 s an ad, which is 32 images (8 keyframes, 4 variants) of FLUX.2-klein-4B with one
reference at 0.44 s each, measured on an H100 (fp8, batches of 4). Everything else is the graph's own. The sixteen ads have
the same pictures under sixteen keys, so that what comes before the variants is made once and copied in the bucket.
The last lines of what a step costs are CPU seconds of its pod: seconds on a wall depend on what else the machine does.
"""

import time

import boto3
import pytest

from adcraft_tests.graph.conftest import write_ad
from adcraft_tests.k8s.scenes import JOB, prepare
from adcraft_tests.k8s.stand_in.cluster import wait_for
from adcraft_tests.k8s.stand_in.nodes import BUCKET, CLASSES, ROOT
from adcraft_tests.k8s.stand_in.start import stand_in_cluster

pytestmark = pytest.mark.slow
ADS, CHUNK, GPU_S = 16, 8, 14
KEYS = [f"soap__v{number:02}" for number in range(ADS)]
SEEDS = {2: 102, 1: 101}


def share(cluster, first, others):
    """Copy what the bucket holds of one ad to the keys of the others."""
    s3 = boto3.client(
        "s3",
        endpoint_url=cluster.proxy.url,
        region_name="us-east-1",
        aws_access_key_id="t",
        aws_secret_access_key="t",
    )
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for name in [one["Key"] for one in page["Contents"] if f"/{first}/" in one["Key"]]:
            for other in others:
                s3.copy_object(
                    Bucket=BUCKET, Key=name.replace(first, other), CopySource={"Bucket": BUCKET, "Key": name}
                )


def span(cluster, run_id):
    """When a run's GPU step was asked for, began its work and ended it, and when the run had ended."""
    kinds = ("STEP_WORKER_STARTING", "STEP_START", "STEP_SUCCESS", "PIPELINE_SUCCESS")
    return [cluster.events(run_id, kind)[0].timestamp for kind in kinds]


def cpu_of_pods(cluster):
    """CPU seconds a step's pod spent (before its work, on it, after it), and a run's pod in all."""
    told = {}
    for one in cluster.told("cpu/"):
        pod, moment, spent = one.split("/")
        told.setdefault(pod, {})[moment] = float(spent)
    steps = [one for pod, one in told.items() if pod.startswith("dagster-step-")]
    runs = [one["end"] for pod, one in told.items() if pod.startswith("dagster-run-")]
    parts = [(one["work"], one["worked"] - one["work"], one["end"] - one["worked"]) for one in steps]
    return [max(part) for part in zip(*parts, strict=True)], max(runs)


def backfill(cluster, nodes):
    """Make all ads' variants; return seconds in all, spans of the runs, CPU of the pods, looks developed."""
    cluster.configure(
        cluster={**cluster.config["cluster"], "classes": CLASSES}, variants={"seed": SEEDS[nodes]}
    )
    cluster.forget_what_was_asked()
    run_ids = cluster.launch(KEYS[:CHUNK], KEYS[CHUNK:], **JOB)
    assert set(cluster.wait(run_ids)) == {"SUCCESS"}, cluster.story()
    wait_for(lambda: len(cluster.pods("end")) == len(cluster.pods()), "the last pods to end")
    spans = [span(cluster, run_id) for run_id in run_ids]
    whole = max(one[2] for one in spans) - min(one[0] for one in spans)
    return whole, spans, cpu_of_pods(cluster), len(cluster.told("device-"))


def report(one, two):
    (whole, _, cpu, looks), (halved, spans, cpu_two, _) = one, two
    before, work, after = (max(each[place + 1] - each[place] for each in spans) for place in range(3))
    (cpu_before, cpu_work, cpu_after), cpu_run = cpu
    beside, slept = cpu_before + cpu_after, GPU_S * CHUNK
    return (
        f"16 ads, chunks of 8, {looks} looks of {GPU_S} s: one GPU node {whole:.0f} s, two {halved:.0f} s, "
        f"ratio {halved / whole:.2f}\n"
        f"a step of 8 ads by the wall: {before:.1f} s until its work begins, {work:.1f} s of work, {after:.1f} s until its "
        f"run has ended: {100 * (before + after) / work:.1f} % beside the work\n"
        f"its pod in CPU seconds: {cpu_before:.1f} until its work begins, {cpu_work:.1f} of work, {cpu_after:.1f} after; the "
        f"run's pod {cpu_run:.1f}; steps' pods side by side {cpu_two[0][0]:.1f}, {cpu_two[0][1]:.1f}, {cpu_two[0][2]:.1f}\n"
        f"start and end of a step's pod against {slept} s of GPU for 8 ads: {100 * beside / slept:.1f} %, against one ad's "
        f"{GPU_S} s: {100 * beside / GPU_S:.0f} %; with the run's pod {100 * (beside + cpu_run) / slept:.1f} % at 8 ads\n"
    )


def test_two_nodes_finish_sixteen_ads_in_little_more_than_half_the_time(tmp_path):
    ads = tmp_path / "ads"
    ads.mkdir()
    for number in range(ADS):
        write_ad(ads / f"v{number:02}.mp4", seed=1)
    # The class waits by its pod, not by a pool: what is measured is the cluster.
    with stand_in_cluster(
        tmp_path / "cluster",
        ads,
        chunk=CHUNK,
        executor_env=(f"ADCRAFT_TEST_GPU_S={GPU_S}",),
        config={"variants_per_video": 1},
    ) as cluster:
        prepare(cluster, KEYS[:1])
        share(cluster, KEYS[0], KEYS[1:])
        two = backfill(cluster, 2)
        cluster.fault(type="node_delete", node="h200-1")
        time.sleep(2)
        one = backfill(cluster, 1)
    told = report(one, two)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "cluster-scaling.txt").write_text(told)
    print("\n" + told)
    assert one[3] == two[3], "the two backfills slept a different number of times"
    assert two[0] / one[0] <= 0.6, told
    (before, _, after), _ = one[2]
    assert (before + after) / (GPU_S * CHUNK) <= 0.1, told
