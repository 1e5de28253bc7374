import pytest
from pydantic import ValidationError

from adcraft_assets.gate_words import plain_name
from adcraft_resources.comparisons import tell_apart
from adcraft_resources.gates import GateSettings, judge_cleaning, judge_variant, judge_variants

CLEAN = {"scene_ssim_p5": 0.995, "masked_area_max": 0.1, "residual_text": 0.0}
PROBE = {
    "codec": "h264",
    "profile": "High",
    "pix_fmt": "yuv420p",
    "primaries": 1,
    "transfer": 1,
    "matrix": 1,
    "full_range": False,
    "faststart": True,
    "constant_rate": True,
    "fps": "30000/1001",
    "edit_lists": {"video": "b_frame_delay", "audio": "priming"},
    "closed_gop": True,
    "gop_s": 2.0,
    "av_offset_ms": 2.0,
    "sound_lag_ms": -1.0,
    "duration_off_s": 0.0,
}
VARIANT = {"style_ssim": 0.8, "skin_delta_l": None, "probe": PROBE}


@pytest.mark.parametrize(
    ("change", "failing", "words"),
    [
        ({}, set(), ""),
        (
            {"scene_ssim_p5": 0.9},
            {"cleaned_frames_keep_the_scene"},
            "likeness to the source is 0.9000, asked is 0.9800 or more",
        ),
        ({"masked_area_max": 0.6}, {"cleaned_frames_keep_the_scene"}, "60%"),
        ({"residual_text": 0.2}, {"cleaned_frames_show_no_overlay_text"}, "20.00%"),
    ],
)
def test_a_cleaned_ad_is_judged_by_its_figures(change, failing, words):
    verdicts = judge_cleaning({**CLEAN, **change}, GateSettings())
    assert {verdict.gate for verdict in verdicts if not verdict.passed} == failing
    assert words in " ".join(verdict.reason for verdict in verdicts)


def test_the_same_figures_pass_or_fail_by_todays_thresholds():
    figures = {**CLEAN, "scene_ssim_p5": 0.9}
    assert not judge_cleaning(figures, GateSettings())[0].passed
    assert judge_cleaning(figures, GateSettings(scene_ssim_p5=0.85))[0].passed


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"style_ssim": 0.2}, "breaks"),
        ({"style_ssim": 0.995}, "hardly changes"),
        ({"skin_delta_l": 3.0}, "lightens"),
        ({"skin_delta_l": -9.0}, "darkens"),
    ],
)
def test_a_variant_outside_the_band_is_refused_with_the_reason(change, word):
    band, _ = judge_variant({**VARIANT, **change}, GateSettings())
    assert not band.passed
    assert word in band.reason


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("codec", "hevc"),
        ("pix_fmt", "yuv444p"),
        ("faststart", False),
        ("constant_rate", False),
        ("fps", "60"),
        ("edit_lists", {"video": "trim"}),
        ("matrix", 6),
        ("full_range", True),
        ("closed_gop", False),
        ("gop_s", 10.0),
        ("av_offset_ms", 25.0),
        ("sound_lag_ms", -25.0),
        ("duration_off_s", 1.0),
    ],
)
def test_a_file_platforms_would_refuse_is_refused_naming_the_figure(name, value):
    _, plays = judge_variant({**VARIANT, "probe": {**PROBE, name: value}}, GateSettings())
    assert not plays.passed
    assert name in plays.reason


def test_a_silent_variant_has_no_offset_to_judge():
    assert judge_variant(
        {**VARIANT, "probe": {**PROBE, "av_offset_ms": None, "sound_lag_ms": None}}, GateSettings()
    )[1].passed


def test_a_partition_passes_while_one_variant_passes_everything():
    bad = {**VARIANT, "style_ssim": 0.995}
    verdicts = judge_variants({"a": VARIANT, "b": bad}, GateSettings())
    assert all(verdict.passed for verdict in verdicts)
    assert "b: the look hardly changes" in verdicts[0].reason


def test_a_partition_fails_when_no_variant_passes():
    bad = {**VARIANT, "style_ssim": 0.995}
    assert not judge_variants({"b": bad}, GateSettings())[0].passed
    assert not judge_variants({}, GateSettings())[0].passed


def test_a_band_upside_down_is_refused():
    with pytest.raises(ValidationError, match="must lie below"):
        GateSettings(style_ssim=(0.9, 0.4))


@pytest.mark.parametrize(
    ("value", "limit", "digits", "kind", "told"),
    [
        (0.99927, 0.99936, 4, "f", ("0.9993", "0.9994")),
        (0.999346, 0.999352, 4, "f", ("0.9993", "0.9994")),
        (0.999351, 0.999354, 4, "f", ("0.999351", "0.999354")),
        (0.9, 0.98, 4, "f", ("0.9000", "0.9800")),
        (0.98, 0.98, 4, "f", ("0.9800", "0.9800")),
        (0.4501, 0.45, 0, "%", ("45.01%", "45.00%")),
        (0.98 - 1e-14, 0.98, 4, "f", (str(0.98 - 1e-14), "0.98")),
    ],
)
def test_a_figure_and_its_limit_never_look_equal_when_they_differ(value, limit, digits, kind, told):
    assert tell_apart(value, limit, digits=digits, kind=kind) == told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"style_ssim": 0.9920004}, "0.9920004, asked is 0.9920000 or less"),
        ({"skin_delta_l": 2.04}, "lightens skin: +2.04 L*, allowed is +2.00"),
        ({"skin_delta_l": -6.01}, "darkens skin: -6.01 L*, allowed is -6.00"),
    ],
)
def test_a_variant_just_beyond_a_bound_is_told_so_in_figures_that_differ(change, words):
    band, _ = judge_variant({**VARIANT, **change}, GateSettings())
    assert words in band.reason


def test_every_figure_of_a_gate_on_an_ad_has_a_plain_name():
    verdicts = [
        *judge_cleaning({**CLEAN, "scene_worst_frame": 1, "residual_worst_frame": 2}, GateSettings()),
        *judge_variants({"a": VARIANT}, GateSettings()),
    ]
    names = {name for verdict in verdicts for name in verdict.evidence}
    assert {name for name in names if plain_name(name) == name} == set()
