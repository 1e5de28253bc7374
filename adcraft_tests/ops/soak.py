"""Seven nights in minutes, on a real deployment that is killed at random: what happened, written down and checked.

Seeded: the same seed changes the same sources, edits the same config and kills the same processes in the same order.
Belongs here: the week and the checks of its record. Does not: starting processes (deployment).
"""

import json
import random
import threading
import time
from contextlib import suppress

from adcraft_assets.processing_summary import STAGES
from adcraft_resources.store import BundleStore, sha256_of

LAUNCH = """mutation($p:ExecutionParams!){launchRun(executionParams:$p){__typename ... on PythonError{message}
  ... on InvalidSubsetError{message}}}"""
EVENTS = """query($k:AssetKeyInput!){assetOrError(assetKey:$k){... on Asset{assetMaterializations(limit:2000){
  partition runId metadataEntries{label ... on BoolMetadataEntry{boolValue} ... on TextMetadataEntry{text}}}}}}"""
NIGHT_S = 900


class Week:
    """A site under a deployment, night by night."""

    def __init__(self, site, deployment, seed, say=print):
        self.site, self.deployment, self.say = site, deployment, say
        self.random = random.Random(seed)
        self.products = {"soap": ["v0", "v1"], "tea": ["v2"]}
        self.more = {"variants_per_video": 1, "refresh": {"retries": 3}}
        self.good = {"v0", "v1", "v2"}
        self.drawn = 0
        self.nights = []

    def begin(self):
        for name in sorted(self.good):
            self.draw(name)
        self.site.write(self.products, **self.more)

    def draw(self, name):
        self.drawn += 1
        self.site.draw(name, 100 + self.drawn)
        self.good.add(name)

    # what a day brings

    def day(self):
        names = [video for videos in self.products.values() for video in videos]
        acts = [self.changes, self.vanishes, self.is_corrupted, self.is_edited, self.is_added]
        told = [self.random.choice(acts)(self.random.choice(names)) for _ in range(2)]
        self.site.write(self.products, **self.more)
        return told

    def changes(self, name):
        self.draw(name)
        return f"{name} changes"

    def vanishes(self, name):
        (self.site.folder / f"{name}.mp4").unlink(missing_ok=True)
        self.good.discard(name)
        return f"{name} vanishes"

    def is_corrupted(self, name):
        (self.site.folder / f"{name}.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + self.random.randbytes(5000))
        self.good.discard(name)
        return f"{name} is corrupted"

    def is_edited(self, name):
        self.more["rank_by"] = self.random.choice(["score", "ssim"])
        return f"rank_by becomes {self.more['rank_by']}"

    def is_added(self, name):
        new = f"n{len(self.nights)}{self.drawn}"
        self.products["tea"] = [*self.products["tea"], new]
        self.draw(new)
        return f"{new} is added"

    # the night

    def night(self, number):
        date = f"2026-02-{number:02d}"
        told = self.day()
        harm = self.random.sample(["daemon", "web", "code", "postgres"], 2)
        delays = [self.random.uniform(1, 15) for _ in harm]
        self.say(f"{date}: {'; '.join(told)}; killed: {', '.join(harm)}")
        self.start_refresh(date)
        trouble = threading.Thread(target=self.harm, args=(harm, delays))
        trouble.start()
        began = time.monotonic()
        report = self.await_report(date)
        trouble.join()
        self.nights.append({"night": date, "day": told, "killed": harm, "report": report})
        self.say(
            f"  {report['made_count']} made, {report['failed_count']} failed, {report['attempts']} attempts, {time.monotonic() - began:.0f} s"
        )

    def start_refresh(self, date):
        params = {
            "selector": {
                "repositoryLocationName": "adcraft",
                "repositoryName": "__repository__",
                "pipelineName": "ad_variant_refresh",
            },
            "executionMetadata": {"tags": [{"key": "adcraft/night", "value": date}]},
        }
        for _ in range(60):
            with suppress(Exception):
                if self.deployment.ask(LAUNCH, p=params)["launchRun"]["__typename"] == "LaunchRunSuccess":
                    return
            time.sleep(1)
        raise AssertionError("the refresh can't be started")

    def harm(self, names, delays):
        for name, delay in zip(names, delays, strict=True):
            time.sleep(delay)
            if name == "postgres":
                self.deployment.postgres.stop("immediate")
                time.sleep(1)
                self.deployment.postgres.start()
            else:
                self.deployment.kill(name)
                time.sleep(1)
                self.deployment.launch(name)
            self.revive()

    def revive(self):
        """Start again what died of another's death, as a supervisor would."""
        time.sleep(2)
        for name, process in list(self.deployment.processes.items()):
            if process.poll() is not None:
                self.deployment.launch(name)

    def await_report(self, date):
        """Wait for the night's report; a planning run that was killed is started again, as its retry would be."""
        path = self.site.folder / "results" / "refresh_report.json"
        deadline, asked = time.monotonic() + NIGHT_S, time.monotonic()
        while time.monotonic() < deadline:
            self.revive()
            with suppress(FileNotFoundError):
                report = json.loads(path.read_text())
                if report["night"] == date:
                    return report
            if time.monotonic() - asked > 60 and not self.planned(date):
                self.start_refresh(date)
                asked = time.monotonic()
        raise AssertionError(f"no report of {date} within {NIGHT_S} s")

    def planned(self, date):
        store = BundleStore(base=str(self.site.folder / ".adcraft" / "store"))
        manifest = store.manifest("refresh_plans", "nightly")
        return manifest is not None and manifest["identity"]["night"] == date


def faults_of(week):
    """Return everything in the week's record that should not be there; empty for a good week."""
    return [*unexplained(week), *lost(week), *done_twice(week)]


def unexplained(week):
    """Every ad of every night is in exactly one list of its report, and each failure has a reason."""
    for night in week.nights:
        report = night["report"]
        lists = [report["made"], list(report["failed"]), list(report["held"]), report["busy"]]
        named = [key for one in lists for key in one]
        if len(named) != len(set(named)):
            yield f"{night['night']}: an ad is in two lists: {named}"
        if report["unfinished"]:
            yield f"{night['night']}: not finished: {report['unfinished']}"
        if report["needed_nothing"] + len(named) - len(report["busy"]) != report["checked"]:
            yield f"{night['night']}: {report['checked']} checked, {report['needed_nothing']} + {len(named)} explained"
        for key, told in {**report["failed"], **report["held"]}.items():
            if len(told["why"]) < 10:
                yield f"{night['night']}: {key} failed without a reason"


def lost(week):
    """Every ad with a good source has its variants, and every bundle of the store is what its manifest says."""
    store = BundleStore(base=str(week.site.folder / ".adcraft" / "store"))
    last = week.nights[-1]["report"]
    for product, videos in week.products.items():
        for video in videos:
            key = f"{product}__{video}"
            if video in week.good:
                source = store.manifest("source_video", key)
                if source is None or source["figures"]["sha256"] != sha256_of(
                    week.site.folder / f"{video}.mp4"
                ):
                    yield f"{key}: the store does not hold its source as it is"
                if len(week.site.variants(product, video)) != 1 and key not in last["held"]:
                    yield f"{key}: {week.site.variants(product, video)} instead of one variant"
            elif key not in last["failed"]:
                yield f"{key}: its source is bad, and the last report does not say so"
    for manifest in (week.site.folder / ".adcraft" / "store").glob("*/*/*/manifest.json"):
        for name, facts in json.loads(manifest.read_text())["files"].items():
            if sha256_of(manifest.parent / name) != facts["sha256"]:
                yield f"{manifest.parent}/{name} is not what its manifest says"


def done_twice(week):
    """No bundle is reported as newly made more than once, whatever was killed in between."""
    for stage in STAGES:
        seen = {}
        found = week.deployment.ask(EVENTS, k={"path": [stage]})["assetOrError"].get(
            "assetMaterializations", []
        )
        for event in found:
            told = {
                entry["label"]: entry.get("boolValue", entry.get("text"))
                for entry in event["metadataEntries"]
            }
            if told.get("reused") is False:
                mark = (event["partition"], told["digest"])
                if mark in seen:
                    yield f"{stage} of {mark} was made in the runs {seen[mark]} and {event['runId']}"
                seen[mark] = event["runId"]
