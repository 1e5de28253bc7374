"""What each stage's bundle depends on: the identity its digest is made of, and the stage's code version.

Assets make bundles under these identities, and the refresh compares them with what the store holds, so both speak
of the same thing without rendering any. Belongs here: identities and versions. Does not: making anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adcraft_assets.partitions import Ad
from adcraft_assets.settings import Settings
from adcraft_resources.claims import claims_version, markets
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.gates import GateSettings, judge_variant
from adcraft_resources.hook_sets import CopyBrief, HookSet
from adcraft_resources.policies import READING_VERSION
from adcraft_resources.provenance import VERSION as PROVENANCE_VERSION
from adcraft_resources.provenance import provenance_fault
from adcraft_resources.rotations import Rotation
from adcraft_resources.store import digest_of
from adcraft_resources.stylists import Style, load_styles, styles_for
from adcraft_resources.variant_renderer import VERSION as RENDERER_VERSION
from adcraft_resources.variants import VariantPlan, plan_variants

VERSIONS = {
    "source_video": "1",
    "keyframes": "1",
    "ocr_masks": "1",
    "cleaned_frames": "1",
    "hooks": "1",
    "styled_variants": "1",
    "ranked_outputs": "3",
}
"""Code version of each stage in the order they are made; raise one and the stage is made again for every ad."""

Manifest = Mapping[str, Any]


def named(role: object) -> str:
    """Return a role's name and version, as identities hold them; the role need not be set up."""
    return f"{type(role).__name__} {getattr(role, 'version')}"  # noqa: B009  (roles share no base with a version)


def source_identity(sha256: str) -> dict[str, Any]:
    """A video is its bytes: the same file under another URL is the same source."""
    return {"sha256": sha256, "version": VERSIONS["source_video"]}


def chosen_by(encoder: object, ad: Ad) -> dict[str, Any]:
    """Who chooses frames of an ad and for what; nothing where no model does."""
    chooses = getattr(encoder, "chooses", False)
    return {"chosen_by": [named(encoder), ad.product.type]} if chooses else {}


def keyframes_identity(source: Manifest, ad: Ad, encoder: object) -> dict[str, Any]:
    """Shots and stills depend on the source, and on the model that chooses among frames, if one does."""
    return {"source": source["digest"], "version": VERSIONS["keyframes"], **chosen_by(encoder, ad)}


def masks_identity(ad: Ad, source: Manifest, stills: Manifest, detector: object) -> dict[str, Any]:
    """Text tracks depend on the pictures, the detector and what the config says of this ad's text."""
    return {
        "source_sha256": source["figures"]["sha256"],
        "shots": stills["digest"],
        "detector": named(detector),
        "rules": {
            "protected": list(ad.product.protected_text),
            "include": [region.model_dump() for region in ad.video.include],
            "exclude": [region.model_dump() for region in ad.video.exclude],
        },
        "version": VERSIONS["ocr_masks"],
    }


def cleaning_identity(
    source: Manifest, masks: Manifest, stills: Manifest, detector: object, inpainter: object
) -> dict[str, Any]:
    """The cleaned ad depends on what is removed, by whom, and by whom it is proved."""
    return {
        "source": source["digest"],
        "masks": masks["digest"],
        "shots": stills["digest"],
        "proof": named(detector),
        "inpainter": named(inpainter),
        "version": VERSIONS["cleaned_frames"],
    }


def brief_of(ad: Ad, masks: Manifest, settings: Settings, rotation: Rotation | None) -> CopyBrief:
    """Return what the copywriter is told of an ad; a rotated ad draws other lines than before."""
    said = sorted({track["text"] for track in masks["tracks"] if track["text"]})
    source = [settings.variants.seed, ad.key]
    return CopyBrief(
        product_type=ad.product.type,
        product_name=ad.product.spoken_name,
        language=ad.product.language,
        market=markets().get(ad.product.market, ""),
        ad_text=tuple(said),
        captions=tuple(one for one in masks.get("captions", ()) if one),
        # Each ad of a product draws other lines, the same ones every night until the seed or the rotation changes.
        seed=int(digest_of([*source, rotation.turn] if rotation else source)[:8], 16),
    )


def hooks_identity(
    stills: Manifest, masks: Manifest, brief: CopyBrief, settings: Settings, copywriter: object
) -> dict[str, Any]:
    """Hook sets depend on what the ad shows and says, and on who writes."""
    return {
        "keyframes": stills["digest"],
        "masks": masks["digest"],
        "brief": brief.to_dict(),
        "count": settings.variants_per_video,
        "copywriter": named(copywriter),
        "version": VERSIONS["hooks"],
    }


