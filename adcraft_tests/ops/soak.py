"""Nights in minutes, on a real deployment that is killed at random, written down for `soak_faults`.

Seeded: the same seed changes the same sources, edits the same config and kills the same processes in the same order.
Belongs here: what days and nights bring. Does not: starting processes (deployment), judging the record (soak_faults).
"""

import json
import random
import threading
import time
from contextlib import suppress

from adcraft_resources.store import BundleStore

LAUNCH = """mutation($p:ExecutionParams!){launchRun(executionParams:$p){__typename ... on PythonError{message}
  ... on InvalidSubsetError{message}}}"""
PLANNING = """{runsOrError(filter:{pipelineName:"ad_variant_refresh",
  statuses:[QUEUED,NOT_STARTED,STARTING,STARTED,CANCELING]}){... on Runs{results{runId}}}}"""
NIGHT_S = 1500
DEAD_S = 2
HARMS = ("daemon", "web", "code", "postgres", "run")


class Deck:
    """Deals its cards in random order, each as often as the others."""

    def __init__(self, cards, luck):
        self.cards, self.luck, self.left = list(cards), luck, []

    def deal(self, count):
        dealt = []
        while len(dealt) < count:
            self.left = self.left or self.luck.sample(self.cards, len(self.cards))
            dealt.append(self.left.pop())
        return dealt


