"""Rendering variants while the looks of later ones are still made: one pass over the video for each group of looks.

Belongs here: starting passes as looks come, ending all of them well or badly together. Does not: making looks
(stylists), what a pass does (variant_renderer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

from adcraft_resources.algorithms.looks import Look, RefusedLook, sort_looks
from adcraft_resources.algorithms.values import Shot, TextTracks
from adcraft_resources.first_frames import FirstFrameSettings
from adcraft_resources.programmes import Prefer
from adcraft_resources.shared_clips import SharedClip
from adcraft_resources.variant_renderer import MeanCount, RenderedVariant, Stopped, render_variants
from adcraft_resources.variants import VariantPlan
from adcraft_resources.video_codecs import Effort

OnFrame = Callable[[int], None]


def render_as_developed(
    mezzanine: Path,
    audio_source: Path | None,
    plans: Sequence[VariantPlan],
    developed: Iterator[Mapping[str, Look | RefusedLook]],
    *,
    shots: Sequence[Shot],
    folder_of: Callable[[VariantPlan], Path],
    first_frame: FirstFrameSettings,
    tracks: TextTracks | None = None,
    on_frame: OnFrame | None = None,
    rides: bool = False,
    prefer: Prefer | None = None,
    refused: dict[str, str] | None = None,
    effort: Effort = "balanced",
) -> list[RenderedVariant]:
    """Render plans as soon as their looks are there, each group of looks in a pass and thread of its own.

    Args:
        mezzanine: The cleaned video; the other arguments as `render_variants` takes them.
        audio_source: Where sound comes from.
        plans: What to render; each has its look in one of the groups.
        developed: Groups of looks by plan id, as they are finished. It is asked for the next group in the caller's
            thread while the groups before are rendered.
        shots: Shots of the video.
        folder_of: An existing folder for each plan.
        first_frame: Bounds of the opening.
        tracks: The ad's text.
        on_frame: Told the mean count of pictures handed out over all plans.
        rides: Whether the looks will ask for the camera's path.
        prefer: Scores pictures, to choose who stands for the video. Asked before the first look is: two models
            must not be called for at the same time, since one may have to make room for the other.
        refused: Takes by plan id why there is no look for a plan; such plans are left out.
        effort: How hard the encoders try.

    Returns:
        The variants in the plans' order, without refused ones. The first error of any pass, or of `developed`, ends
        all passes and is raised.
    """
    by_id = {plan.id: plan for plan in plans}
    clip = SharedClip(mezzanine, shots, tracks, prefer, first_frame, effort)
    counts = MeanCount(len(plans), on_frame)

    def render(looks: Mapping[str, Look]) -> list[RenderedVariant]:
        with _stopping_all(clip):
            return render_variants(
                mezzanine,
                audio_source,
                [by_id[name] for name in looks],
                looks,
                shots=shots,
                folder_of=folder_of,
                first_frame=first_frame,
                tracks=tracks,
                on_frame=counts.of_pass(len(looks)),
                shared=clip,
            )

    with closing(clip):
        if prefer is not None:
            clip.survey()
        looks = _allowed(developed, {} if refused is None else refused)
        return _joined(plans, _run_passes(clip, looks, render, most=len(plans), rides=rides))


def _allowed(
    developed: Iterator[Mapping[str, Look | RefusedLook]], refused: dict[str, str]
) -> Iterator[Mapping[str, Look]]:
    """The looks of each group, without those refused, which are noted."""
    try:
        for group in developed:
            looks, why = sort_looks([group])
            refused.update(why)
            if looks:
                yield looks
    finally:
        getattr(developed, "close", lambda: None)()


def _run_passes(
    clip: SharedClip,
    developed: Iterator[Mapping[str, Look]],
    render: Callable[[Mapping[str, Look]], list[RenderedVariant]],
    *,
    most: int,
    rides: bool,
) -> list[Future[list[RenderedVariant]]]:
    """Start a pass for each group of looks as it comes; return the passes once all have ended."""
    passes: list[Future[list[RenderedVariant]]] = []
    with ThreadPoolExecutor(most + 1, thread_name_prefix="pass") as pool:
        if rides:  # under the making of the first look; who needs it meets its error again
            pool.submit(clip.camera_path)
        try:
            with _stopping_all(clip):
                for looks in developed:
                    if clip.stop.is_set():
                        break
                    passes.append(pool.submit(render, looks))
        finally:
            getattr(developed, "close", lambda: None)()
    return passes


@contextmanager
def _stopping_all(clip: SharedClip) -> Iterator[None]:
    """Have all passes end when the block fails."""
    try:
        yield
    except BaseException:
        clip.stop.set()
        raise


def _joined(
    plans: Sequence[VariantPlan], passes: Sequence[Future[list[RenderedVariant]]]
) -> list[RenderedVariant]:
    """What the passes rendered, in the plans' order; the error of one that was not merely stopped."""
    errors = [error for one in passes if (error := one.exception()) is not None]
    for error in errors:
        if not isinstance(error, Stopped):
            raise error
    made = {one.plan.id: one for each in passes for one in each.result()}
    return [made[plan.id] for plan in plans if plan.id in made]
