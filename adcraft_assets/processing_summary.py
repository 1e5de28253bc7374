"""The asset `processing_summary`: one JSON over everything made, rebuilt from manifests.

Belongs here: its fields. Does not: making or ranking anything; it may be rebuilt at any time.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from adcraft_assets.checks import verdicts_of
from adcraft_assets.evidence import numbers, table
from adcraft_assets.partitions import Ad, Catalog, ads_of
from adcraft_assets.placement import step_of
from adcraft_assets.settings import Settings
from adcraft_resources.exports import locked, write_whole
from adcraft_resources.gallery import IndexEntry, write_index
from adcraft_resources.gates import GATES
from adcraft_resources.store import BundleStore, to_json

STAGES = (
    "source_video",
    "keyframes",
    "ocr_masks",
    "cleaned_frames",
    "hooks",
    "styled_variants",
    "ranked_outputs",
)


@dg.asset(
    deps=["ranked_outputs"],
    group_name="rank",
    kinds={"pandas", "json"},
    owners=["team:creative"],
    op_tags=step_of("cpu"),
)
def processing_summary(
    context: dg.AssetExecutionContext, catalog: Catalog, store: BundleStore
) -> dg.MaterializeResult:
    """`results/summary.json` and the index of galleries over all ads, rebuilt from what the store holds."""
    settings = catalog.settings()
    folder = catalog.results_folder()
    with locked(folder / ".summary.lock"):
        summary = summarize(store, settings)
        write_whole(folder / "summary.json", to_json(summary))
        write_index(folder, [_entry(video) for video in summary["videos"]], made_at=summary["generated_at"])
    context.log.info(f"summary of {summary['total_videos']} videos written to {folder}")
    rows = [
        {k: video[k] for k in ("key", "status", "variants_delivered", "best_variant")}
        for video in summary["videos"]
    ]
    return dg.MaterializeResult(
        metadata={
            "summary": dg.MetadataValue.path(str(folder / "summary.json")),
            "galleries": dg.MetadataValue.path(str(folder / "index.html")),
            "videos": table(rows),
            **numbers(summary),
        }
    )


def summarize(store: BundleStore, settings: Settings) -> dict[str, Any]:
    """Return the summary of every ad of the config: the Ray script's fields, and more."""
    import pandas as pd  # half a second that loading the definitions need not cost

    videos = [_video(store, ad, settings) for ad in ads_of(settings).values()]
    made = [video for video in videos if video["status"] == "made"]
    # pandas' own types are wider than what these columns hold
    variants: Any = pd.DataFrame([variant for video in made for variant in video["variants"]])
    stage_s: Any = pd.DataFrame([video["stage_seconds"] for video in videos]).sum()
    best = variants.nlargest(10, "score") if len(variants) else variants
    return {
        "generated_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "profile": settings.profile,
        "total_videos": len(videos),
        "processed_videos": len(made),
        "failed_videos": [video["key"] for video in videos if video["status"] != "made"],
        "total_variants": len(variants),
        "variants_per_video": settings.variants_per_video,
        "rank_by": settings.rank_by,
        "average_ssim": float(variants["ssim"].mean()) if len(variants) else None,
        "average_score": float(variants["score"].mean()) if len(variants) else None,
        "best_variants": best[["key", "id", "score", "ssim", "file"]].to_dict("records")
        if len(variants)
        else [],
        "processing_time_s": round(float(stage_s.sum()), 2),
        "stage_seconds": {str(name): round(float(value), 2) for name, value in stage_s.items()},
        "cost_usd": sum(video["cost_usd"] or 0.0 for video in videos),
        "cache_hits": sum(video["cache_hits"] for video in videos),
        "videos": videos,
    }


def _video(store: BundleStore, ad: Ad, settings: Settings) -> dict[str, Any]:
    manifests = {stage: store.manifest(stage, ad.key) or {} for stage in STAGES}
    ranking = store.current("ranked_outputs", ad.key)
    ranked = ranking.read_json("ranking.json") if ranking else {"ranked": [], "rejected": []}
    usage = manifests["hooks"].get("usage", {})
    return {
        "key": ad.key,
        "product": ad.product.id,
        "product_name": ad.product.spoken_name,
        "product_type": ad.product.type,
        "language": ad.product.language,
        "made_at": manifests["ranked_outputs"].get("made_at"),
        "video": ad.video.id,
        "status": "made" if ranking else _stopped_at(manifests),
        "source_sha256": manifests["source_video"].get("figures", {}).get("sha256"),
        "duration_s": manifests["source_video"].get("figures", {}).get("duration_s"),
        "overlay_texts_removed": [
            track["text"] for track in manifests["ocr_masks"].get("tracks", []) if track["kind"] == "overlay"
        ],
        "variants_asked": settings.variants_per_video,
        "variants_delivered": len(ranked["ranked"]),
        "best_variant": ranked["ranked"][0]["id"] if ranked["ranked"] else None,
        "variants": [{**variant, "key": ad.key} for variant in ranked["ranked"]],
        "rejected": ranked["rejected"],
        "gates": _gates(store, ad.key, settings),
        "backends": {
            stage: manifest["backend"] for stage, manifest in manifests.items() if "backend" in manifest
        },
        "stage_seconds": {
            stage: float(manifest.get("seconds", 0.0)) for stage, manifest in manifests.items()
        },
        "cache_hits": sum(bool(manifest.get("cache_hit")) for manifest in manifests.values()),
        "copy_usage": usage,
        "cost_usd": usage.get("usd"),
    }


def _stopped_at(manifests: Mapping[str, Mapping[str, Any]]) -> str:
    missing = next(stage for stage in STAGES if not manifests[stage])
    return f"waits for {missing}"


def _gates(store: BundleStore, key: str, settings: Settings) -> list[dict[str, Any]]:
    found = [store.current(stage, key) for stage in GATES]
    return [
        verdict.to_dict() for bundle in found if bundle for verdict in verdicts_of(bundle, settings.gates)
    ]


def _entry(video: Mapping[str, Any]) -> IndexEntry:
    folder = f"{video['product']}/{video['video']}"
    best = video["variants"][0] if video["variants"] else None
    made = video["status"] == "made"
    return IndexEntry(
        product=video["product_name"],
        video=video["video"],
        page=f"{folder}/index.html" if made else "",
        delivered=video["variants_delivered"],
        asked=video["variants_asked"],
        best_score=best["score"] if best else None,
        posters=tuple(
            f"{folder}/{Path(one['file']).with_suffix('.jpg').name}" for one in video["variants"][:4]
        ),
        best_hook=best["hook"]["on_screen"] if best else "",
        language=video["language"],
        made_at=video["made_at"] or "",
        state="made" if made else "waiting",
        note="" if made else video["status"],
    )
