"""The asset `cleaned_frames`: each ad without its overlay text, and the proof that it is gone.

Belongs here: keeping the cleaned video and its removal report. Does not: filling pixels or judging figures.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from adcraft_assets.checks import specs_of, upstream_of, verdicts_of
from adcraft_assets.chunks import CHUNK, Made, make_chunk
from adcraft_assets.evidence import numbers, picture, pictures, table
from adcraft_assets.identities import VERSIONS, cleaning_identity
from adcraft_assets.partitions import Ad, Catalog, video_partitions
from adcraft_assets.placement import step_of
from adcraft_resources.cleaning import MEZZANINE, clean_ad
from adcraft_resources.inpainters import Inpainter
from adcraft_resources.progress import Progress
from adcraft_resources.rights import check_rights, find_watermarks
from adcraft_resources.shot_lists import read_shot_list
from adcraft_resources.store import Bundle, BundleStore, Draft
from adcraft_resources.text_detectors import TextDetector, load_tracks
from adcraft_resources.thumbnails import side_by_side
from adcraft_resources.turns import PIXELS_AT_ONCE, Turns
from adcraft_resources.video_codecs import read_frames

PAIR_SIDE = 480
"""Longer side of a frame beside its source, in pixels: people judge by it."""


@dg.asset(
    deps=["source_video", "ocr_masks", "keyframes"],
    partitions_def=video_partitions,
    backfill_policy=CHUNK,
    group_name="clean",
    kinds={"opencv", "video"},
    owners=["team:creative"],
    code_version=VERSIONS["cleaned_frames"],
    op_tags=step_of("flux"),
    check_specs=specs_of("cleaned_frames"),
)
def cleaned_frames(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    store: BundleStore,
    inpainter: Inpainter,
    text_detector: TextDetector,
    progress: Progress,
) -> dg.MaterializeResult:
    """The whole ad without overlay text, as a near-lossless video with its sound, and a removal report per track.

    Pixels outside the masks are the source's. An ad without overlay text is passed on bit for bit.
    """
    gates = catalog.settings().gates
    turns = Turns(PIXELS_AT_ONCE)

    def make(key: str) -> Made:
        source, masks = upstream_of(store, "source_video", key), upstream_of(store, "ocr_masks", key)
        stills = upstream_of(store, "keyframes", key)
        _refuse_foreign_marks(context, catalog.ad(key), masks, source)

        def fill(draft: Draft) -> None:
            shown = source.figures
            stage = progress.stage(key, "cleaned_frames", shown.get("frame_count"))
            with turns.of(shown["width"] * shown["height"]), stage as on_frame:
                report = clean_ad(
                    source.file(source.manifest["file"]),
                    load_tracks(masks.path),
                    read_shot_list(stills).shots,
                    draft.folder / MEZZANINE,
                    inpainter=inpainter,
                    detector=text_detector,
                    on_frame=on_frame,
                )
            draft.manifest["backend"] = type(inpainter).__name__
            draft.manifest["filtered_by"] = inpainter.filtered_by
            draft.manifest["figures"] = report.figures
            draft.manifest["removals"] = report.tracks
            draft.write_json("removal.json", {"figures": report.figures, "tracks": report.tracks})

        identity = cleaning_identity(
            source.manifest, masks.manifest, stills.manifest, text_detector, inpainter
        )
        bundle, reused = store.ensure("cleaned_frames", key, identity, fill)
        return Made(bundle, reused, _shown(bundle, source), verdicts_of(bundle, gates))

    return make_chunk(context, make, workers=inpainter.at_once)


def _refuse_foreign_marks(context: dg.AssetExecutionContext, ad: Ad, masks: Bundle, source: Bundle) -> None:
    """Stop before a watermark of footage nobody vouches for is removed, showing the frame on the asset's page."""
    marks = find_watermarks(load_tracks(masks.path)) if ad.product.rights == "unstated" else []
    if marks:
        frames = read_frames(source.file(source.manifest["file"]), [mark.frame for mark in marks])
        shown = {f"frame {index}": frame for index, frame in frames.items()}
        context.log_event(
            dg.AssetObservation(
                asset_key=context.asset_key, partition=ad.key, metadata={"watermark": pictures(shown)}
            )
        )
    check_rights(ad.key, ad.product.rights, marks)


def _shown(bundle: Bundle, source: Bundle) -> Mapping[str, Any]:
    """Return the pictures a person judges by: the most masked frame before and after, and the worst frame."""
    figures = bundle.figures
    told: dict[str, Any] = {"removals": table(bundle.manifest["removals"]), **numbers(figures)}
    for name in ("most_masked_frame", "residual_worst_frame", "scene_worst_frame"):
        frame = figures.get(name)
        if frame is None:
            continue
        before = read_frames(source.file(source.manifest["file"]), [frame])
        after = read_frames(bundle.file(MEZZANINE), [frame])
        if frame in before and frame in after:
            pair = side_by_side([before[frame], after[frame]], height=PAIR_SIDE)
            alt = f"frame {frame} before and after"
            told[name.removesuffix("_frame")] = picture(pair, alt, long_side=PAIR_SIDE)
    return told
