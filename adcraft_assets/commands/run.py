"""`adcraft run`, `adcraft sync` and `adcraft regate`: the graph in this process.

Belongs here: from arguments to a launch and its report. Does not: what the report looks like (reports).
"""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from adcraft_assets.commands.home import STATE, enter_home, open_instance
from adcraft_assets.commands.reports import progress_style, report_launch, say
from adcraft_assets.definitions import build_defs, resources_of
from adcraft_assets.launches import Outcome, add_partitions, launch, launch_summary, launch_verdicts
from adcraft_assets.partitions import ads_of
from adcraft_assets.product_settings import id_of_url, slug_of
from adcraft_assets.settings import Settings, load_settings
from adcraft_resources.errors import ConfigInvalid
from adcraft_resources.progress import Progress


def run(arguments: Namespace) -> int:
    """Run the ads of a config, or one ad; return the exit code."""
    one_off = arguments.source is not None
    source = _absolute(arguments.source) if one_off else ""
    out = Path(arguments.out).resolve() if arguments.out else None
    config = None if one_off else Path(arguments.config).resolve()
    home = enter_home()
    path = config or _one_off_config(home, source, arguments, out or home / "results")
    return run_config(
        home, path, product=arguments.product, video=arguments.video, one_off=one_off, json=arguments.json
    )


def run_config(
    home: Path,
    path: Path,
    *,
    product: str | None = None,
    video: str | None = None,
    one_off: bool = False,
    json: bool = False,
    overrides: dict[str, Any] | None = None,
) -> int:
    """Run the ads of a config file and report; return 0 when all were made, 1 when some failed."""
    settings = load_settings(path)
    keys = _chosen(settings, None if one_off else product, video)
    overrides = {"progress": Progress(style=progress_style()), **(overrides or {})}
    defs = build_defs(path, overrides)
    ads = f"{len(keys)} ad{'s' * (len(keys) != 1)}"
    say(f"{ads}, {settings.variants_per_video} variants each, profile {settings.profile}")
    with open_instance(home) as instance:
        add_partitions(instance, keys)
        outcome = launch(defs, instance, keys, most=settings.batch.max_partitions_per_run, tell=say)
        if not launch_summary(defs, instance):
            outcome.failed["processing_summary"] = "the summary could not be written; the run's log tells why"
    return _finish(path, settings, outcome, as_json=json)


def sync(arguments: Namespace) -> int:
    """Add a partition for each new video of the config, as the sensor does."""
    path = Path(arguments.config).resolve()
    home = enter_home()
    with open_instance(home) as instance:
        new = add_partitions(instance, list(ads_of(load_settings(path))))
    say(
        f"{len(new)} new partitions: {', '.join(new)}"
        if new
        else "every video of the config has its partition"
    )
    return 0


def regate_all(arguments: Namespace) -> int:
    """Report today's verdicts on everything made, without rendering."""
    path = Path(arguments.config).resolve()
    home = enter_home()
    with open_instance(home) as instance:
        done = launch_verdicts(build_defs(path), instance)
    say(
        "verdicts reported; the UI shows them on each partition"
        if done
        else "that failed; see the run in the UI"
    )
    return 0 if done else 1


def _finish(path: Path, settings: Settings, outcome: Outcome, *, as_json: bool) -> int:
    results = (path.parent / settings.results).resolve()
    report_launch(resources_of(path)["store"], results, outcome, as_json=as_json)
    return 1 if outcome.failed else 0


def _chosen(settings: Settings, product: str | None, video: str | None) -> list[str]:
    """Return the keys asked for; ConfigInvalid names what there is when nothing matches."""
    ads = ads_of(settings)
    for name, asked, known in (
        ("product", product, [one.id for one in settings.products]),
        ("video", video, [ad.video.id for ad in ads.values() if product in (None, ad.product.id)]),
    ):
        if asked is not None and asked not in known:
            raise ConfigInvalid(
                f"There is no {name} {asked!r}.", remedy=f"Known: {', '.join(known) or 'none'}."
            )
    keys = [
        key for key, ad in ads.items() if product in (None, ad.product.id) and video in (None, ad.video.id)
    ]
    if not keys:
        raise ConfigInvalid(
            "The config names no ad that is not disabled.", remedy="Add a video to a product."
        )
    return keys


def _absolute(source: str) -> str:
    return source if "://" in source else str(Path(source).expanduser().resolve())


def _one_off_config(home: Path, source: str, arguments: Namespace, out: Path) -> Path:
    """Write the config of a single ad and return its path; the graph then runs as for any other."""
    kind = arguments.product or "generic"
    video = id_of_url(source if "://" in source else Path(source).as_uri())
    config = {
        "store": str(home / STATE / "store"),
        "results": str(out),
        "variants_per_video": arguments.variants,
        "products": [
            {
                "id": slug_of(kind),
                "product_specific": {"type": kind},
                "language": arguments.language,
                "rights": "owned",  # who names a file by hand answers for it; the README says so
                "protected_text": arguments.protect,
                "videos": [{"id": video, "url": source}],
            }
        ],
    }
    path = home / STATE / "one-off" / f"{slug_of(kind)}__{video}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")
    return path