def chosen_styles(ad: Ad, settings: Settings) -> dict[str, Style]:
    """Return the styles of an ad by name, in order; ConfigInvalid names a style that does not exist."""
    known = load_styles()
    names = settings.styles.get(ad.product.type) or styles_for(ad.product.type)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigInvalid(
            f"styles.{ad.product.type}: there is no style {unknown[0]!r}.",
            remedy=f"Known: {', '.join(sorted(known))}.",
        )
    return {name: known[name] for name in names}


def plans_of(
    ad: Ad, settings: Settings, styles: Mapping[str, Style], hooks: Sequence[Any], rotation: Rotation | None
) -> list[VariantPlan]:
    """Return an ad's variant plans: those a rotation keeps first, then new ones up to twice the number asked for."""
    sets = [HookSet.from_dict(one) for one in hooks]
    count, variants = settings.variants_per_video, settings.variants
    if rotation is None:
        return plan_variants(list(styles), sets, variants, count, key=ad.key)
    kept = [VariantPlan.from_dict(dict(plan)) for plan in rotation.kept if plan["style"] in styles][:count]
    turned = variants.model_copy(update={"seed": variants.seed + rotation.turn})
    ids = {plan.id for plan in kept} | set(rotation.retired)
    fresh = plan_variants(list(styles), sets, turned, count, key=ad.key)
    return [*kept, *(plan for plan in fresh if plan.id not in ids)][: 2 * count]


@dataclass(frozen=True)
class VariantBasis:
    """What all variants of an ad depend on beside their own plans."""

    cleaned: str
    shots: str
    tracks: str
    styles: Mapping[str, Style]
    first_frame: Mapping[str, Any]
    stylist: str
    chosen: Mapping[str, Any] = field(default_factory=dict)
    quality: str = "balanced"

    @classmethod
    def of(
        cls,
        cleaned: Manifest,
        stills: Manifest,
        masks: Manifest,
        styles: Mapping[str, Style],
        settings: Settings,
        stylist: object,
        chosen: Mapping[str, Any] | None = None,
    ) -> "VariantBasis":
        """Return the basis from the manifests of the stages before."""
        first_frame = settings.first_frame_optimizer.model_dump(mode="json")
        digests = cleaned["digest"], stills["digest"], masks["digest"]
        return cls(*digests, styles, first_frame, named(stylist), chosen or {}, settings.quality_preset)

    def of_plan(self, plan: VariantPlan) -> dict[str, Any]:
        """What one variant depends on."""
        return {
            "cleaned": self.cleaned,
            "shots": self.shots,
            "tracks": self.tracks,
            "plan": plan.to_dict(),
            "style": digest_of(self.styles[plan.style].model_dump(mode="json")),
            "first_frame": self.first_frame,
            "stylist": self.stylist,
            "renderer": RENDERER_VERSION,
            "provenance": PROVENANCE_VERSION,
            "version": VERSIONS["styled_variants"],
            **self.chosen,
            **({} if self.quality == "balanced" else {"quality": self.quality}),
        }

    def of_all(self, plans: Sequence[VariantPlan], count: int) -> dict[str, Any]:
        """What the partition's bundle depends on: every plan's own identity."""
        return {
            "plans": [self.of_plan(plan) for plan in plans],
            "count": count,
            "version": VERSIONS["styled_variants"],
        }


def rejection_of(figures: Mapping[str, Any], gates: GateSettings) -> str:
    """Why a gate rejects a variant today, or nothing."""
    verdicts = judge_variant(figures, gates)
    faults = [f"{verdict.gate}: {verdict.reason}" for verdict in verdicts if not verdict.passed]
    return "; ".join([*faults, *filter(None, [provenance_fault(figures)])])


def ranking_identity(
    ad: Ad,
    settings: Settings,
    styled: Manifest,
    cleaned: Manifest,
    masks: Manifest,
    encoder: object,
    detector: object,
) -> dict[str, Any]:
    """What the order depends on; of the thresholds only what follows from them."""
    figures = styled["figures"]["variants"]
    return {
        "variants": dict(styled["variants"]),
        **({"refused": refused} if (refused := styled["figures"].get("refused")) else {}),
        "cleaned": cleaned["digest"],
        "masks": masks["digest"],
        "rejected": {name: rejection_of(figures[name], settings.gates) for name in styled["variants"]},
        "policy": [claims_version(), ad.product.market, settings.policy.model_dump()],
        "read_by": [READING_VERSION, named(detector)],
        "band": list(settings.gates.style_ssim),
        "ranking": settings.ranking.model_dump(mode="json"),
        "rank_by": settings.rank_by,
        "count": settings.variants_per_video,
        "mode": settings.variants.mode,
        "product_type": ad.product.type,
        "protects": bool(ad.product.protected_text),
        "encoder": named(encoder),
        "version": VERSIONS["ranked_outputs"],
    }
