"""From an ad's bundles to what a media buyer is handed.

Belongs here: filling the hand-off's records from manifests, its identity. Does not: making placements, or how the
folder looks (adcraft_resources.handoff).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adcraft_assets.approvals import Approvals
from adcraft_assets.checks import upstream_of
from adcraft_assets.partitions import Ad
from adcraft_assets.policy_reviews import claims_told
from adcraft_assets.product_settings import Product
from adcraft_assets.settings import Settings
from adcraft_resources.copywriters import Copywriter
from adcraft_resources.errors import AdcraftError, StoreDamaged, UpstreamMissing
from adcraft_resources.experiments import Candidate, Subject, plan_experiment
from adcraft_resources.handoff import Handoff, HandoffAd, HandoffVariant, description_of
from adcraft_resources.placement_gates import zone_notes
from adcraft_resources.placements import file_names
from adcraft_resources.policies import LABEL, PICTURES
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.store import Bundle, BundleStore
from adcraft_resources.weights import licence_rows

VERSION = "2"
PLACED = "placed"
STRONG_UPSCALING = 1.6
OPINIONS = "second-opinions-1"
"""Kind of kept answers; the number rises when the question changes."""


def collect(
    store: BundleStore, ads: Sequence[Ad], settings: Settings, approvals: Approvals, experiment: str
) -> tuple[Handoff, dict[str, Any]]:
    """Return what is handed over for a product's ads, and the identity of it.

    Raises:
        UpstreamMissing: An ad has no placements, or none of its variants may go out.
        GateFailed: A placement breaks a specification or its clear box.
    """
    told = [_ad(store, ad, settings, approvals, experiment) for ad in ads]
    writers = {str(one.disclosure.get("copy_by", "template")) for ad, _ in told for one in ad.variants}
    product = ads[0].product
    handoff = Handoff(
        product.id,
        product.spoken_name,
        experiment,
        settings.placements.formats,
        [ad for ad, _ in told],
        licence_rows(settings.profile, settings.models, writers),
    )
    identity = {
        "ads": [one for _, one in told],
        "product": product.spoken_name,
        "experiment": experiment,
        "settings": settings.experiment.model_dump(mode="json"),
        "placements": settings.placements.model_dump(mode="json"),
        "profile": settings.profile,
        "version": VERSION,
    }
    return handoff, identity


def with_second_opinion(
    handoff: Handoff,
    copywriter: Copywriter,
    cache: ResultCache,
    product: Product,
    *,
    tell: Callable[[str], None],
) -> tuple[Handoff, dict[str, list[str]]]:
    """Return the hand-off with a language model's objections among what to look at, where one can be asked.

    It decides nothing: the rules did. An answer is kept, so the same texts are asked about once; a model that does not
    answer holds nothing up.
    """
    fields = ("on_screen", "primary_text", "headline")
    texts = {one.name: {name: one.copy[name] for name in fields} for ad in handoff.ads for one in ad.variants}
    asked = {"texts": texts, "type": product.type, "market": product.market, "by": copywriter.version}
    found = cache.find(OPINIONS, asked)
    if found is not None:
        told = found.read_json("value.json")
    else:
        try:
            told = copywriter.second_opinion(texts, product.type, product.market)
        except AdcraftError as error:
            tell(f"no second opinion on the copy: {error.message}")
            return handoff, {}
        if told is None:
            return handoff, {}
        answer = told
        cache.value(OPINIONS, asked, lambda: answer)
    ads = [
        replace(
            ad,
            variants=[
                replace(one, notes={**one.notes, "copy": told.get(one.name, [])}) for one in ad.variants
            ],
        )
        for ad in handoff.ads
    ]
    return replace(handoff, ads=ads), told


def _ad(
    store: BundleStore, ad: Ad, settings: Settings, approvals: Approvals, experiment: str
) -> tuple[HandoffAd, dict[str, Any]]:
    ranking = upstream_of(store, "ranked_outputs", ad.key)
    placed = upstream_of(store, "placed_variants", ad.key, settings.gates)
    ranked = ranking.read_json("ranking.json")["ranked"]
    passing = set(approvals.passing(ad.key, ranked))
    chosen = [one for one in ranked if one["id"] in passing]
    if not chosen:
        why = "waits for approval" if ranked else "delivered no variant"
        remedy = f"Approve: adcraft approve {ad.key}" if ranked else "See why in its ranking.json."
        raise UpstreamMissing(f"{ad.key} {why}.", remedy=remedy)
    lost = [one["id"] for one in chosen if one["id"] not in placed.manifest["variants"]]
    if lost:
        raise UpstreamMissing(
            f"{ad.key}: {lost[0]} is not in the placements.", remedy="Materialize placed_variants."
        )
    variants = {one["id"]: _bundle(store, "variants", ad.key, one["digest"]) for one in chosen}
    files = {name: _bundle(store, PLACED, ad.key, placed.manifest["variants"][name]) for name in variants}
    description = description_of(ad.product.spoken_name, ad.product.language)
    records = [_variant(one, variants[one["id"]], files[one["id"]], settings, description) for one in chosen]
    subject = Subject(
        product=ad.product.id,
        video=ad.video.id,
        made_on=str(ranking.manifest["made_at"])[:10],
        mode=settings.variants.mode,
        name=experiment,
    )
    candidates = [
        Candidate(one["id"], one["rank"], one["file"], variants[one["id"]].manifest, one.get("policy", {}))
        for one in chosen
    ]
    plan = plan_experiment(subject, candidates, settings.experiment)
    identity = {"ranking": ranking.digest, "placed": {name: one.digest for name, one in files.items()}}
    return HandoffAd(ad.video.id, records, plan), identity


def _variant(
    one: Mapping[str, Any], variant: Bundle, placed: Bundle, settings: Settings, description: str
) -> HandoffVariant:
    shapes = [shape.name for shape in settings.placements.formats]
    hook = one["hook"]
    named = ("on_screen", "primary_text", "headline", "language")
    return HandoffVariant(
        name=str(one["file"]).removesuffix(".mp4"),
        rank=int(one["rank"]),
        score=float(one["score"]),
        copy={**{name: hook[name] for name in named}, "description": description},
        policy=one.get("policy", {}),
        files={
            shape: (placed.file(file_names(shape)["video"]), placed.file(file_names(shape)["poster"]))
            for shape in shapes
        },
        notes={
            **{shape: _notes(placed.figures[shape]) for shape in shapes},
            "video": _seen(one.get("policy", {})),
        },
        disclosure=variant.manifest["ai_disclosure"],
        figures={shape: placed.figures[shape] for shape in shapes},
        looks={
            shape: placed.file(file_names(shape)["zones"])
            for shape in shapes
            if zone_notes(placed.figures[shape])
        },
    )


def _notes(figures: Mapping[str, Any]) -> list[str]:
    """Return what a person should look at in one shape."""
    notes = [zone_notes(figures)] if zone_notes(figures) else []
    if figures["scale"] > STRONG_UPSCALING:
        notes.append(f"enlarged {figures['scale']:.1f} times from a small source")
    if any(window["border"] for window in figures["windows"]):
        notes.append("shown whole over a blurred border, since a crop would lose too much")
    return notes


def _seen(review: Mapping[str, Any]) -> list[str]:
    """Return what the rules say of the pictures: a claim on a label is no fault of the copy and still goes out."""
    told = claims_told(review, (LABEL, PICTURES))
    return [*told, *(pair["told"] for pair in review.get("pairs", ()))]


def _bundle(store: BundleStore, kind: str, key: str, digest: str) -> Bundle:
    found = store.find(kind, key, digest)
    if found is None:
        raise StoreDamaged(f"{kind} {digest} of {key} is gone.", remedy="Materialize placed_variants again.")
    return found
