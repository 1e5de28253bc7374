"""`adcraft export`: a product's variants in every placement, as the folder or zip a media buyer uploads from.

Belongs here: from arguments to the folder. Does not: what is in it (handoffs).
"""

from argparse import Namespace
from pathlib import Path

from adcraft_assets.approvals import approvals_of
from adcraft_assets.commands.home import enter_home, open_instance
from adcraft_assets.commands.reports import progress_style, say
from adcraft_assets.definitions import build_defs, resources_of
from adcraft_assets.handoffs import collect, with_second_opinion
from adcraft_assets.launches import add_partitions, launch
from adcraft_assets.partitions import Ad, Catalog, ads_of
from adcraft_assets.product_settings import SLUG, slug_of
from adcraft_assets.settings import Settings
from adcraft_resources.errors import ConfigInvalid, UpstreamMissing
from adcraft_resources.exports import export_folder
from adcraft_resources.handoff import export_zip, fill_handoff
from adcraft_resources.progress import Progress
from adcraft_resources.store import BundleStore, digest_of

FAILED = 1
PLACED = ("placed_variants",)


def export(arguments: Namespace) -> int:
    """Make the placements that are missing, then the folder or zip, whole or not at all; return the exit code."""
    path = Path(arguments.config).resolve()
    out = Path(arguments.out).resolve() if arguments.out else None
    home = enter_home()
    resources = resources_of(path)
    catalog: Catalog = resources["catalog"]
    store: BundleStore = resources["store"]
    settings = catalog.settings()
    ads = _chosen(settings, arguments.product, arguments.video)
    experiment = _checked_name(arguments.experiment)
    waiting = [ad.key for ad in ads if store.current("ranked_outputs", ad.key) is None]
    if waiting:
        raise UpstreamMissing(
            f"{', '.join(waiting)} has no ranked variants yet.",
            remedy=f"Make them first: adcraft run --config {path} --product {arguments.product}",
        )
    defs = build_defs(path, {"progress": Progress(style=progress_style())})
    with open_instance(home) as instance:
        keys = [ad.key for ad in ads]
        add_partitions(instance, keys)
        most = settings.batch.max_partitions_per_run
        outcome = launch(defs, instance, keys, most=most, assets=PLACED, tell=say)
    if outcome.failed:
        say("nothing was exported; mend what failed, or name one ad with --video")
        return FAILED
    handoff, identity = collect(store, ads, settings, approvals_of(catalog, settings), experiment)
    handoff, opinion = with_second_opinion(
        handoff, resources["copywriter"], resources["result_cache"], ads[0].product, tell=say
    )
    identity["second_opinion"] = opinion
    target = (out or catalog.results_folder().with_name("exports")) / _name_of(ads, arguments, experiment)

    def fill(folder: Path) -> None:
        fill_handoff(folder, handoff, settings.experiment)

    if arguments.zip:
        target = target.with_name(f"{target.name}.zip")
        written = export_zip(target, digest_of(identity), fill)
    else:
        written = export_folder(target, digest_of(identity), fill)
    count = sum(len(ad.variants) for ad in handoff.ads)
    shapes = ", ".join(one.name for one in handoff.placements)
    say(f"{target}: {count} variants in {shapes}" + ("" if written else " (nothing had changed)"))
    return 0


def _chosen(settings: Settings, product: str, video: str | None) -> list[Ad]:
    """Return the ads asked for; ConfigInvalid names what there is when nothing matches."""
    ads = list(ads_of(settings).values())
    ours = [ad for ad in ads if ad.product.id == product]
    if not ours:
        known = ", ".join(sorted({ad.product.id for ad in ads})) or "none"
        raise ConfigInvalid(f"There is no product {product!r} with an ad.", remedy=f"Known: {known}.")
    found = [ad for ad in ours if video in (None, ad.video.id)]
    if not found:
        raise ConfigInvalid(
            f"{product} has no video {video!r}.", remedy=f"Known: {', '.join(ad.video.id for ad in ours)}."
        )
    return found


def _checked_name(experiment: str | None) -> str:
    """Return the experiment's name; it becomes part of file and campaign names."""
    if experiment is None:
        return ""
    if not SLUG.match(experiment):
        raise ConfigInvalid(
            f"--experiment {experiment!r} can't be part of a file name.",
            remedy=f"Use a-z, 0-9 and '-', for example {slug_of(experiment)}.",
        )
    return experiment


def _name_of(ads: list[Ad], arguments: Namespace, experiment: str) -> str:
    parts = [
        ads[0].product.id,
        *([arguments.video] if arguments.video else []),
        *([experiment] if experiment else []),
    ]
    return "__".join(parts)
