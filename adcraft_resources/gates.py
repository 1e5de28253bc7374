"""The quality gates: from measured figures and today's thresholds to a verdict with a reason.

Manifests keep figures, never verdicts, so a changed threshold re-renders nothing. Belongs here: thresholds and
the sentences that are checked. Does not: measuring.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, field_validator

from adcraft_resources.comparisons import tell_apart
from adcraft_resources.sections import Section

Stage = Literal["cleaned_frames", "styled_variants", "placed_variants"]

MAX_AV_OFFSET_MS = 10.0  # lip-sync errors are noticed from about 20 ms
MAX_FRAME_RATE = 30  # Meta's ads guide
MAX_GOP_S = 2.1  # 2 s, and one frame where the rate does not divide it
MAX_DURATION_OFF_S = 0.05  # a frame and a half at 30 fps


class GateSettings(Section):
    """Thresholds of the gates (config.json `gates`). The README tells how the first values were found."""

    scene_ssim_p5: float = Field(
        default=0.98,
        ge=0,
        le=1,
        description="Floor of the 5th percentile over frames of SSIM outside the masks.",
    )
    masked_area_max: float = Field(
        default=0.45, ge=0, le=1, description="Largest share of a frame that may be replaced."
    )
    style_ssim: tuple[float, float] = Field(
        default=(0.45, 0.992),
        description="Band of luma SSIM between a look and the cleaned ad: lower is broken, higher no variant.",
    )
    residual_text: float = Field(
        default=0.01, ge=0, le=1, description="Largest share of removed text that OCR still finds."
    )
    skin_delta_l: tuple[float, float] = Field(
        default=(-6.0, 2.0),
        description="Band of the mean change of skin lightness L*; a look must not lighten skin.",
    )

    loudness_lufs: tuple[float, float] = Field(
        default=(-15.0, -13.0), description="Band of a placement's integrated loudness, measured in its file."
    )
    true_peak_dbtp: float = Field(default=-1.5, le=0, description="Highest true peak of a placement's file.")
    placement_s: tuple[float, float] = Field(
        default=(1.0, 60.0), description="Shortest and longest video every placement takes, in seconds."
    )
    placement_max_mb: float = Field(
        default=300.0, gt=0, description="Largest file; Instagram's interface takes no more."
    )
    clear_box: Literal["hook", "all"] = Field(
        default="hook",
        description="What must stand in a placement's clear box: the hook, or faces and product text as well; "
        "without `all` they are a warning.",
    )

    @field_validator("style_ssim", "skin_delta_l", "loudness_lufs", "placement_s")
    @classmethod
    def _in_order(cls, band: tuple[float, float]) -> tuple[float, float]:
        if band[0] >= band[1]:
            raise ValueError(f"the lower bound {band[0]} must lie below the upper bound {band[1]}")
        return band


@dataclass(frozen=True)
class Verdict:
    """What a gate says of one partition or variant.

    `gate` is the sentence that must be true; `reason` says in words why it is or is not; `evidence` holds the
    figures and thresholds compared. A no that does not hold the partition back is a warning.
    """

    gate: str
    passed: bool
    reason: str
    evidence: Mapping[str, Any]
    holds_back: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able record."""
        return {
            "gate": self.gate,
            "passed": self.passed,
            "reason": self.reason,
            "evidence": dict(self.evidence),
        }


GATES: dict[Stage, tuple[str, ...]] = {
    "cleaned_frames": ("cleaned_frames_keep_the_scene", "cleaned_frames_show_no_overlay_text"),
    "styled_variants": ("styled_variants_stay_in_the_band", "variants_play_everywhere"),
    "placed_variants": (
        "placements_meet_the_specs",
        "placements_keep_the_clear_box",
        "placements_show_faces_and_product_clear",
    ),
}
WARNING_GATES = ("placements_show_faces_and_product_clear",)
"""Gates that stop no run; one may hold the export."""


def judge_cleaning(figures: Mapping[str, Any], gates: GateSettings) -> tuple[Verdict, ...]:
    """Return the verdicts on one cleaned ad from the figures of its manifest."""
    ssim, area = float(figures["scene_ssim_p5"]), float(figures["masked_area_max"])
    like, asked = tell_apart(ssim, gates.scene_ssim_p5, digits=4)
    share, most = tell_apart(area, gates.masked_area_max, digits=0, kind="%")
    faults = []
    if ssim < gates.scene_ssim_p5:
        faults.append(
            f"outside the removed text the picture changed: its likeness to the source is {like}, "
            f"asked is {asked} or more"
        )
    if area > gates.masked_area_max:
        faults.append(f"{share} of a frame would be replaced, allowed is {most}")
    residual = float(figures["residual_text"])
    left, least = tell_apart(residual, gates.residual_text, digits=2, kind="%")
    return (
        Verdict(
            "cleaned_frames_keep_the_scene",
            not faults,
            "; ".join(faults)
            or f"the scene is kept: its likeness to the source is {like}, at most {share} of a frame is replaced",
            {
                "scene_ssim_p5": ssim,
                "floor": gates.scene_ssim_p5,
                "masked_area_max": area,
                "area_limit": gates.masked_area_max,
                "worst_frame": figures.get("scene_worst_frame"),
            },
        ),
        Verdict(
            "cleaned_frames_show_no_overlay_text",
            residual <= gates.residual_text,
            f"OCR still finds {left} of the removed text, allowed is {least}",
            {
                "residual_text": residual,
                "limit": gates.residual_text,
                "worst_frame": figures.get("residual_worst_frame"),
            },
        ),
    )


