"""`adcraft weights`: the model weights of the gpu profile: what a config needs, fetching it, proving it.

Belongs here: what is printed, and exit codes. Does not: the hub (adcraft_resources.weights).
"""

import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from adcraft_assets.definitions import config_path
from adcraft_assets.settings import Settings, load_settings
from adcraft_resources.errors import AdcraftError, ConfigInvalid
from adcraft_resources.profiles import checkpoints_of, weights_folder
from adcraft_resources.weights import (
    CATALOG,
    Checkpoint,
    HubFetcher,
    checkpoint_named,
    pull,
    read_local,
    refuse_unlicensed,
    verify,
)

GB = 1e9


def weights(arguments: Namespace) -> int:
    """Run `adcraft weights list|pull|verify [NAME ...]`; 1 when a checkpoint is not whole."""
    path = Path(arguments.config).resolve() if arguments.config else config_path()
    settings = load_settings(path)
    folder = weights_folder(settings.models, path.resolve().parent)
    if arguments.action == "list":
        return _list(settings, folder)
    wanted = [checkpoint_named(name) for name in arguments.names] or checkpoints_of(settings.models)
    refusals = [one for one in wanted if not _allowed(one, settings)]
    act = _pull if arguments.action == "pull" else _verify
    failed = sum(not _tried(act, one, folder) for one in wanted if one not in refusals)
    return 1 if failed or refusals else 0


def _list(settings: Settings, folder: Path) -> int:
    used = {one.name: one for one in checkpoints_of(settings.models)}
    _say(f"weights lie in {folder}")
    for name, checkpoint in {**CATALOG, **used}.items():
        kept = read_local(folder, checkpoint)
        state = f"here, {kept.revision[:12]}" if kept else "not here"
        mark = "*" if name in used else " "
        size = f"{checkpoint.size_gb:5.1f} GB" if checkpoint.size_gb else " size ?"
        licence = checkpoint.licence
        if not checkpoint.is_free:
            licence += ", accepted" if name in settings.license_accepted else ", NOT accepted"
        _say(f"{mark} {name:42} {size}  {licence:48} {state}")
    _say("* = what this config's gpu profile uses")
    return 0


def _pull(checkpoint: Checkpoint, folder: Path) -> None:
    hub = HubFetcher.from_environment()
    size = f"about {checkpoint.size_gb:.1f} GB" if checkpoint.size_gb else "size unknown"
    _say(f"{checkpoint.label}: {size}, licence {checkpoint.licence}")
    for duty in checkpoint.duties:
        _say(f"  its licence asks of you: {duty}")
    pulled = pull(folder, checkpoint, hub, lambda name, count: _say(f"  {name}  {count / GB:.2f} GB"))
    total = sum(size for size, _ in pulled.files.values())
    _say(f"  whole: {len(pulled.files)} files, {total / GB:.1f} GB, revision {pulled.revision}")
    if not checkpoint.revision:
        _say(f'  to pin it, write "{checkpoint.name}@{pulled.revision}" into config.json')


def _verify(checkpoint: Checkpoint, folder: Path) -> None:
    found = verify(folder, checkpoint)
    _say(f"{checkpoint.label}: whole, {len(found.files)} files match, revision {found.revision}")


def _allowed(checkpoint: Checkpoint, settings: Settings) -> bool:
    try:
        refuse_unlicensed(checkpoint, settings.license_accepted)
    except ConfigInvalid as error:
        sys.stderr.write(f"adcraft: {error}\n")
        return False
    return True


def _tried(act: Callable[[Checkpoint, Path], None], checkpoint: Checkpoint, folder: Path) -> bool:
    try:
        act(checkpoint, folder)
    except AdcraftError as error:
        sys.stderr.write(f"adcraft: {error}\n")
        return False
    return True


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
