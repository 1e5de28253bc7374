"""The asset `styled_variants`: N finished variants of each ad.

Belongs here: planning, rendering what is missing, spare plans for what a gate rejects. Does not: any pixel.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import prod
from typing import Any

import dagster as dg

from adcraft_assets.checks import specs_of, upstream_of, verdicts_of
from adcraft_assets.chunks import CHUNK, Made, make_chunk
from adcraft_assets.evidence import numbers, pictures, table
from adcraft_assets.identities import VERSIONS, VariantBasis, chosen_by, chosen_styles, plans_of
from adcraft_assets.partitions import Ad, Catalog, video_partitions
from adcraft_assets.placement import step_of
from adcraft_assets.settings import Settings
from adcraft_resources.algorithms.values import TextTracks
from adcraft_resources.appraisals import Appraisal, appraise
from adcraft_resources.cleaning import MEZZANINE
from adcraft_resources.encoders import ImageEncoder
from adcraft_resources.gates import judge_variant
from adcraft_resources.programmes import Programme
from adcraft_resources.progress import OnFrame, Progress
from adcraft_resources.provenance import disclose, generative_uses, stamp
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.rotations import rotation_of
from adcraft_resources.shot_lists import ShotList, look_keys, read_shot_list
from adcraft_resources.store import Bundle, BundleStore, Draft, digest_of
from adcraft_resources.stylists import ImageStylist
from adcraft_resources.text_detectors import load_tracks
from adcraft_resources.turns import PIXELS_AT_ONCE, Turns
from adcraft_resources.variant_flow import render_as_developed
from adcraft_resources.variant_lanes import POSTER, VIDEO
from adcraft_resources.variant_renderer import RenderedVariant
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import audio_offset_ms
from adcraft_resources.weights import models_used

VARIANTS = "variants"
"""Kind of the bundles that hold one variant each; a partition's bundle names them by digest."""


@dg.asset(
    deps=["cleaned_frames", "keyframes", "hooks", "ocr_masks"],
    partitions_def=video_partitions,
    backfill_policy=CHUNK,
    group_name="style",
    kinds={"opencv", "video"},
    owners=["team:creative"],
    code_version=VERSIONS["styled_variants"],
    op_tags=step_of("flux"),
    check_specs=specs_of("styled_variants"),
)
def styled_variants(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    store: BundleStore,
    stylist: ImageStylist,
    encoder: ImageEncoder,
    result_cache: ResultCache,
    progress: Progress,
) -> dg.MaterializeResult:
    """Finished variants: another look, an optimised first frame, a new hook line, the ad's own sound.

    Each variant is kept by itself, so a changed style renders that variant alone. Plans a gate rejects are
    replaced from spare plans, up to twice the number asked for.
    """
    settings = catalog.settings()
    turns = Turns(PIXELS_AT_ONCE)

    def make(key: str) -> Made:
        work = _Work.of(store, catalog.ad(key), settings, stylist, result_cache, encoder)
        frames, pixels = work.shot_list.frame_count, prod(work.tracks.size)

        def fill(draft: Draft) -> None:
            with turns.of(pixels), progress.stage(key, "styled_variants", frames) as on_frame:
                rendered = work.render(on_frame)
            draft.manifest["backend"] = type(stylist).__name__
            draft.manifest["plans"] = [plan.to_dict() for plan in work.plans]
            draft.manifest["variants"] = {name: bundle.digest for name, bundle in rendered.items()}
            draft.manifest["figures"] = {
                "variants": {name: dict(bundle.figures) for name, bundle in rendered.items()},
                "planned": len(work.plans),
                "rendered": len(rendered),
                **({"refused": work.refused} if work.refused else {}),
            }

        bundle, reused = store.ensure("styled_variants", key, work.identity(), fill)
        if reused and work.lost(bundle):
            with turns.of(pixels), progress.stage(key, "styled_variants", frames) as on_frame:
                work.restore(bundle, on_frame)
            reused = False
        verdicts = verdicts_of(bundle, settings.gates)
        return Made(bundle, reused, _shown(bundle, store), verdicts)

    return make_chunk(context, make, workers=1 if encoder.chooses else stylist.at_once)