class Week:
    """A site under a deployment, night by night."""

    def __init__(self, site, deployment, seed, say=print):
        self.site, self.deployment, self.say = site, deployment, say
        self.luck = random.Random(seed)
        self.products = {"soap": ["v0", "v1"], "tea": ["v2"]}
        self.disabled = set()
        self.more = {"variants_per_video": 1, "refresh": {"retries": 3}}
        self.good = {"v0", "v1", "v2"}
        self.drawn = 0
        self.nights, self.delivered, self.restarts, self.dead_since = [], {}, [], {}
        acts = [self.changes, self.vanishes, self.is_corrupted, self.is_edited, self.is_added]
        self.acts = Deck([*acts, self.is_disabled, self.comes_back], self.luck)
        self.harms = Deck(HARMS, self.luck)
        self.store = BundleStore(base=str(site.folder / ".adcraft" / "store"))

    def begin(self):
        for name in sorted(self.good):
            self.draw(name)
        self.write()

    def await_first_ads(self):
        """Wait until the ads of the first config have made themselves; only then does the trouble begin."""
        deadline = time.monotonic() + NIGHT_S
        while time.monotonic() < deadline:
            if all(self.site.variants(*key.split("__")) for key in self.active()):
                return
            time.sleep(2)
        raise AssertionError(f"the first ads were not made within {NIGHT_S} s")

    def write(self):
        self.site.write(self.products, disabled=self.disabled, **self.more)

    def draw(self, name):
        self.drawn += 1
        self.site.draw(name, 100 + self.drawn)
        self.good.add(name)

    def names(self):
        return [video for videos in self.products.values() for video in videos]

    def active(self):
        """The keys a refresh looks at."""
        pairs = ((product, video) for product, videos in self.products.items() for video in videos)
        return {f"{product}__{video}" for product, video in pairs if video not in self.disabled}

    # what a day brings

    def changes(self):
        name = self.luck.choice(self.names())
        self.draw(name)
        return f"{name} changes"

    def vanishes(self):
        name = self.luck.choice(self.names())
        (self.site.folder / f"{name}.mp4").unlink(missing_ok=True)
        self.good.discard(name)
        return f"{name} vanishes"

    def is_corrupted(self):
        name = self.luck.choice(self.names())
        (self.site.folder / f"{name}.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + self.luck.randbytes(5000))
        self.good.discard(name)
        return f"{name} is corrupted"

    def is_edited(self):
        self.more["rank_by"] = "score" if self.more.get("rank_by") == "ssim" else "ssim"
        return f"rank_by becomes {self.more['rank_by']}"

    def is_added(self):
        new = f"n{self.drawn}"
        self.products["tea"] = [*self.products["tea"], new]
        self.draw(new)
        return f"{new} is added"

    def is_disabled(self):
        name = self.luck.choice(self.names())
        self.disabled ^= {name}
        return f"{name} is {'disabled' if name in self.disabled else 'enabled'}"

    def comes_back(self):
        bad = [name for name in self.names() if name not in self.good]
        if not bad:
            return "nothing is amiss"
        self.draw(bad[0])
        return f"{bad[0]} comes back"

    # the night

    def night(self, number, harms):
        """A day with two acts, then a refresh with one more act and `harms` kills while it runs."""
        date = f"2026-02-{number:02d}"
        day, harm = [act() for act in self.acts.deal(2)], self.harms.deal(harms)
        self.write()
        (during,) = self.acts.deal(1)
        self._refresh(date, day, harm, during)

    def calm_night(self, number):
        """A night in which nothing happens, so that whatever was left over is settled."""
        self._refresh(f"2026-02-{number:02d}", [], [], None)

    def _refresh(self, date, day, harm, during):
        night = {"night": date, "day": day, "killed": [], "during": ""}
        self.say(
            f"{date}: {'; '.join(day) or 'calm'}; to be killed: {', '.join(harm) or 'nothing'}", flush=True
        )
        began = time.monotonic()
        self.start_refresh(date)
        delays = [self.luck.uniform(1, 12) for _ in harm]
        trouble = threading.Thread(target=self._trouble, args=(harm, delays, during, night))
        trouble.start()
        night["report"] = report = self.await_report(date)
        while trouble.is_alive():
            self.revive()
            time.sleep(1)
        night["wall_s"] = round(time.monotonic() - began)
        self.nights.append(night)
        self._remember_deliveries()
        self.say(
            f"  {night['during']}; killed {', '.join(night['killed'])}; {report['made_count']} made, "
            f"{report['failed_count']} failed, {report['needed_nothing']} fresh, {len(report['busy'])} busy, "
            f"{report['attempts']} attempts, {night['wall_s']} s",
            flush=True,
        )

    def _remember_deliveries(self):
        for path in (self.site.folder / "results").glob("*/*/*.mp4"):
            self.delivered[f"{path.parent.parent.name}__{path.parent.name}"] = self.nights[-1]["night"]

    def start_refresh(self, date):
        params = {
            "selector": {
                "repositoryLocationName": "adcraft",
                "repositoryName": "__repository__",
                "pipelineName": "ad_variant_refresh",
            },
            "executionMetadata": {"tags": [{"key": "adcraft/night", "value": date}]},
        }
        for _ in range(120):
            with suppress(Exception):
                if self.deployment.ask(LAUNCH, p=params)["launchRun"]["__typename"] == "LaunchRunSuccess":
                    return
            self.revive()
            time.sleep(1)
        raise AssertionError("the refresh can't be started")

    def _trouble(self, names, delays, during, night):
        for name, delay in zip(names, delays, strict=True):
            time.sleep(delay)
            night["killed"].append(self._harm(name))
            time.sleep(DEAD_S)
        if during is not None:
            night["during"] = f"while it runs: {self._edit_while_running(during)}"

    def _harm(self, name):
        if name == "postgres":
            self.deployment.postgres.stop("immediate")
            time.sleep(1)
            self.deployment.postgres.start()
        elif name == "run":
            # Luck of its own: how often it is asked depends on the machine, and must not change the nights to come.
            killed = self.deployment.kill_a_run(random.Random(self.luck.random()), 60)
            return "run" if killed else "no run, as none was going"
        else:
            self.deployment.kill(name)
        return name

    def _edit_while_running(self, act):
        """Leave the config half written for a while, then write it whole with one thing changed."""
        whole = self.site.config.read_text()
        self.site.config.write_text(whole[: len(whole) // 2])
        time.sleep(6)
        told = act()
        self.write()
        return told

    def revive(self):
        """Start again what has been dead for a while, by its own or another's hand, as a supervisor would."""
        for name, process in list(self.deployment.processes.items()):
            if process.poll() is None:
                continue
            since = self.dead_since.setdefault(process.pid, time.monotonic())
            if time.monotonic() - since >= DEAD_S:
                self.deployment.launch(name)

    def await_report(self, date):
        """Wait for the night's report; a planning run that Dagster gave up is started again by hand, and noted."""
        path = self.site.folder / "results" / "refresh_report.json"
        deadline, alive = time.monotonic() + NIGHT_S, time.monotonic()
        while time.monotonic() < deadline:
            time.sleep(1)
            self.revive()  # also what a half-written config kept from starting
            with suppress(FileNotFoundError):
                report = json.loads(path.read_text())
                if report["night"] == date:
                    return report
            if self.planned(date) or self.is_planning():
                alive = time.monotonic()
            if time.monotonic() - alive > 300:
                self.say("  no plan and no run that makes one: started again by hand", flush=True)
                self.restarts.append(date)
                self.start_refresh(date)
                alive = time.monotonic()
        raise AssertionError(f"no report of {date} within {NIGHT_S} s")

    def is_planning(self):
        """Whether a planning run is unfinished, or can't be asked for just now."""
        try:
            runs = self.deployment.ask(PLANNING)["runsOrError"]["results"]
        except Exception:  # killed a moment ago
            return True
        return bool(runs)

    def planned(self, date):
        manifest = self.store.manifest("refresh_plans", "nightly")
        return manifest is not None and manifest["identity"]["night"] == date
