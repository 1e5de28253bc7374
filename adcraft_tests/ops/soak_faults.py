"""Judging a week's record: what should not be there, by kind. Empty lists make a good week.

Belongs here: reading the record, the store and the instance after the last, calm night. Does not: the week (soak).
"""

import json
import subprocess
import sys
from itertools import pairwise

from adcraft_assets.processing_summary import STAGES
from adcraft_resources.store import BundleStore, sha256_of

EVENTS = """query($k:AssetKeyInput!){assetOrError(assetKey:$k){... on Asset{assetMaterializations(limit:2000){
  partition runId metadataEntries{label ... on BoolMetadataEntry{boolValue} ... on TextMetadataEntry{text}}}}}}"""
RUNS = """{runsOrError(filter:{pipelineName:"make_ad_variants"}){... on Runs{results{runId status startTime endTime
  tags{key value}}}}}"""
PARTITIONS = """{assetNodeOrError(assetKey:{path:["ranked_outputs"]}){... on AssetNode{partitionKeys
  assetPartitionStatuses{... on DefaultPartitionStatuses{materializedPartitions}}}}}"""
OVER = {"SUCCESS", "FAILURE", "CANCELED"}
SHORTEST_REASON = 10
WHO_ASKED = (
    "adcraft/because",
    "adcraft/refresh",
    "adcraft/relaunch_of",
    "dagster/parent_run_id",
    "dagster/sensor_name",
)


def faults_of(week, secret, told):
    """Return what is wrong by kind; `told` are the webhook's messages, `secret` a part of its address."""
    return {
        "unexplained": [*unexplained(week.nights), *unexplained_partitions(week)],
        "lost": [*lost(week), *damaged(week.site.folder / ".adcraft" / "store")],
        "done twice": [*made_twice(materializations(week.deployment)), *side_by_side(runs(week.deployment))],
        "left over": list(left_over(week)),
        "helped": [f"the refresh of {night} had to be started again by hand" for night in week.restarts],
        "untold": [f"{night} was not told" for night in untold(week.nights, told)],
        "secrets": [f"{path} holds the webhook's secret" for path in holding(secret, week.site.folder)],
    }


def unexplained(nights):
    """Every ad of every night is in exactly one list of its report, and each failure has stage and reason."""
    for night in nights:
        report, date = night["report"], night["night"]
        lists = [report["made"], list(report["failed"]), list(report["held"]), report["busy"]]
        named = [key for one in lists for key in one]
        if len(named) != len(set(named)):
            yield f"{date}: an ad is in two lists: {sorted(named)}"
        if report["unfinished"]:
            yield f"{date}: not finished: {report['unfinished']}"
        explained = report["needed_nothing"] + len(named) - len(report["busy"])
        if explained != report["checked"]:
            yield f"{date}: {report['checked']} checked, {explained} explained"
        for key, why in {**report["failed"], **report["held"]}.items():
            if len(why["why"]) < SHORTEST_REASON:
                yield f"{date}: {key} failed without a reason"


def unexplained_partitions(week):
    """After the calm night an ad is made, or named by its report, or disabled."""
    last = week.nights[-1]["report"]
    node = week.deployment.ask(PARTITIONS)["assetNodeOrError"]
    made = set(node["assetPartitionStatuses"]["materializedPartitions"])
    for key in node["partitionKeys"]:
        if key not in made and key in week.active() and key not in {**last["failed"], **last["held"]}:
            yield f"{key} has a partition, nothing made, and no word in the last report"
    if missing := week.active() - set(node["partitionKeys"]):
        yield f"without a partition: {sorted(missing)}"
    if last["checked"] != len(week.active()) or last["busy"]:
        yield f"the calm night looked at {last['checked']} of {len(week.active())} ads, {last['busy']} busy"


def lost(week):
    """An ad with a good source has it and its variant; what was ever delivered is still there."""
    last = week.nights[-1]["report"]
    for key in sorted(week.active()):
        product, _, video = key.partition("__")
        if video not in week.good:
            if key not in last["failed"]:
                yield f"{key}: its source is bad, and the last report does not say so"
            continue
        source = week.store.manifest("source_video", key)
        if source is None or source["figures"]["sha256"] != sha256_of(week.site.folder / f"{video}.mp4"):
            yield f"{key}: the store does not hold its source as it is"
        if len(week.site.variants(product, video)) != 1 and key not in last["held"]:
            yield f"{key}: {week.site.variants(product, video)} instead of one variant"
    for key, date in week.delivered.items():
        product, _, video = key.partition("__")
        if not week.site.variants(product, video):
            yield f"{key}: delivered on {date}, gone now"