def judge_variant(figures: Mapping[str, Any], gates: GateSettings) -> tuple[Verdict, ...]:
    """Return the verdicts on one variant from its figures."""
    return _in_the_band(figures, gates), _plays(figures["probe"])


def _in_the_band(figures: Mapping[str, Any], gates: GateSettings) -> Verdict:
    ssim, skin = float(figures["style_ssim"]), figures.get("skin_delta_l")
    low, high = gates.style_ssim
    faults = []
    if ssim < low:
        like, bound = tell_apart(ssim, low, digits=3)
        faults.append(f"the look breaks the picture: its likeness is {like}, asked is {bound} or more")
    if ssim > high:
        like, bound = tell_apart(ssim, high, digits=3)
        faults.append(
            f"the look hardly changes the picture, so it tests nothing: its likeness is {like}, "
            f"asked is {bound} or less"
        )
    if skin is not None and not gates.skin_delta_l[0] <= float(skin) <= gates.skin_delta_l[1]:
        word = "lightens" if float(skin) > 0 else "darkens"
        bound = gates.skin_delta_l[float(skin) > gates.skin_delta_l[1]]
        moved, allowed = tell_apart(float(skin), bound, digits=1, sign="+")
        faults.append(f"the look {word} skin: {moved} L*, allowed is {allowed}")
    told = "no face seen" if skin is None else f"skin {float(skin):+.1f} L*"
    return Verdict(
        "styled_variants_stay_in_the_band",
        not faults,
        "; ".join(faults) or f"the look's likeness of {ssim:.3f} lies in the band, {told}",
        {
            "style_ssim": ssim,
            "band": list(gates.style_ssim),
            "skin_delta_l": skin,
            "skin_band": list(gates.skin_delta_l),
        },
    )


BT709 = 1
UNDOES_CODEC_DELAY = {"none", "priming", "b_frame_delay"}

_PLAYS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("codec", lambda value: value == "h264", "H.264"),
    ("profile", lambda value: value == "High", "profile High"),
    ("pix_fmt", lambda value: value == "yuv420p", "yuv420p"),
    ("primaries", lambda value: value == BT709, "1 (bt709)"),
    ("transfer", lambda value: value == BT709, "1 (bt709)"),
    ("matrix", lambda value: value == BT709, "1 (bt709)"),
    ("full_range", lambda value: value is False, "limited range"),
    ("faststart", lambda value: value is True, "moov before mdat"),
    ("constant_rate", lambda value: value is True, "a constant frame rate"),
    ("fps", lambda value: Fraction(value) <= MAX_FRAME_RATE, "at most 30 frames a second"),
    (
        "edit_lists",
        lambda value: set(value.values()) <= UNDOES_CODEC_DELAY,
        "edit lists that undo codec delay only",
    ),
    ("closed_gop", lambda value: value is True, "closed groups of pictures"),
    ("gop_s", lambda value: value <= MAX_GOP_S, f"at most {MAX_GOP_S} s"),
    ("av_offset_ms", lambda value: _within(value, MAX_AV_OFFSET_MS), "sound within 10 ms of the picture"),
    ("sound_lag_ms", lambda value: _within(value, MAX_AV_OFFSET_MS), "sound within 10 ms of the source's"),
    ("duration_off_s", lambda value: abs(value) <= MAX_DURATION_OFF_S, "the source's duration"),
)


def _within(value: float | None, limit: float) -> bool:
    """Whether an offset is small enough; a silent ad has none."""
    return value is None or abs(value) <= limit


def playing_faults(probe: Mapping[str, Any]) -> list[str]:
    """Return what keeps a file from playing everywhere, each as a sentence with the figure."""
    return [
        f"{name} is {probe[name]!r}, asked is {asked}"
        for name, holds, asked in _PLAYS
        if not holds(probe[name])
    ]


def _plays(probe: Mapping[str, Any]) -> Verdict:
    faults = playing_faults(probe)
    return Verdict(
        "variants_play_everywhere",
        not faults,
        "; ".join(faults) or "the file keeps to what Facebook and Instagram ask for",
        {name: probe[name] for name, _, _ in _PLAYS},
    )


def judge_variants(
    variants: Mapping[str, Mapping[str, Any]], gates: GateSettings, refused: Mapping[str, str] | None = None
) -> tuple[Verdict, ...]:
    """Return the verdicts on a partition: each gate holds when at least one variant passes all of them.

    Args:
        variants: Figures by variant id.
        gates: Today's thresholds.
        refused: Variants a content filter let no look be made for, and why; they count for nothing.
    """
    judged = {name: judge_variant(figures, gates) for name, figures in variants.items()}
    whole = [name for name, verdicts in judged.items() if all(verdict.passed for verdict in verdicts)]
    summaries = []
    for place, gate in enumerate(GATES["styled_variants"]):
        failing = {
            name: verdicts[place].reason for name, verdicts in judged.items() if not verdicts[place].passed
        }
        passed = bool(whole) or (bool(judged) and not failing)
        reason = f"{len(judged) - len(failing)} of {len(judged)} variants pass"
        if failing:
            reason += "; rejected: " + "; ".join(f"{name}: {why}" for name, why in sorted(failing.items()))
        if refused:
            reason += "; refused by the content filter: " + "; ".join(
                f"{n}: {w}" for n, w in sorted(refused.items())
            )
        summaries.append(
            Verdict(gate, passed, reason, {"passing": len(judged) - len(failing), "rejected": failing})
        )
    return tuple(summaries)
