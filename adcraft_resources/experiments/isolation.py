"""The proof that a test changes one thing: read from the variants' manifests, not from what was meant.

Belongs here: comparing manifests. Does not: planning which factor changes (variants).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adcraft_resources.gates import Verdict

ISOLATION: Final = "isolated_cells_change_one_factor"
FACTORS: Final = ("style", "hook", "treatment", "opening")

Manifest = Mapping[str, Any]


def changed_factors(control: Manifest, cell: Manifest) -> list[str]:
    """Return the factors in which a cell's rendering differs from the control's; the seed counts as one."""
    one, other = control["plan"], cell["plan"]
    return [name for name in (*FACTORS, "seed") if one[name] != other[name]]


def isolation_faults(manifests: Mapping[str, Manifest]) -> list[str]:
    """Return why these variants are no isolated test, a sentence each; empty when every cell changes one factor.

    Args:
        manifests: The variants' manifests by id, the control among them.
    """
    controls = [name for name, manifest in manifests.items() if manifest["plan"]["factor"] == "control"]
    if len(controls) != 1:
        return [f"{len(controls)} of the delivered variants are the control; a test needs one"]
    control = manifests[controls[0]]
    faults = []
    for name, manifest in manifests.items():
        if name == controls[0]:
            continue
        changed = changed_factors(control, manifest)
        if len(changed) != 1:
            faults.append(f"{name} differs from the control in {', '.join(changed) or 'nothing'}")
        elif changed[0] != manifest["plan"]["factor"]:
            faults.append(f"{name} says it changes {manifest['plan']['factor']} and changes {changed[0]}")
        faults.extend(
            f"{name} was rendered with another {part.replace('_', ' ')} than the control"
            for part in _other_inputs(control, manifest, changed)
        )
    return faults


def compare_cells(mode: str, manifests: Mapping[str, Manifest]) -> dict[str, Any] | None:
    """Return what an ad's ranking keeps of the comparison: faults and number of cells; None where cells explore."""
    if mode != "isolate":
        return None
    return {"faults": isolation_faults(manifests), "cells": len(manifests) - 1}


def judge_isolation(ranking: Mapping[str, Any]) -> Verdict:
    """Return the verdict on the delivered variants of a ranking; true where no isolation was asked for."""
    compared = ranking.get("isolation")
    if compared is None:
        return Verdict(
            ISOLATION, True, "variants explore; cells may differ in several factors", {"cells": None}
        )
    faults, cells = compared["faults"], compared["cells"]
    told = f"each of {cells} cells differs from the control in exactly one factor"
    return Verdict(ISOLATION, not faults, "; ".join(faults) or told, {"cells": cells})


def _other_inputs(control: Manifest, cell: Manifest, changed: Sequence[str]) -> list[str]:
    """Return the parts of the identity in which two renderings differ and that follow from no changed factor."""
    one, other = control.get("identity", {}), cell.get("identity", {})
    names = sorted((set(one) | set(other)) - {"plan", *changed})
    return [name for name in names if one.get(name) != other.get(name)]
