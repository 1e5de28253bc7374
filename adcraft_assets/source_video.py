"""The asset `source_video`: each ad as it was downloaded.

Belongs here: fetching the chunk's ads together, probing and keeping them. Does not: how a download is made.
"""

import shutil
from dataclasses import asdict
from pathlib import Path

import dagster as dg

from adcraft_assets.chunks import CHUNK, TRANSIENT_RETRIES, Bad, Made, attempt, report_chunk
from adcraft_assets.evidence import numbers, picture
from adcraft_assets.identities import VERSIONS, source_identity
from adcraft_assets.partitions import Catalog, video_partitions
from adcraft_assets.placement import step_of
from adcraft_assets.source_states import known_source, remember_source
from adcraft_resources.downloads import Downloader, FetchedSource, SourceRequest
from adcraft_resources.errors import AdcraftError, StoreDamaged, VideoUnreadable
from adcraft_resources.progress import Progress
from adcraft_resources.store import Bundle, BundleStore, Draft
from adcraft_resources.video_codecs import probe_video, read_frames


@dg.asset(
    partitions_def=video_partitions,
    backfill_policy=CHUNK,
    retry_policy=TRANSIENT_RETRIES,
    group_name="ingest",
    kinds={"python", "video"},
    owners=["team:creative"],
    code_version=VERSIONS["source_video"],
    op_tags=step_of("cpu"),
)
def source_video(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    store: BundleStore,
    downloader: Downloader,
    progress: Progress,
) -> dg.MaterializeResult:
    """The source ad as it was uploaded, with its sha256 and what a probe found in it.

    An ad that has not changed since the last run (ETag or hash) is not downloaded again.
    """
    made: dict[str, Made] = {}
    bad: dict[str, Bad] = {}
    # The folder outlives the process, so that a broken download is resumed by the next run.
    fetched = _fetch_all(
        context, catalog, store, downloader, progress, store.working_folder("downloads"), bad
    )
    for key, got in fetched.items():
        outcome = attempt(context, key, lambda one, got=got: _keep(store, one, got))
        if isinstance(outcome, Bad):
            bad[key] = outcome
        else:
            made[key] = outcome
    return report_chunk(context, made, bad)


def _fetch_all(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    store: BundleStore,
    downloader: Downloader,
    progress: Progress,
    scratch: Path,
    bad: dict[str, Bad],
) -> dict[str, FetchedSource]:
    """Fetch the chunk's ads concurrently; what fails goes into `bad`."""
    requests = []
    for key in context.partition_keys:
        try:
            requests.append(
                SourceRequest(key=key, url=catalog.ad(key).video.url, known=known_source(store, key))
            )
        except AdcraftError as error:
            bad[key] = Bad(str(error), error.transient)
    label = requests[0].key if len(requests) == 1 else f"{len(requests)} ads"
    fetched: dict[str, FetchedSource] = {}
    with progress.stage(label, "source_video"):
        outcomes = downloader.fetch_all(requests, scratch, base_folder=catalog.folder)
    for key, outcome in outcomes.items():
        if isinstance(outcome, AdcraftError):
            context.log.error(f"{key}: {outcome}")
            bad[key] = Bad(str(outcome), outcome.transient)
        else:
            fetched[key] = outcome
    return fetched


def _keep(store: BundleStore, key: str, got: FetchedSource) -> Made:
    current = store.current("source_video", key)
    if got.unchanged and current is not None:
        remember_source(store, key, got.known)
        return Made(current, reused=True, metadata=_shown(current))
    if got.path is None:
        raise StoreDamaged(f"{key} is said to be unchanged, but its file is gone.", remedy="Run again.")
    path = got.path

    def fill(draft: Draft) -> None:
        try:
            facts = probe_video(path)
        except VideoUnreadable as error:  # people know the ad by its address, not by where it was put
            raise VideoUnreadable(
                error.message.replace(str(path), got.final_url or key), remedy=error.remedy
            ) from error
        shutil.move(path, draft.folder / f"source{path.suffix or '.mp4'}")
        draft.manifest["origin"] = asdict(got.known)
        draft.manifest["figures"] = {**facts.to_dict(), "sha256": got.sha256, "download_s": got.seconds}
        draft.manifest["file"] = f"source{path.suffix or '.mp4'}"

    bundle, reused = store.ensure("source_video", key, source_identity(got.sha256), fill)
    remember_source(store, key, got.known)
    return Made(bundle, reused, _shown(bundle))


def _shown(bundle: Bundle) -> dict[str, dg.MetadataValue]:
    figures = bundle.figures
    first = read_frames(bundle.file(bundle.manifest["file"]), [0])
    return {
        "first_frame": picture(first[0], f"first frame of {bundle.key}")
        if 0 in first
        else dg.MetadataValue.text("none"),
        "sha256": dg.MetadataValue.text(str(figures["sha256"])),
        "codec": dg.MetadataValue.text(
            f"{figures['codec']} {figures['pix_fmt']} {figures['width']}x{figures['height']}"
        ),
        "sound": dg.MetadataValue.text(str(figures["audio_codec"]) if figures["has_audio"] else "none"),
        **numbers({name: figures[name] for name in ("duration_s", "size_bytes", "download_s")}),
    }
