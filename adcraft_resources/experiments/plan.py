"""The plan of one ad's test: hypothesis, cells, names, sizes, as `experiment.json`.

Belongs here: deciding what is tested against what, and naming it. Does not: sheets and payloads (handover).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from adcraft_resources.experiments.isolation import changed_factors, isolation_faults
from adcraft_resources.experiments.power import sample_size
from adcraft_resources.experiments.settings import ExperimentSettings

FILE: Final = "experiment.json"
METRICS: Final = {
    "hook_rate": "hook rate (3-second video plays ÷ impressions)",
    "ctr": "link click-through rate (link clicks ÷ impressions)",
}
FACTOR_NAMES: Final = {
    "style": "look",
    "hook": "hook and copy",
    "treatment": "design of the hook on screen",
    "opening": "treatment of the first frame",
    "seed": "random seed",
}
_NAME: Final = re.compile(r"^[a-z0-9_-]{1,120}$")


@dataclass(frozen=True)
class Candidate:
    """A delivered variant: its file, manifest, and the policy review's verdict and audience notes."""

    id: str
    rank: int
    file: str
    manifest: Mapping[str, Any]
    policy: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The one name: file stem, ad name and utm_content alike."""
        return PurePosixPath(self.file).stem


@dataclass(frozen=True)
class Subject:
    """What is tested: the ad, the day its ranking was made (ISO date), and what people call the test, if anything."""

    product: str
    video: str
    made_on: str
    mode: str
    name: str = ""


def plan_experiment(
    subject: Subject, candidates: Sequence[Candidate], settings: ExperimentSettings
) -> dict[str, Any]:
    """Return `experiment.json` for an ad's delivered variants, in rank order.

    In `isolate` mode the planned control is the control and every cell changes one factor against it; where the
    manifests do not bear that out, `ready` is false and `why_not` says so. In `explore` mode the best-ranked variant is
    the control and cells differ as wholes.
    """
    called = subject.name or settings.metric.replace("_", "-")
    campaign = "_".join((subject.made_on.replace("-", ""), subject.product, called))
    control, others = _parted(subject, candidates)
    cells = [control, *others[: settings.cells - 1]] if control else []
    faults = _faults(subject, candidates, cells)
    told = {
        "ready": not faults,
        "why_not": faults,
        "product": subject.product,
        "video": subject.video,
        "mode": subject.mode,
        "campaign_name": campaign,
        "metric": settings.metric,
        "metric_means": METRICS[settings.metric],
        "not_tested": [one.id for one in candidates if one not in cells],
        "audience": _audience(candidates),
        "schema": 1,
    }
    if faults or control is None:
        return {**told, "cells": []}
    shares = _shares(len(cells))
    return {
        **told,
        "hypothesis": _hypothesis(subject, cells, settings),
        "factors": sorted(
            {name for one in cells[1:] for name in changed_factors(control.manifest, one.manifest)}
        ),
        "control": control.name,
        "cells": [
            _cell(subject, campaign, letter, one, control, share, settings)
            for letter, one, share in zip("abcde", cells, shares, strict=False)
        ],
        "sample_size": sample_size(settings, len(cells)).to_dict(),
        "decide": "Read the result once, at the end; compare each cell with the control at alpha_per_comparison.",
    }


def _parted(subject: Subject, candidates: Sequence[Candidate]) -> tuple[Candidate | None, list[Candidate]]:
    """Return the control, where there is one, and the others in rank order."""
    ordered = sorted(candidates, key=lambda one: one.rank)
    if subject.mode == "isolate":
        planned = [one for one in ordered if one.manifest["plan"]["factor"] == "control"]
    else:
        planned = ordered[:1]
    control = planned[0] if planned else None
    return control, [one for one in ordered if one is not control]


def _faults(subject: Subject, candidates: Sequence[Candidate], cells: Sequence[Candidate]) -> list[str]:
    faults = [f"{one.name!r} can't name an ad" for one in candidates if not _NAME.match(one.name)]
    if not candidates:
        faults.append("no variant was delivered")
    elif not cells:
        faults.append("the planned control was not delivered; see why it was rejected in ranking.json")
    elif len(cells) == 1:
        faults.append("one variant was delivered; a test needs a control and at least one cell")
    if subject.mode == "isolate" and len(cells) > 1:
        faults.extend(isolation_faults({one.id: one.manifest for one in cells}))
    return faults


def _hypothesis(subject: Subject, cells: Sequence[Candidate], settings: ExperimentSettings) -> str:
    control = cells[0]
    changed = {name for one in cells[1:] for name in changed_factors(control.manifest, one.manifest)}
    what = " or ".join(FACTOR_NAMES[name] for name in FACTOR_NAMES if name in changed - {"seed"})
    how = "one at a time" if subject.mode == "isolate" else "together, as whole creatives"
    return (
        f"Changing the {what or 'creative'}, {how}, moves the {METRICS[settings.metric]} of {control.name} "
        f"from {settings.baseline:.1%} by at least {settings.lift:.0%} in relative terms, either way."
    )


def _cell(
    subject: Subject,
    campaign: str,
    letter: str,
    one: Candidate,
    control: Candidate,
    share: int,
    settings: ExperimentSettings,
) -> dict[str, Any]:
    plan = one.manifest["plan"]
    changed = changed_factors(control.manifest, one.manifest)
    return {
        "cell": letter,
        "variant": one.id,
        "name": one.name,
        "file": one.file,
        "poster": str(PurePosixPath(one.file).with_suffix(".jpg")),
        "adset_name": "_".join((campaign, subject.video, f"cell-{letter}")),
        "is_control": one is control,
        "rank": one.rank,
        "treatment_percentage": share,
        "levels": {name: plan[name]["id"] if name == "hook" else plan[name] for name in FACTOR_NAMES},
        "changed": [name for name in changed if subject.mode == "isolate" or name != "seed"],
        "copy": {name: plan["hook"][name] for name in ("on_screen", "primary_text", "headline", "language")},
        "policy": one.policy.get("verdict", "unknown"),
        "utm_content": one.name,
        "url_tags": _url_tags(settings, one.name),
        "landing_url": _landing(settings, one.name),
    }


def _url_tags(settings: ExperimentSettings, name: str) -> str:
    """Return the creative's url_tags; Meta fills the braces, and freezes names at first publish."""
    return (
        f"utm_source={settings.utm_source}&utm_medium={settings.utm_medium}"
        f"&utm_campaign={{{{campaign.name}}}}&utm_content={quote(name)}&utm_term={{{{placement}}}}"
    )


def _landing(settings: ExperimentSettings, name: str) -> str:
    """Return the page with this cell's tags, for places that fill no braces."""
    if not settings.landing_url:
        return ""
    joint = "&" if "?" in settings.landing_url else "?"
    tags = f"utm_source={settings.utm_source}&utm_medium={settings.utm_medium}&utm_content={quote(name)}"
    return f"{settings.landing_url}{joint}{tags}"


def _audience(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return the audience notes of the variants, each once."""
    notes = {note["id"]: dict(note) for one in candidates for note in one.policy.get("targeting", [])}
    return list(notes.values())


def _shares(count: int) -> list[int]:
    """Return whole percentages that sum to 100, the control's first."""
    share, rest = divmod(100, count)
    return [share + (place < rest) for place in range(count)]
