"""The gates as Dagster asset checks, and how the next stage asks them.

Belongs here: check specs, their events, and the question "may this partition go on?". Does not: thresholds and
verdicts, which `adcraft_resources.gates` derives from figures at every read.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)

from adcraft_assets.approvals import GATE
from adcraft_assets.gate_words import LOOK, page_of, plain_name
from adcraft_assets.partitions import video_partitions
from adcraft_resources.errors import GateFailed, StoreDamaged, UpstreamMissing
from adcraft_resources.experiments import ISOLATION
from adcraft_resources.gates import (
    GATES,
    WARNING_GATES,
    GateSettings,
    Stage,
    Verdict,
    judge_cleaning,
    judge_variants,
)
from adcraft_resources.placement_gates import judge_placements
from adcraft_resources.store import Bundle, BundleStore

APPROVAL = GATE
INFORMING = (APPROVAL, ISOLATION)
"""Checks on `ranked_outputs` that stop no run: one holds the export, one tells whether a test is clean."""
DESCRIPTIONS = {
    ISOLATION: "In `isolate` mode every delivered variant differs from the control in exactly one factor, by the "
    "variants' manifests. Otherwise experiment.json says why there is no test.",
    APPROVAL: "People looked at the variants and let them out (adcraft approve, or approvals.json); what waits is "
    "shown in the review folder. Always true while `approval` is off in config.json.",
    "cleaned_frames_keep_the_scene": "Outside the masks the picture is the source's (SSIM, 5th percentile), "
    "and no more of a frame is replaced than the limit allows.",
    "cleaned_frames_show_no_overlay_text": "OCR of the cleaned ad finds none of the removed text again.",
    "styled_variants_stay_in_the_band": "Each look changes the ad enough to be a variant and not so much that it "
    "breaks; skin is not lightened. Variants outside are rejected and replaced from spare plans.",
    "variants_play_everywhere": "Codec, colour tags, rate, edit list, sound offset and duration are what Facebook "
    "and Instagram ask for.",
    "placements_meet_the_specs": "Every file has the size, length, rate, codec, colour tags, sound and loudness its "
    "placement takes, measured in the finished file, and says where its pictures come from.",
    "placements_keep_the_clear_box": "The hook stands where no interface covers it, from its first picture to its "
    "last.",
    "placements_show_faces_and_product_clear": "Faces and product text stand where no interface covers them, over "
    "the whole ad. What was filmed elsewhere can't be moved, so this warns; with gates.clear_box: all it holds the "
    "export.",
}


PICTURES = {
    "cleaned_frames_keep_the_scene": "scene_worst",
    "cleaned_frames_show_no_overlay_text": "residual_worst",
    "styled_variants_stay_in_the_band": "first_frames",
    APPROVAL: "first_frames",
    "placements_keep_the_clear_box": "clear_boxes",
    "placements_show_faces_and_product_clear": "clear_boxes",
}
"""Metadata of a materialization that shows what a gate is about: the worst frame beside the source's, the variants."""


def specs_of(stage: Stage) -> list[dg.AssetCheckSpec]:
    """Return the checks of a stage; all block but those that warn."""
    with warnings.catch_warnings():
        # Partitioned checks may still change in Dagster; test_chunks.py watches what we use of them.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                gate,
                asset=stage,
                blocking=gate not in WARNING_GATES,
                partitions_def=video_partitions,
                description=DESCRIPTIONS[gate],
            )
            for gate in GATES[stage]
        ]


def informing_specs() -> list[dg.AssetCheckSpec]:
    """Return the checks on an ad's order: let out by people, and fit for a test of one factor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                name,
                asset="ranked_outputs",
                partitions_def=video_partitions,
                description=DESCRIPTIONS[name],
            )
            for name in INFORMING
        ]


def verdicts_of(bundle: Bundle, gates: GateSettings) -> tuple[Verdict, ...]:
    """Return today's verdicts on a bundle; none for a stage without gates."""
    return judge(bundle.kind, bundle.figures, gates)


def judge(stage: str, figures: Mapping[str, Any], gates: GateSettings) -> tuple[Verdict, ...]:
    """Return today's verdicts on a stage's figures; none for a stage without gates."""
    if stage == "cleaned_frames":
        return judge_cleaning(figures, gates)
    if stage == "styled_variants":
        return judge_variants(figures["variants"], gates, figures.get("refused", {}))
    if stage == "placed_variants":
        return judge_placements(figures["variants"], gates)
    return ()


