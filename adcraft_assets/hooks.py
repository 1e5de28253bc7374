"""The asset `hooks`: the words each variant may carry.

Belongs here: keeping hook sets of each ad. Does not: writing or linting copy.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from adcraft_assets.checks import upstream_of
from adcraft_assets.chunks import CHUNK, TRANSIENT_RETRIES, Made, make_chunk
from adcraft_assets.evidence import numbers, table
from adcraft_assets.identities import VERSIONS, brief_of, hooks_identity
from adcraft_assets.partitions import Catalog, video_partitions
from adcraft_assets.placement import step_of
from adcraft_resources.copywriters import Copywriter
from adcraft_resources.progress import Progress
from adcraft_resources.rotations import rotation_of
from adcraft_resources.store import Bundle, BundleStore, Draft


@dg.asset(
    deps=["keyframes", "ocr_masks"],
    partitions_def=video_partitions,
    backfill_policy=CHUNK,
    retry_policy=TRANSIENT_RETRIES,
    group_name="style",
    kinds={"grok"},
    owners=["team:creative"],
    code_version=VERSIONS["hooks"],
    op_tags=step_of("cpu"),
)
def hooks(
    context: dg.AssetExecutionContext,
    catalog: Catalog,
    store: BundleStore,
    copywriter: Copywriter,
    progress: Progress,
) -> dg.MaterializeResult:
    """Hook sets: the line on screen, primary text and headline, checked for length and banned claims.

    Written by Grok when `XAI_API_KEY` is set, from templates otherwise; each set says which.
    """
    settings = catalog.settings()

    def make(key: str) -> Made:
        ad = catalog.ad(key)
        stills, masks = upstream_of(store, "keyframes", key), upstream_of(store, "ocr_masks", key)
        brief = brief_of(ad, masks.manifest, settings, rotation_of(store, key))

        def fill(draft: Draft) -> None:
            with progress.stage(key, "hooks"):
                written = copywriter.write(brief, settings.variants_per_video)
            draft.write_json("hooks.json", [hook.to_dict() for hook in written.hooks])
            draft.manifest["backend"] = written.source
            draft.manifest["usage"] = dict(written.usage)
            draft.manifest["notes"] = list(written.notes)
            draft.manifest["figures"] = {"hooks": len(written.hooks), **numbers_of(written.usage)}

        identity = hooks_identity(stills.manifest, masks.manifest, brief, settings, copywriter)
        bundle, reused = store.ensure("hooks", key, identity, fill)
        return Made(bundle, reused, _shown(bundle))

    return make_chunk(context, make)


def numbers_of(usage: Mapping[str, Any]) -> dict[str, float]:
    """Return the numeric entries of a usage record."""
    return {name: value for name, value in usage.items() if isinstance(value, int | float)}


def _shown(bundle: Bundle) -> Mapping[str, Any]:
    return {
        "written_by": dg.MetadataValue.text(str(bundle.manifest["backend"])),
        "notes": dg.MetadataValue.text("; ".join(bundle.manifest["notes"]) or "none"),
        "hook_sets": table(bundle.read_json("hooks.json")),
        **numbers(bundle.figures),
    }