def damaged(store):
    """Every file of every bundle is what its manifest says."""
    for manifest in store.glob("*/*/*/manifest.json"):
        for name, facts in json.loads(manifest.read_text())["files"].items():
            if sha256_of(manifest.parent / name) != facts["sha256"]:
                yield f"{manifest.parent}/{name} is not what its manifest says"
    store = BundleStore(base=str(store))
    for stage in STAGES:
        for key in store.list_keys(stage):
            digest = store.current_digest(stage, key)
            if digest is not None and store.manifest_of(stage, key, digest) is None:
                yield f"{stage} of {key}: its current bundle {digest} is gone"


def materializations(deployment):
    """Return (stage, partition, digest, run) of everything reported as newly made, the oldest first."""
    found = []
    for stage in STAGES:
        asset = deployment.ask(EVENTS, k={"path": [stage]})["assetOrError"]
        for event in reversed(asset.get("assetMaterializations", [])):
            entries = {
                entry["label"]: entry.get("boolValue", entry.get("text"))
                for entry in event["metadataEntries"]
            }
            if entries.get("reused") is False:
                found.append((stage, event["partition"], entries["digest"], event["runId"]))
    return found


def made_twice(events):
    """No bundle is newly made twice, whatever was killed in between.

    A ranking also counts as new when it is delivered again, as it must be when the config goes back to what it was;
    so it is twice only when no other came between. Events come oldest first.
    """
    seen, last = {}, {}
    for stage, key, digest, run in events:
        if stage == "ranked_outputs" and last.get(key) != digest:
            seen.pop((stage, key, digest), None)
        last[key] = digest if stage == "ranked_outputs" else last.get(key)
        before = seen.setdefault((stage, key, digest), run)
        if before != run:
            yield f"{stage} of {key}, {digest}, was made in the runs {before} and {run}"


def runs(deployment):
    """Return (partition keys, start, end, id) of the runs that made ads; inserted order gives a range its keys."""
    inserted = deployment.ask(PARTITIONS)["assetNodeOrError"]["partitionKeys"]
    found = []
    for run in deployment.ask(RUNS)["runsOrError"]["results"]:
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        first = tags.get("dagster/asset_partition_range_start", tags.get("dagster/partition"))
        last = tags.get("dagster/asset_partition_range_end", first)
        if first is None or run["startTime"] is None:
            continue
        end = run["endTime"] if run["status"] in OVER else float("inf")
        keys = inserted[inserted.index(first) : inserted.index(last) + 1]
        found.append((keys, run["startTime"], end, _told(run, tags)))
    return found


def _told(run, tags):
    """A run as a fault names it: who asked for it, how it ended and when it worked."""
    asked = [tags[name] for name in WHO_ASKED if name in tags]
    return f"{run['runId']} ({' '.join(asked)}; {run['status']}, {run['startTime']:.0f} to {run['endTime'] or 0:.0f})"


def side_by_side(made):
    """No ad is made by two runs at the same time."""
    by_key = {}
    for keys, start, end, run in made:
        for key in keys:
            by_key.setdefault(key, []).append((start, end, run))
    for key, spans in by_key.items():
        for (_, end, one), (start, _, other) in pairwise(sorted(spans)):
            if start < end:
                yield f"{key} was made by the runs {one} and {other} at the same time"


def left_over(week):
    """A look ahead after the calm night finds nothing to make: what it names is failed or held."""
    command = ["refresh", "--dry-run", "--config", str(week.site.config)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "adcraft_assets.cli", *command],
        env=week.deployment.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        yield done.stderr
    yield from (line for line in done.stdout.splitlines() if line.startswith("stale "))


def untold(nights, told):
    """Return the nights whose report did not reach the webhook."""
    dates = {message["adcraft"].get("night") for message in told}
    return [night["night"] for night in nights if night["night"] not in dates]


def holding(secret, folder):
    """Return the files below a folder that hold a text."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".mp4" and secret.encode() in path.read_bytes():
            yield path
