"""The `adcraft` command: a thin face on the graph and its roles.

Belongs here: arguments, exit codes. Does not: what the commands do (commands/).

Exit codes: 0 all made, 1 some partitions failed (named, with the reason), 2 the call or the config is wrong.
"""

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence

from adcraft_resources.errors import AdcraftError, ConfigInvalid, SourceMissing

FAILED = 1
CALL_WRONG = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = _parser().parse_args(argv)
    # Before numpy is loaded: the products here are small, and OpenBLAS' idle threads spin on cores others want.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Dagster announces features that may still change at each start; our tests watch them for the user.
    warnings.filterwarnings("ignore", message=".*(is|are|currently in) (currently in )?(preview|beta).*")
    logging.getLogger("dagster").setLevel(logging.ERROR)
    try:
        return arguments.call(arguments)
    except (ConfigInvalid, SourceMissing) as error:
        sys.stderr.write(f"adcraft: {error}\n")
        return CALL_WRONG
    except AdcraftError as error:
        sys.stderr.write(f"adcraft: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write(
            "\nadcraft: stopped; what was finished is kept, and the next run goes on from there\n"
        )
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="adcraft", description="Source video ads in, ranked variants out.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_run(commands)
    _add_clean(commands)
    _add_export(commands)
    _add_keeping(commands)
    _add_weights(commands)
    _add_small(commands)
    return parser


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser("demo", help="the whole chain on sample ads made on the spot")
    demo.add_argument("--json", action="store_true", help="print the result as JSON")
    demo.set_defaults(call=_demo)


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = commands.add_parser("run", help="the ads of a config, or one ad")
    which = run.add_mutually_exclusive_group()
    which.add_argument("--config", default="config.json", help="config file (default: config.json)")
    which.add_argument("--source", metavar="FILE_OR_URL", help="one ad instead of a config")
    run.add_argument(
        "--product", metavar="P", help="only this product of the config; with --source the product type"
    )
    run.add_argument("--video", metavar="V", help="only this video of the config")
    run.add_argument("--variants", type=_positive, default=4, metavar="N", help="variants (with --source)")
    run.add_argument("--language", default="en", help="language of the hooks (with --source)")
    run.add_argument(
        "--protect",
        action="append",
        default=[],
        metavar="REGEX",
        help="text that stays (with --source; repeatable)",
    )
    run.add_argument("--out", metavar="DIR", help="folder of the finished variants (with --source)")
    run.add_argument("--json", action="store_true", help="print the result as JSON")
    run.set_defaults(call=_run)


def _add_clean(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    clean = commands.add_parser("clean", help="remove overlay text from one video")
    clean.add_argument("input", metavar="IN")
    clean.add_argument("output", metavar="OUT")
    clean.add_argument("--masks", metavar="FILE.npz", help="also write the masks of what was replaced")
    clean.add_argument(
        "--protect", action="append", default=[], metavar="REGEX", help="text that stays (repeatable)"
    )
    clean.set_defaults(call=_clean)


def _add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    export = commands.add_parser("export", help="a product's variants in every placement, ready to upload")
    export.add_argument("--product", required=True, metavar="P")
    export.add_argument("--video", metavar="V", help="only this video (default: all of the product)")
    export.add_argument(
        "--experiment", metavar="NAME", help="what the test is called, in file and campaign names"
    )
    export.add_argument("--zip", action="store_true", help="one zip instead of a folder")
    export.add_argument("--out", metavar="DIR", help="where it goes (default: exports, beside the results)")
    export.add_argument("--config", default="config.json", help="config file (default: config.json)")
    export.set_defaults(call=_export)


def _add_keeping(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    backfill = commands.add_parser("backfill", help="all ads of a product, by the daemon where one runs")
    backfill.add_argument("--product", required=True, metavar="P")
    backfill.add_argument(
        "--from", dest="asset", metavar="ASSET", help="the first stage to make (default: all)"
    )
    backfill.add_argument(
        "--only-failed", action="store_true", help="only ads that failed, were never made or are out of date"
    )
    backfill.add_argument("--wait", action="store_true", help="wait for the daemon and report")
    backfill.set_defaults(call=_backfill)
    refresh = commands.add_parser("refresh", help="the nightly refresh now, in this process")
    refresh.add_argument("--dry-run", action="store_true", help="only say what would be made, and why")
    refresh.set_defaults(call=_refresh)
    approve = commands.add_parser("approve", help="let variants of an ad out (with approval: required)")
    approve.add_argument("key", metavar="KEY", help="<product>__<video>")
    approve.add_argument(
        "--variant", action="append", metavar="ID", help="only this variant (repeatable; default: all)"
    )
    approve.set_defaults(call=_approve)
    prune = commands.add_parser("prune", help="remove old generations by the config's retention")
    prune.add_argument("--dry-run", action="store_true", help="only name them")
    prune.set_defaults(call=_prune)
    for command in (backfill, refresh, approve, prune):
        command.add_argument("--config", default="config.json", help="config file (default: config.json)")


def _add_weights(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    weights = commands.add_parser("weights", help="model weights of the gpu profile")
    weights.add_argument("action", choices=("list", "pull", "verify"))
    weights.add_argument(
        "names", nargs="*", metavar="NAME", help="checkpoints, NAME or NAME@REVISION (default: the config's)"
    )
    weights.add_argument("--config", default=None, help="config file (default: the one in use)")
    weights.set_defaults(call=_weights)


def _add_small(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    doctor = commands.add_parser("doctor", help="what this machine can and cannot do")
    doctor.add_argument("--config", default=None)
    doctor.set_defaults(call=_doctor)
    for name, call, told in (
        ("sync", _sync, "add a partition for each new video of the config"),
        ("regate", _regate, "judge everything made by today's thresholds, without rendering"),
        ("check-definitions", _check_definitions, "load the definitions and say what is wrong with them"),
    ):
        command = commands.add_parser(name, help=told)
        command.add_argument("--config", default="config.json")
        command.set_defaults(call=call)
    commands.add_parser("schema", help="print the JSON schema of config.json").set_defaults(call=_schema)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _demo(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.demo import demo

    return demo(arguments)


def _run(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.run import run

    return run(arguments)


def _clean(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.clean import clean

    return clean(arguments)


def _export(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.export import export

    return export(arguments)


def _backfill(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.backfill import backfill

    return backfill(arguments)


def _refresh(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.keeping import refresh

    return refresh(arguments)


def _approve(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.keeping import approve_variants

    return approve_variants(arguments)


def _prune(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.keeping import prune_store

    return prune_store(arguments)


def _doctor(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.doctor import doctor

    return doctor(arguments)


def _weights(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.weights import weights

    return weights(arguments)


def _sync(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.run import sync

    return sync(arguments)


def _regate(arguments: argparse.Namespace) -> int:
    from adcraft_assets.commands.run import regate_all

    return regate_all(arguments)


def _check_definitions(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    import dagster as dg

    from adcraft_assets.definitions import build_defs

    dg.Definitions.validate_loadable(build_defs(Path(arguments.config).resolve()))
    print("definitions load")
    return 0


def _schema(_: argparse.Namespace) -> int:
    from adcraft_assets.settings import Settings

    print(json.dumps(Settings.model_json_schema(), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