@dataclass(frozen=True)
class _Work:
    """All one ad's variants are made of."""

    store: BundleStore
    ad: Ad
    settings: Settings
    stylist: ImageStylist
    cache: ResultCache
    encoder: ImageEncoder
    cleaned: Bundle
    shot_list: ShotList
    tracks: TextTracks
    basis: VariantBasis
    plans: Sequence[VariantPlan]
    refused: dict[str, str] = field(default_factory=dict)
    """Plans a content filter left no look for, and why."""

    @classmethod
    def of(
        cls,
        store: BundleStore,
        ad: Ad,
        settings: Settings,
        stylist: ImageStylist,
        cache: ResultCache,
        encoder: ImageEncoder,
    ) -> "_Work":
        key = ad.key
        cleaned = upstream_of(store, "cleaned_frames", key, settings.gates)
        stills, words = upstream_of(store, "keyframes", key), upstream_of(store, "hooks", key)
        styles = chosen_styles(ad, settings)
        plans = plans_of(ad, settings, styles, words.read_json("hooks.json"), rotation_of(store, key))
        masks = upstream_of(store, "ocr_masks", key)
        stages = cleaned.manifest, stills.manifest, masks.manifest
        basis = VariantBasis.of(*stages, styles, settings, stylist, chosen_by(encoder, ad))
        found = read_shot_list(stills), load_tracks(masks.path), basis, plans
        return cls(store, ad, settings, stylist, cache, encoder, cleaned, *found)

    def identity(self) -> dict[str, Any]:
        """What the partition's bundle depends on: every plan's own identity."""
        return self.basis.of_all(self.plans, self.settings.variants_per_video)

    def render(self, on_frame: OnFrame) -> dict[str, Bundle]:
        """Return variant bundles by id: as many good ones as asked for where the plans allow it, and the rejected."""
        wanted = self.settings.variants_per_video
        made: dict[str, Bundle] = {}
        pending = list(self.plans)
        while pending:
            good = self._count_good(made)
            batch, pending = pending[: wanted - good], pending[wanted - good :]
            if not batch:
                break
            made.update(self._render_batch(batch, on_frame))
        return made

    def lost(self, bundle: Bundle) -> list[str]:
        """Return the variants a partition's bundle names that are no longer in the store."""
        named = bundle.manifest["variants"].items()
        return [name for name, digest in named if self.store.find(VARIANTS, self.ad.key, digest) is None]

    def restore(self, bundle: Bundle, on_frame: OnFrame) -> None:
        """Render again what the store has lost of a bundle's variants."""
        lost = self.lost(bundle)
        self._render_batch([plan for plan in self.plans if plan.id in lost], on_frame)

    def _count_good(self, made: Mapping[str, Bundle]) -> int:
        """Count the variants that pass every gate and look unlike the good ones before them."""
        kept: list[Appraisal] = []
        isolates = self.settings.variants.mode == "isolate"  # whose cells are meant to look alike
        passing = [bundle for bundle in made.values() if self._passes(bundle)]
        with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="appraise") as pool:
            for look in pool.map(self._appraise, passing):
                if isolates or not any(look.resembles(other, self.settings.ranking) for other in kept):
                    kept.append(look)
        return len(kept)

    def _passes(self, bundle: Bundle) -> bool:
        return all(verdict.passed for verdict in judge_variant(bundle.figures, self.settings.gates))

    def _appraise(self, bundle: Bundle) -> Appraisal:
        sha256 = bundle.manifest["files"][VIDEO]["sha256"]
        kind = self.ad.product.type
        return appraise(self.cache, self.encoder, bundle.file(VIDEO), sha256=sha256, product_type=kind)[0]

    def _render_batch(self, plans: Sequence[VariantPlan], on_frame: OnFrame) -> dict[str, Bundle]:
        """Return the variants of some plans; only those not in the store are rendered, together."""
        key = self.ad.key
        digests = {plan.id: digest_of(self.basis.of_plan(plan)) for plan in plans}
        kept = {name: self.store.find(VARIANTS, key, digest) for name, digest in digests.items()}
        missing = [plan for plan in plans if kept[plan.id] is None]
        drafts: dict[str, Draft] = {}
        with ExitStack() as stack:
            for plan in missing:
                draft = self.store.draft(
                    VARIANTS, key, digests[plan.id], {"identity": self.basis.of_plan(plan)}, point=False
                )
                drafts[plan.id] = stack.enter_context(draft)
            if missing:
                self._render_into(missing, drafts, on_frame)
        bundles = {name: bundle for name, bundle in kept.items() if bundle is not None}
        bundles.update(
            {name: draft.published for name, draft in drafts.items() if draft.published is not None}
        )
        return {plan.id: bundles[plan.id] for plan in plans if plan.id in bundles}

    def _render_into(
        self, plans: Sequence[VariantPlan], drafts: Mapping[str, Draft], on_frame: OnFrame
    ) -> None:
        mezzanine, shots = self.cleaned.file(MEZZANINE), self.shot_list.shots
        keys = look_keys(mezzanine, self.shot_list)
        asked = {plan.id: (self.basis.styles[plan.style], plan.seed) for plan in plans}
        rendered = render_as_developed(
            mezzanine,
            mezzanine,
            plans,
            self.stylist.develop_in_turn(asked, keys, shots),
            shots=shots,
            folder_of=lambda plan: drafts[plan.id].folder,
            first_frame=self.settings.first_frame_optimizer,
            tracks=self.tracks,
            on_frame=on_frame,
            rides=self.stylist.rides,
            prefer=self.encoder.chooser(self.ad.product.type),
            refused=self.refused,
            effort=self.settings.quality_preset,
        )
        for name in self.refused.keys() & drafts.keys():
            drafts[name].dropped = True
        for one in rendered:
            manifest = drafts[one.plan.id].manifest
            manifest["plan"] = one.plan.to_dict()
            manifest["style"] = self.basis.styles[one.plan.style].model_dump(mode="json")
            manifest["backend"] = type(self.stylist).__name__
            disclosure = self._disclose(one.plan)
            manifest["ai_disclosure"] = disclosure
            probe = self._probe(one)
            said = stamp(one.folder / VIDEO, one.folder / POSTER, disclosure)
            manifest["figures"] = {**one.figures, "probe": probe, "provenance": said}

    def _disclose(self, plan: VariantPlan) -> dict[str, Any]:
        """Say what made a variant, by the backends that ran."""
        backends = {"removal": str(self.cleaned.manifest["backend"]), "style": type(self.stylist).__name__}
        style = self.basis.styles[plan.style]
        generative = generative_uses(backends)
        prompts = {"style": digest_of(style.model_dump(mode="json"))}
        if "style" in generative:
            prompts["style_prompt"] = digest_of([style.diffusion.prompt, style.diffusion.negative_prompt])
        filters = {
            "removal": str(self.cleaned.manifest.get("filtered_by", "")),
            "style": self.stylist.filtered_by,
        }
        models = models_used(self.settings.models, generative, plan.hook.source, filters)
        return disclose(backends, plan.hook.source, prompts, models)

    def _probe(self, one: RenderedVariant) -> dict[str, Any]:
        """Return the file's figures, with its sound and duration against the cleaned ad's."""
        probe, mezzanine = one.figures["probe"], self.cleaned.file(MEZZANINE)
        programme = Programme.of_variant(one.figures)
        lag = audio_offset_ms(programme.sound_of(mezzanine), one.folder / VIDEO)
        off = float(probe["video_duration_s"]) - float(one.figures["expected_s"])
        return {**probe, "sound_lag_ms": lag, "duration_off_s": round(off, 4)}


def _shown(bundle: Bundle, store: BundleStore) -> Mapping[str, Any]:
    found = {
        name: store.find(VARIANTS, bundle.key, digest) for name, digest in bundle.manifest["variants"].items()
    }
    posters = {name: one.file(POSTER) for name, one in found.items() if one is not None}
    rows = [
        {
            "variant": name,
            "style": one.manifest["plan"]["style"],
            "hook": one.manifest["plan"]["hook"]["on_screen"],
            "ssim": one.figures["style_ssim"],
            "skin_delta_l": one.figures.get("skin_delta_l"),
        }
        for name, one in found.items()
        if one is not None
    ]
    refused = [{"variant": name, "why": why} for name, why in bundle.figures.get("refused", {}).items()]
    return {
        "first_frames": pictures(posters),
        "variants": table(rows),
        **({"refused": table(refused)} if refused else {}),
        **numbers(bundle.figures),
    }
