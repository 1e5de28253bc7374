"""The gates of placements: from the figures of a file in one shape to a verdict with a reason.

Belongs here: what platforms take, and what of it a file breaks. Does not: measuring (placements), the thresholds'
section of config.json (gates).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from adcraft_resources.gates import GATES, GateSettings, Verdict, playing_faults
from adcraft_resources.provenance import provenance_fault
from adcraft_resources.signing import credentials_fault

LEAST_FPS: Final = 23  # Instagram's publishing interface
MOST_BIT_RATE: Final = 25_000_000  # the same
LEAST_AUDIO_BIT_RATE: Final = 120_000  # 128 kb/s asked; short clips end with a packet that counts for less
AUDIO_HZ: Final = 48_000
STEREO: Final = 2
MB: Final = 1_000_000

SUBJECTS: Final = {"faces": "faces", "labels": "product texts"}

Figures = Mapping[str, Any]
Placed = Mapping[str, Mapping[str, Figures]]
"""Figures by variant and shape."""


def judge_placements(placed: Placed, gates: GateSettings) -> tuple[Verdict, ...]:
    """Return the verdicts on an ad's placements: every file of every variant must hold."""
    specs = _each(placed, lambda one: spec_faults(one, gates))
    zones = _each(placed, zone_fault)
    count = sum(len(shapes) for shapes in placed.values())
    return (
        _verdict(GATES["placed_variants"][0], specs, count, f"all {count} files are what platforms ask for"),
        _verdict(GATES["placed_variants"][1], zones, count, "every hook stands in its clear box"),
        _subjects_verdict(placed, count, gates),
    )


def _subjects_verdict(placed: Placed, count: int, gates: GateSettings) -> Verdict:
    """Whether faces and product text stand clear: what was filmed may not allow it, so by default a no warns."""
    every = [one["zones"][kind] for shapes in placed.values() for one in shapes.values() for kind in SUBJECTS]
    seen, clear = (sum(one[name] for one in every) for name in ("seen", "in_clear_box"))
    fine = f"all {seen} sightings of faces and product text stand in the clear box"
    verdict = _verdict(GATES["placed_variants"][2], _each(placed, zone_notes), count, fine)
    evidence = {**verdict.evidence, "seen": seen, "in_clear_box": clear}
    return replace(verdict, evidence=evidence, holds_back=gates.clear_box == "all")


def spec_faults(one: Figures, gates: GateSettings) -> list[str]:
    """Return what a file breaks of the specifications, each as a sentence with the figure."""
    probe, asked = one["probe"], one["asked"]
    shape = f"{probe['width']}x{probe['height']}"
    short, long = gates.placement_s
    tests: list[tuple[bool, str]] = [
        (
            probe["width"] == asked["width"] and probe["height"] == asked["height"],
            f"it is {shape}, asked is {asked['width']}x{asked['height']}",
        ),
        (
            short <= probe["video_duration_s"] <= long,
            f"it lasts {probe['video_duration_s']:.1f} s, allowed are {short:g} to {long:g}",
        ),
        (
            Fraction(probe["fps"]) >= LEAST_FPS,
            f"it has {probe['fps']} frames a second, asked are {LEAST_FPS}",
        ),
        (
            probe["size_bytes"] <= gates.placement_max_mb * MB,
            f"it has {probe['size_bytes'] / MB:.0f} MB, allowed are {gates.placement_max_mb:g}",
        ),
        (
            probe["bit_rate"] <= MOST_BIT_RATE,
            f"it takes {probe['bit_rate'] / 1e6:.1f} Mb/s, allowed are {MOST_BIT_RATE / 1e6:g}",
        ),
    ]
    faults = [told for holds, told in tests if not holds]
    return [*faults, *playing_faults(probe), *_sound_faults(one, gates), *_origin_faults(one)]


def _origin_faults(one: Figures) -> list[str]:
    faults = [provenance_fault(one)]
    for name, found in one.get("credentials", {}).items():
        fault = credentials_fault(found, one["provenance"]["meant"])
        faults.append(f"{name}: {fault}" if fault else "")
    return [fault for fault in faults if fault]


def _sound_faults(one: Figures, gates: GateSettings) -> list[str]:
    probe = one["probe"]
    if not probe["has_audio"]:
        return ["it has no audio track; silence is asked for"]
    faults = []
    form = probe["audio_codec"], probe["audio_rate"], probe["audio_channels"]
    if form != ("aac", AUDIO_HZ, STEREO):
        faults.append(
            f"its sound is {form[0]} at {form[1]} Hz with {form[2]} channels; asked is AAC, 48 kHz, stereo"
        )
    if probe["audio_bit_rate"] < LEAST_AUDIO_BIT_RATE:
        faults.append(f"its sound has {probe['audio_bit_rate'] / 1000:.0f} kb/s; asked are 128")
    loud, peak = one["loudness_lufs"], one["true_peak_dbtp"]
    low, high = gates.loudness_lufs
    if loud is not None and not one.get("silent") and not low <= loud <= high:
        faults.append(f"its loudness is {loud:.1f} LUFS, asked are {low:g} to {high:g}")
    if peak is not None and peak > gates.true_peak_dbtp:
        faults.append(f"its true peak is {peak:.2f} dBTP, allowed are {gates.true_peak_dbtp:g}")
    return faults


def zone_fault(one: Figures) -> str:
    """Return where the hook leaves its clear box, or nothing."""
    zones = one["zones"]
    return "" if zones["hook_clear"] else f"the hook {zones['hook_box']} leaves the box {zones['clear_box']}"


def zone_notes(one: Figures) -> str:
    """Return what of the scene an interface would cover, or nothing."""
    zones, notes = one["zones"], []
    for kind, word in SUBJECTS.items():
        seen, clear = zones[kind]["seen"], zones[kind]["in_clear_box"]
        if clear < seen:
            notes.append(f"{seen - clear} of {seen} sightings of {word} reach out of the clear box")
    return ", ".join(notes)


def _each(placed: Placed, judge: Callable[[Figures], list[str] | str]) -> dict[str, str]:
    told = {}
    for variant, shapes in placed.items():
        for shape, figures in shapes.items():
            found = judge(figures)
            text = found if isinstance(found, str) else "; ".join(found)
            if text:
                told[f"{variant} {shape}"] = text
    return told


def _verdict(gate: str, faults: Mapping[str, str], count: int, fine: str) -> Verdict:
    reason = "; ".join(f"{name}: {why}" for name, why in faults.items()) or fine
    return Verdict(gate, not faults, reason, {"files": count, "failing": dict(faults)})
