"""The asset `ranked_outputs`: an ad's variants scored, ordered and handed out.

Belongs here: collecting what was measured, keeping the order, exporting it. Does not: formulas, pages.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg

from adcraft_assets.approvals import approvals_of
from adcraft_assets.checks import informing_specs, upstream_of
from adcraft_assets.chunks import CHUNK, Made, make_chunk
from adcraft_assets.deliveries import deliver, frame_rate
from adcraft_assets.evidence import numbers, pictures, table
from adcraft_assets.identities import VERSIONS, ranking_identity, rejection_of
from adcraft_assets.partitions import Ad, Catalog, video_partitions
from adcraft_assets.placement import step_of
from adcraft_assets.policy_reviews import Reviewer, claim_picture
from adcraft_assets.settings import Settings
from adcraft_resources.algorithms.ranking import RankedVariants, RankingRules, Scored, rank_variants
from adcraft_resources.algorithms.score_parts import VariantFigures
from adcraft_resources.appraisals import appraise
from adcraft_resources.cleaning import MEZZANINE
from adcraft_resources.encoders import ImageEncoder
from adcraft_resources.errors import StoreDamaged
from adcraft_resources.experiments import compare_cells, judge_isolation
from adcraft_resources.performance import record_delivered
from adcraft_resources.programmes import Programme
from adcraft_resources.progress import Progress
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.shot_lists import read_shot_list
from adcraft_resources.signing import load_signer
from adcraft_resources.store import Bundle, BundleStore, Draft
from adcraft_resources.text_detectors import TextDetector
from adcraft_resources.variant_lanes import POSTER, VIDEO

RANKING = "ranking.json"
COLUMNS = {"rank": "rank", "variant": "id", "score": "score", "ssim": "ssim", "why": "reason"}


@dg.asset(
    deps=["styled_variants", "cleaned_frames", "hooks"],
    partitions_def=video_partitions,
    backfill_policy=CHUNK,
    group_name="rank",
    kinds={"python"},
    owners=["team:creative"],
    code_version=VERSIONS["ranked_outputs"],
    op_tags=step_of("siglip"),
    check_specs=informing_specs(),
)
def ranked_outputs(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    store: BundleStore,
    result_cache: ResultCache,
    encoder: ImageEncoder,
    text_detector: TextDetector,
    progress: Progress,
) -> dg.MaterializeResult:
    """The variants in order, with their scores part by part, and the folder `results/<product>/<video>/`.

    What is missing or stale under `results/` is exported again without computing anything anew.
    """
    settings = catalog.settings()
    results = catalog.results_folder()

    def make(key: str) -> Made:
        approvals = approvals_of(catalog, settings)
        signer = load_signer(settings.c2pa, catalog.folder)
        with progress.stage(key, "ranked_outputs"):
            work = _Work.of(store, result_cache, (encoder, text_detector), catalog.ad(key), settings)
            bundle, reused = store.ensure("ranked_outputs", key, work.identity(), work.fill)
            exported = deliver(store, bundle, work.ad, settings, results, approvals, signer)
        ranking = bundle.read_json(RANKING)
        ranked = ranking["ranked"]
        if exported or not reused:
            plans = {one["id"]: work.variants[one["id"]].manifest["plan"] for one in ranked}
            record_delivered(store, key, ranked, plans)
        verdicts = approvals.verdict(key, ranked), judge_isolation(ranking)
        return Made(bundle, reused and not exported, _shown(bundle, work.variants), verdicts)

    return make_chunk(context, make)


@dataclass(frozen=True)
class _Work:
    """All the order of one ad's variants depends on."""

    cache: ResultCache
    encoder: ImageEncoder
    detector: TextDetector
    ad: Ad
    settings: Settings
    cleaned: Bundle
    shots: Bundle
    masks: Bundle
    styled: Bundle
    source: Bundle
    variants: Mapping[str, Bundle]

    @classmethod
    def of(
        cls,
        store: BundleStore,
        cache: ResultCache,
        eyes: tuple[ImageEncoder, TextDetector],
        ad: Ad,
        settings: Settings,
    ) -> "_Work":
        styled = upstream_of(store, "styled_variants", ad.key, settings.gates)
        return cls(
            cache,
            *eyes,
            ad,
            settings,
            upstream_of(store, "cleaned_frames", ad.key, settings.gates),
            upstream_of(store, "keyframes", ad.key),
            upstream_of(store, "ocr_masks", ad.key),
            styled,
            upstream_of(store, "source_video", ad.key),
            variants_of(store, styled),
        )

    def identity(self) -> dict[str, Any]:
        """What the order depends on."""
        styled, cleaned, masks = self.styled.manifest, self.cleaned.manifest, self.masks.manifest
        return ranking_identity(self.ad, self.settings, styled, cleaned, masks, self.encoder, self.detector)

    def fill(self, draft: Draft) -> None:
        """Rank the variants and write the order down."""
        base, hits = self._appraise(self.cleaned, MEZZANINE)
        figures = []
        for name, bundle in self.variants.items():
            look, hit = self._appraise(bundle, VIDEO)
            hits += hit
            figures.append(self._figures(name, bundle, look, base.fit))
        order = rank_variants(figures, self.rules())
        draft.write_json(RANKING, self._told(order))
        self.reviewer.show(self.variants.items(), draft.folder)
        (draft.folder / "ranking.csv").write_text(self._as_csv(order), encoding="utf-8")
        draft.manifest["backend"] = self.encoder.scorer
        draft.manifest["cache_hit"] = hits == 1 + len(self.variants)
        draft.manifest["warnings"] = self._warnings(order)
        draft.manifest["figures"] = {
            "delivered": len(order.delivered),
            "rejected": len(order.rejected),
            "best_score": order.delivered[0].score if order.delivered else 0.0,
        }

    def rules(self) -> RankingRules:
        """What the order is decided by."""
        ranking = self.settings.ranking
        return RankingRules(
            weights=ranking.weights.model_dump(),
            band=self.settings.gates.style_ssim,
            count=self.settings.variants_per_video,
            rank_by=self.settings.rank_by,
            diversity=ranking.diversity,
            duplicate_cosine=ranking.duplicate_cosine,
            duplicate_bits=ranking.duplicate_bits,
            keep_lookalikes=self.settings.variants.mode == "isolate",
        )

    def _appraise(self, bundle: Bundle, name: str) -> Any:
        sha256 = bundle.manifest["files"][name]["sha256"]
        return appraise(
            self.cache, self.encoder, bundle.file(name), sha256=sha256, product_type=self.ad.product.type
        )

    def _figures(self, name: str, bundle: Bundle, look: Any, baseline: float) -> VariantFigures:
        measured, shots = bundle.figures, read_shot_list(self.shots).shots
        first = measured["first_frame"]["after"]
        steadiness, programme = measured.get("steadiness", {}), Programme.of_variant(measured)
        return VariantFigures(
            id=name,
            duration_s=float(measured["probe"]["video_duration_s"]),
            shots=programme.shown_spans((shot.start_s, shot.end_s) for shot in shots),
            prompt_fit=look.fit,
            baseline_fit=baseline,
            scorer=self.encoder.scorer,
            saliency=first["saliency"],
            sharpness=first["sharpness"],
            warp_ratio=steadiness.get("warp"),
            flicker_ratio=steadiness.get("flicker"),
            product_seen=self._product_seen(programme),
            style_ssim=measured["style_ssim"],
            text_area=measured["text_area_share"],
            hook=bundle.manifest["plan"]["hook"]["on_screen"],
            hashes=look.hashes,
            descriptor=look.descriptor,
            rejected=rejection_of(bundle.figures, self.settings.gates)
            or "; ".join(self.reviewer.review(bundle).blocked_by),
        )

    @cached_property
    def reviewer(self) -> Reviewer:
        """Who judges the variants' texts."""
        eyes, ad, fps = (self.cache, self.detector), (self.ad, self.settings), frame_rate(self.source)
        return Reviewer(*eyes, *ad, self.shots, self.masks, self.cleaned, fps)

    def _product_seen(self, programme: Programme) -> tuple[tuple[float, float], ...] | None:
        """Spans in seconds with product text on screen; None where nobody said what to look for and none was seen."""
        labels = [track for track in self.masks.manifest["tracks"] if track["kind"] == "label"]
        if not labels and not self.ad.product.protected_text:
            return None
        fps = self.reviewer.fps
        spans = ((track["first_frame"] / fps, (track["last_frame"] + 1) / fps) for track in labels)
        return programme.shown_spans(spans)

    def _told(self, order: RankedVariants) -> dict[str, Any]:
        manifests = {one.id: self.variants[one.id].manifest for one in order.delivered}
        return {
            "isolation": compare_cells(self.settings.variants.mode, manifests),
            "ranked": [self._variant(one) for one in order.delivered],
            "rejected": [self._variant(one) for one in order.rejected],
            "warnings": self._warnings(order),
            "scorer": self.encoder.scorer,
            "rank_by": self.settings.rank_by,
        }

    def _warnings(self, order: RankedVariants) -> list[str]:
        refused = self.styled.figures.get("refused", {}).items()
        return [
            *order.warnings,
            *(f"{name} was refused by the content filter: {why}" for name, why in refused),
        ]

    def _variant(self, one: Scored) -> dict[str, Any]:
        bundle = self.variants[one.id]
        return {
            **one.to_dict(),
            "digest": bundle.digest,
            "file": None if one.rank is None else file_name(one.rank, one.id),
            "style": bundle.manifest["plan"]["style"],
            "hook": bundle.manifest["plan"]["hook"],
            "skin_delta_l": bundle.figures.get("skin_delta_l"),
            "backend": bundle.manifest["backend"],
            "policy": self.reviewer.review(bundle).to_dict(),
        }

    def _as_csv(self, order: RankedVariants) -> str:
        text = io.StringIO()
        parts = [part.id for part in order.delivered[0].parts] if order.delivered else []
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            ["rank", "variant", "score", "ssim", *parts, "on_screen", "primary_text", "headline", "file"]
        )
        for one in order.delivered:
            told = self._variant(one)
            values = [part.value for part in one.parts]
            words = [told["hook"][name] for name in ("on_screen", "primary_text", "headline")]
            writer.writerow([one.rank, one.id, round(one.score, 4), one.ssim, *values, *words, told["file"]])
        return text.getvalue()


