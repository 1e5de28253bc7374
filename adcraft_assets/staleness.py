"""What an ad still needs: its stages' digests as they are against what source, config, code and models would give.

Belongs here: the comparison, stage by stage, without making or rendering anything. Does not: asking sources
(downloads) and launching what is stale (launches, automation).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from adcraft_assets.approvals import Approvals
from adcraft_assets.checks import judge
from adcraft_assets.deliveries import is_delivered
from adcraft_assets.identities import (
    VERSIONS,
    VariantBasis,
    brief_of,
    chosen_by,
    chosen_styles,
    cleaning_identity,
    hooks_identity,
    keyframes_identity,
    masks_identity,
    plans_of,
    ranking_identity,
)
from adcraft_assets.partitions import Ad
from adcraft_assets.settings import Settings
from adcraft_resources.downloads import SourceState
from adcraft_resources.errors import AdcraftError
from adcraft_resources.rotations import Rotation, rotation_of
from adcraft_resources.store import BundleStore, digest_of

State = Literal["fresh", "stale", "held", "failed"]


@dataclass(frozen=True)
class Need:
    """What an ad needs.

    Attributes:
        key: Partition key.
        state: `fresh`: nothing. `stale`: to be made from `stage` on. `held`: a gate holds it back. `failed`: its
            source or config has a fault only a person can mend.
        stage: The first stage that is not as it should be; empty for `fresh`.
        why: In words.
    """

    key: str
    state: State
    stage: str = ""
    why: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return a JSON-able record."""
        return asdict(self)


@dataclass(frozen=True)
class Roles:
    """The roles of the graph by resource key, not set up: only their names and versions are asked."""

    by_key: Mapping[str, Any]

    def __getitem__(self, key: str) -> object:
        """Return a role."""
        return self.by_key[key]


@dataclass(frozen=True)
class Surveyor:
    """Says of ads what they need under one config and one set of roles; `seal` stands for the certificate, if any."""

    store: BundleStore
    settings: Settings
    roles: Roles
    results: Path
    approvals: Approvals
    seal: str = ""

    def need_of(self, ad: Ad, source: SourceState | AdcraftError = "unchanged") -> Need:
        """Return what an ad needs, given what its source answered."""
        if isinstance(source, AdcraftError):
            return Need(ad.key, "failed", "source_video", str(source))
        try:
            return _Survey(self, ad).need(source)
        except AdcraftError as error:
            return Need(ad.key, "failed", "styled_variants", str(error))

    def needs_of(self, ads: Iterable[Ad]) -> dict[str, Need]:
        """Return what each ad needs, its source taken as unchanged."""
        return {ad.key: self.need_of(ad) for ad in ads}


class _Survey:
    """One ad's walk through the stages."""

    def __init__(self, surveyor: Surveyor, ad: Ad) -> None:
        self.store, self.settings, self.roles = surveyor.store, surveyor.settings, surveyor.roles
        self.results, self.approvals, self.ad = surveyor.results, surveyor.approvals, ad
        self.seal = surveyor.seal
        self.rotation: Rotation | None = rotation_of(self.store, ad.key)
        self.made: dict[str, Mapping[str, Any]] = {}

    def need(self, source: SourceState) -> Need:
        for stage in VERSIONS:
            manifest = self.store.manifest(stage, self.ad.key)
            if manifest is None:
                return Need(self.ad.key, "stale", stage, "not made yet")
            self.made[stage] = manifest
            if stage == "source_video":
                if source == "changed":
                    return Need(self.ad.key, "stale", stage, "the source changed")
            else:
                identity = _IDENTITIES[stage](self)
                if digest_of(identity) != manifest["digest"]:
                    return Need(
                        self.ad.key, "stale", stage, _difference(manifest.get("identity", {}), identity)
                    )
            held = self._held(stage, manifest)
            if held:
                return Need(self.ad.key, "held", stage, held)
        return self._loss() or Need(self.ad.key, "fresh")

    def _held(self, stage: str, manifest: Mapping[str, Any]) -> str:
        verdicts = judge(stage, manifest.get("figures", {}), self.settings.gates)
        return "; ".join(
            f"{one.gate} is not true: {one.reason}" for one in verdicts if one.holds_back and not one.passed
        )

    def _loss(self) -> Need | None:
        key = self.ad.key
        for name, digest in self.made["styled_variants"]["variants"].items():
            if self.store.manifest_of("variants", key, digest) is None:
                return Need(key, "stale", "styled_variants", f"the variant {name} is lost")
        if not is_delivered(self.store, self.ad, self.settings, self.results, self.approvals, self.seal):
            return Need(
                key, "stale", "ranked_outputs", "its folder of results is missing or shows an older state"
            )
        return None

    def masks(self) -> dict[str, Any]:
        made = self.made
        return masks_identity(self.ad, made["source_video"], made["keyframes"], self.roles["text_detector"])

    def cleaning(self) -> dict[str, Any]:
        made, roles = self.made, self.roles
        stages = made["source_video"], made["ocr_masks"], made["keyframes"]
        return cleaning_identity(*stages, roles["text_detector"], roles["inpainter"])

    def hooks(self) -> dict[str, Any]:
        stills, masks = self.made["keyframes"], self.made["ocr_masks"]
        brief = brief_of(self.ad, masks, self.settings, self.rotation)
        return hooks_identity(stills, masks, brief, self.settings, self.roles["copywriter"])

    def variants(self) -> dict[str, Any]:
        made, settings = self.made, self.settings
        words = self.store.current("hooks", self.ad.key)
        if words is None:
            return {"hooks": "lost"}
        styles = chosen_styles(self.ad, settings)
        plans = plans_of(self.ad, settings, styles, words.read_json("hooks.json"), self.rotation)
        stages = made["cleaned_frames"], made["keyframes"], made["ocr_masks"]
        chosen = chosen_by(self.roles["encoder"], self.ad)
        basis = VariantBasis.of(*stages, styles, settings, self.roles["stylist"], chosen)
        return basis.of_all(plans, settings.variants_per_video)

    def ranking(self) -> dict[str, Any]:
        made, roles = self.made, self.roles
        stages = made["styled_variants"], made["cleaned_frames"], made["ocr_masks"]
        return ranking_identity(self.ad, self.settings, *stages, roles["encoder"], roles["text_detector"])


_IDENTITIES: dict[str, Callable[[_Survey], dict[str, Any]]] = {
    "keyframes": lambda survey: keyframes_identity(
        survey.made["source_video"], survey.ad, survey.roles["encoder"]
    ),
    "ocr_masks": _Survey.masks,
    "cleaned_frames": _Survey.cleaning,
    "hooks": _Survey.hooks,
    "styled_variants": _Survey.variants,
    "ranked_outputs": _Survey.ranking,
}


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say which parts of an identity are no longer what they were."""
    now = json.loads(json.dumps(now))  # as the manifest holds it
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return f"changed since it was made: {', '.join(changed) or 'its identity'}"
