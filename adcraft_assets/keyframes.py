"""The asset `keyframes`: shots and the stills that stand for them.

Belongs here: keeping shots and stills of each ad. Does not: finding cuts.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from adcraft_assets.checks import upstream_of
from adcraft_assets.chunks import CHUNK, Made, make_chunk
from adcraft_assets.evidence import numbers, pictures, table
from adcraft_assets.identities import VERSIONS, keyframes_identity
from adcraft_assets.partitions import Catalog, video_partitions
from adcraft_assets.placement import step_of
from adcraft_resources.encoders import ImageEncoder
from adcraft_resources.keyframe_stills import scan_shots, write_stills
from adcraft_resources.progress import Progress
from adcraft_resources.shot_lists import read_shot_list, write_shot_list
from adcraft_resources.store import Bundle, BundleStore, Draft

SHOWN = 6
WORKERS = 2  # scanning keeps little more than a core busy


@dg.asset(
    deps=["source_video"],
    partitions_def=video_partitions,
    backfill_policy=CHUNK,
    group_name="ingest",
    kinds={"opencv"},
    owners=["team:creative"],
    code_version=VERSIONS["keyframes"],
    op_tags=step_of("siglip"),
)
def keyframes(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    store: BundleStore,
    encoder: ImageEncoder,
    progress: Progress,
) -> dg.MaterializeResult:
    """Shots and stills: the first frame always, at least one still a shot and one every 2 seconds, with times.

    Where a model scores pictures, it chooses among the sharp frames near each place.
    """

    def make(key: str) -> Made:
        ad = catalog.ad(key)
        source = upstream_of(store, "source_video", key)
        path = source.file(source.manifest["file"])

        def fill(draft: Draft) -> None:
            with progress.stage(key, "keyframes", source.figures.get("frame_count")) as on_frame:
                scan = scan_shots(path, on_frame, encoder.chooser(ad.product.type))
                stills = write_stills(path, scan.keyframes, draft.folder)
            write_shot_list(draft, list(scan.shots), list(scan.keyframes), stills, scan.frame_count)
            draft.manifest["figures"] = {
                "shots": len(scan.shots),
                "keyframes": len(scan.keyframes),
                "frames": scan.frame_count,
            }

        identity = keyframes_identity(source.manifest, ad, encoder)
        bundle, reused = store.ensure("keyframes", key, identity, fill)
        return Made(bundle, reused, _shown(bundle))

    return make_chunk(context, make, workers=1 if encoder.chooses else WORKERS)


def _shown(bundle: Bundle) -> Mapping[str, Any]:
    found = read_shot_list(bundle)
    shown = list(zip(found.keyframes, found.stills, strict=True))[:SHOWN]
    rows = [
        {"shot": place + 1, "from_s": shot.start_s, "to_s": shot.end_s}
        for place, shot in enumerate(found.shots)
    ]
    return {
        "stills": pictures({f"{one.pts_s:.2f} s": still for one, still in shown}),
        "shot_list": table(rows),
        **numbers(bundle.figures),
    }
