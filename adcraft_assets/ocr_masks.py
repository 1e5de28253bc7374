"""The asset `ocr_masks`: every text through time, overlay or label, with the masks of the overlays.

Belongs here: keeping tracks and masks of each ad. Does not: finding text.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from adcraft_assets.checks import upstream_of
from adcraft_assets.chunks import CHUNK, Made, make_chunk
from adcraft_assets.evidence import numbers, pictures, table
from adcraft_assets.identities import VERSIONS, masks_identity, named
from adcraft_assets.partitions import Ad, Catalog, video_partitions
from adcraft_assets.placement import step_of
from adcraft_resources.algorithms.values import TextTrack, TextTracks
from adcraft_resources.progress import Progress
from adcraft_resources.result_cache import ResultCache
from adcraft_resources.shot_lists import read_picture, read_shot_list
from adcraft_resources.store import Bundle, BundleStore, Draft
from adcraft_resources.text_detectors import TextDetector, load_tracks, save_tracks
from adcraft_resources.thumbnails import show_mask
from adcraft_resources.video_codecs import read_frames

SHOWN = 4
CAPTIONED = 8
WORKERS = 2  # text networks run on one thread each; a second ad keeps the second core busy


@dg.asset(
    deps=["source_video", "keyframes"],
    partitions_def=video_partitions,
    backfill_policy=CHUNK,
    group_name="clean",
    kinds={"onnx", "opencv"},
    owners=["team:creative"],
    code_version=VERSIONS["ocr_masks"],
    op_tags=step_of("ocr"),
)
def ocr_masks(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    store: BundleStore,
    result_cache: ResultCache,
    text_detector: TextDetector,
    progress: Progress,
) -> dg.MaterializeResult:
    """Text tracks through time. Overlay text is masked for removal; text on the product stays, with the reason.

    Regions and time ranges named in the config (`include`, `exclude`) override what was found.
    """

    def make(key: str) -> Made:
        ad = catalog.ad(key)
        source, stills = upstream_of(store, "source_video", key), upstream_of(store, "keyframes", key)
        identity = masks_identity(ad, source.manifest, stills.manifest, text_detector)

        def fill(draft: Draft) -> None:
            with progress.stage(key, "ocr_masks", source.figures.get("frame_count")) as on_frame:
                kept, hit = result_cache.folder(
                    "text-tracks",
                    identity,
                    lambda folder: save_tracks(_track(text_detector, source, stills, ad, on_frame), folder),
                )
            tracks = load_tracks(kept.path)
            save_tracks(tracks, draft.folder)
            draft.manifest["backend"] = type(text_detector).__name__
            draft.manifest["cache_hit"] = hit
            draft.manifest["figures"] = _figures(tracks)
            draft.manifest["tracks"] = [_told(track) for track in tracks.tracks]
            draft.manifest["captions"] = _captions(text_detector, result_cache, stills)

        bundle, reused = store.ensure("ocr_masks", key, identity, fill)
        return Made(bundle, reused, _shown(bundle, source))

    return make_chunk(context, make, workers=WORKERS)


def _captions(detector: TextDetector, cache: ResultCache, stills: Bundle) -> list[str]:
    """Return a sentence about each of a few stills, for the copywriter; none where no model sees pictures."""
    shots = read_shot_list(stills)
    step = max(1, -(-len(shots.stills) // CAPTIONED))
    identity = {"stills": stills.digest, "step": step, "detector": named(detector)}

    def describe() -> list[str]:
        return detector.describe([read_picture(still) for still in shots.stills[::step]])

    captions, _ = cache.value("captions", identity, describe)
    return captions


def _track(detector: TextDetector, source: Bundle, stills: Bundle, ad: Ad, on_frame: Any) -> TextTracks:
    return detector.track_text(
        source.file(source.manifest["file"]),
        read_shot_list(stills).shots,
        protected=ad.product.protected_text,
        include=ad.video.include,
        exclude=ad.video.exclude,
        on_frame=on_frame,
    )


def _figures(tracks: TextTracks) -> dict[str, float]:
    masked = [mask for frame in _sampled(tracks) if (mask := tracks.mask_at(frame)) is not None]
    return {
        "overlay_tracks": len(tracks.overlays),
        "label_tracks": len(tracks.tracks) - len(tracks.overlays),
        "masked_area_sampled_max": max((float(mask.mean()) for mask in masked), default=0.0),
    }


def _sampled(tracks: TextTracks) -> list[int]:
    """Return the middle frame of each overlay's life."""
    return sorted({(track.first_frame + track.last_frame) // 2 for track in tracks.overlays})


def _told(track: TextTrack) -> dict[str, Any]:
    return {
        "id": track.id,
        "kind": track.kind,
        "text": track.text,
        "reason": track.reason,
        "confidence": round(track.confidence, 3),
        "first_frame": track.first_frame,
        "last_frame": track.last_frame,
        "motion": track.motion,
    }


def _shown(bundle: Bundle, source: Bundle) -> Mapping[str, Any]:
    tracks = load_tracks(bundle.path)
    frames = read_frames(source.file(source.manifest["file"]), _sampled(tracks)[:SHOWN])
    shown = {f"frame {index}": show_mask(frame, tracks.mask_at(index)) for index, frame in frames.items()}
    return {
        "masks": pictures(shown) if shown else dg.MetadataValue.text("no overlay text found"),
        "tracks": table(bundle.manifest["tracks"]),
        **numbers(bundle.figures),
    }