def file_name(rank: int, variant: str) -> str:
    """Return the name of a delivered variant, `NN_<variant_id>.mp4`."""
    return f"{rank:02d}_{variant}.mp4"


def variants_of(store: BundleStore, styled: Bundle) -> dict[str, Bundle]:
    """Return the variant bundles a `styled_variants` bundle names; StoreDamaged when one is gone."""
    found = {
        name: store.find("variants", styled.key, digest)
        for name, digest in styled.manifest["variants"].items()
    }
    lost = [name for name, bundle in found.items() if bundle is None]
    if lost:
        raise StoreDamaged(
            f"{styled.key} lacks the variant {lost[0]}.",
            remedy="Materialize styled_variants again; it renders that one.",
        )
    return {name: bundle for name, bundle in found.items() if bundle is not None}


def _shown(bundle: Bundle, variants: Mapping[str, Bundle]) -> Mapping[str, Any]:
    ranking = bundle.read_json(RANKING)
    rows: Sequence[Mapping[str, Any]] = [
        {name: one[key] for name, key in COLUMNS.items()}
        for one in [*ranking["ranked"], *ranking["rejected"]]
    ]
    posters = {f"{one['rank']}. {one['id']}": variants[one["id"]].file(POSTER) for one in ranking["ranked"]}
    claims = {name: bundle.path / claim_picture(name) for name in variants}
    return {
        "first_frames": pictures(posters),
        "claims_in_pictures": pictures({name: path for name, path in claims.items() if path.is_file()}),
        "ranking": table(rows),
        "warnings": dg.MetadataValue.text("; ".join(ranking["warnings"]) or "none"),
        **numbers(bundle.figures),
    }
