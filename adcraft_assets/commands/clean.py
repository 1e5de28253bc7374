"""`adcraft clean IN OUT`: text removal alone, through the same roles as the graph.

Belongs here: one file in, one file out. Does not: finding or filling text.
"""

import tempfile
from argparse import Namespace
from pathlib import Path

from adcraft_assets.commands.home import enter_home
from adcraft_assets.commands.reports import progress_style, say
from adcraft_resources.allocator import return_freed_pictures, share_arenas
from adcraft_resources.cleaning import clean_ad
from adcraft_resources.errors import ConfigInvalid, SourceMissing
from adcraft_resources.keyframe_stills import scan_shots
from adcraft_resources.model_settings import ModelSettings
from adcraft_resources.profiles import resources_for
from adcraft_resources.progress import Progress
from adcraft_resources.text_detectors import write_mask_file
from adcraft_resources.video_codecs import probe_video


def clean(arguments: Namespace) -> int:
    """Remove overlay text from one video; return the exit code."""
    source, out = Path(arguments.input).resolve(), Path(arguments.output).resolve()
    masks = Path(arguments.masks).resolve() if arguments.masks else None
    _check_paths(source, out)
    enter_home()
    share_arenas()
    roles = resources_for("embedded", ModelSettings())
    progress = Progress(style=progress_style())
    detector, inpainter = roles["text_detector"], roles["inpainter"]
    total = probe_video(source).frame_count
    with progress.stage(source.name, "find shots", total) as on_frame:
        shots = scan_shots(source, on_frame=on_frame).shots
    with progress.stage(source.name, "find text", total) as on_frame:
        tracks = detector.track_text(source, shots, protected=arguments.protect, on_frame=on_frame)
    return_freed_pictures()
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".adcraft-clean-") as scratch:
        made = Path(scratch) / out.name
        with progress.stage(source.name, "clean", total) as on_frame:
            report = clean_ad(
                source, tracks, shots, made, inpainter=inpainter, detector=detector, on_frame=on_frame
            )
        if masks is not None:
            write_mask_file(tracks, masks)
        made.replace(out)
    removed = ", ".join(repr(track.text) for track in tracks.overlays if track.text) or "nothing with letters"
    kept = len(tracks.tracks) - len(tracks.overlays)
    say(f"{len(tracks.overlays)} overlay tracks removed ({removed}); {kept} labels kept")
    say(f"text OCR still finds: {report.figures['residual_text']:.2%}; cleaned video: {out}")
    return 0


def _check_paths(source: Path, out: Path) -> None:
    if not source.is_file():
        raise SourceMissing(f"{source} is no file.", remedy="Name the video to clean.")
    if source == out:
        raise ConfigInvalid(
            "IN and OUT are the same file.", remedy="Name another OUT; the source is never overwritten."
        )
    if not out.parent.is_dir():
        raise ConfigInvalid(f"The folder {out.parent} does not exist.", remedy="Make it first.")