def upstream_of(store: BundleStore, stage: str, key: str, gates: GateSettings | None = None) -> Bundle:
    """Return the current bundle of `stage`; raise when it is missing or a gate holds it back.

    Raises:
        UpstreamMissing: The stage has not been materialized for this key.
        GateFailed: A gate of the stage says no under today's thresholds.
    """
    bundle = store.current(stage, key)
    if bundle is None:
        raise UpstreamMissing(f"{stage} of {key} is missing.", remedy=f"Materialize {stage} for it first.")
    if gates is not None:
        for verdict in verdicts_of(bundle, gates):
            if verdict.holds_back and not verdict.passed:
                raise GateFailed(
                    f"{verdict.gate} is not true of {key}: {verdict.reason}.",
                    remedy="Look at the evidence on the check; mend the source or the thresholds under `gates`.",
                )
    if not bundle.path.is_dir():
        raise StoreDamaged(f"{stage} of {key} is not where the store says.", remedy="Materialize it again.")
    return bundle


def log_verdicts(context: dg.AssetExecutionContext, verdicts: Mapping[str, Sequence[Verdict]]) -> None:
    """Log one evaluation per partition and gate (in a range run Dagster would keep no partition otherwise)."""
    for key, judged in verdicts.items():
        for verdict in judged:
            evaluation = evaluation_of(context.asset_key, key, verdict)
            context.log_event(evaluation)  # pyright: ignore[reportArgumentType]  accepted, though not in its annotation


def materialization_of(instance: dg.DagsterInstance, stage: str, key: str) -> dg.EventLogRecord | None:
    """Return the latest materialization of a partition, which a verdict on it names and takes its pictures from."""
    filters = dg.AssetRecordsFilter(asset_key=dg.AssetKey(stage), asset_partitions=[key])
    records = instance.fetch_materializations(filters, limit=1).records
    return records[0] if records else None


def evaluation_of(
    asset: dg.AssetKey, key: str, verdict: Verdict, *, of: dg.EventLogRecord | None = None
) -> dg.AssetCheckEvaluation:
    """Return a verdict on a partition as the event Dagster keeps.

    Args:
        asset: The stage.
        key: The partition.
        verdict: The verdict.
        of: The materialization it judges; the UI shows a verdict on a partition only when it names one.
    """
    shown = of.asset_materialization.metadata if of and of.asset_materialization else {}
    return dg.AssetCheckEvaluation(
        check_name=verdict.gate,
        asset_key=asset,
        partition=key,
        passed=verdict.passed,
        blocking=verdict.holds_back and verdict.gate not in INFORMING,
        severity=severity_of(verdict),
        description=verdict.reason,
        metadata=evidence_of(verdict, key, shown),
        target_materialization_data=Target(run_id=of.run_id, storage_id=of.storage_id, timestamp=of.timestamp)
        if of
        else None,
    )


def results_of(
    verdicts: Mapping[str, Sequence[Verdict]], shown: Mapping[str, Mapping[str, Any]]
) -> list[dg.AssetCheckResult]:
    """Return one result per gate: the partition's own, with its pictures of `shown`, or over a range the aggregate.

    The aggregate fails only when no partition passes, so that healthy siblings go on; the failing ones are held
    back by the next stage, which asks `upstream_of`.
    """
    gates = [verdict.gate for verdict in next(iter(verdicts.values()))]
    results = []
    for place, gate in enumerate(gates):
        judged = {key: verdicts[key][place] for key in verdicts}
        failing = sorted(key for key, verdict in judged.items() if not verdict.passed)
        if len(judged) == 1:
            ((key, verdict),) = judged.items()
            passed, told, metadata = verdict.passed, verdict.reason, evidence_of(verdict, key, shown[key])
        else:
            passed = len(failing) < len(judged)
            told = f"{len(judged) - len(failing)} of {len(judged)} partitions pass"
            metadata = {"failing": dg.MetadataValue.json(failing)}
        results.append(
            dg.AssetCheckResult(
                check_name=gate,
                passed=passed,
                description=told,
                metadata=metadata,
                severity=severity_of(verdicts[next(iter(judged))][place]),
            )
        )
    return results


def severity_of(verdict: Verdict) -> dg.AssetCheckSeverity:
    """Return how loud a verdict is: waiting for a person is no fault, nor is what holds nothing back."""
    quiet = verdict.gate == APPROVAL or not verdict.holds_back
    return dg.AssetCheckSeverity.WARN if quiet else dg.AssetCheckSeverity.ERROR


def evidence_of(verdict: Verdict, key: str, shown: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Return figures and thresholds as metadata by plain names, with the frame at issue from what is shown."""
    told: dict[str, dg.MetadataValue] = {"reason": dg.MetadataValue.text(verdict.reason)}
    picture = PICTURES.get(verdict.gate)
    if picture and picture in shown:
        told[plain_name(picture)] = shown[picture]
        told[LOOK] = dg.MetadataValue.url(page_of(_stage_of(verdict.gate), key))
    for name, value in verdict.evidence.items():
        if isinstance(value, bool) or value is None or not isinstance(value, int | float):
            told[plain_name(name)] = dg.MetadataValue.text(json.dumps(value))
        else:
            told[plain_name(name)] = dg.MetadataValue.float(float(value))
    return told


def _stage_of(gate: str) -> str:
    return next((stage for stage, gates in GATES.items() if gate in gates), "ranked_outputs")
