from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from adcraft_resources.errors import ResultsInvalid
from adcraft_resources.performance import (
    Delivered,
    PerformanceSettings,
    delivered_of,
    join_results,
    page_of,
    read_results,
    record_delivered,
    report_on,
)
from adcraft_resources.store import BundleStore

HEAD = "Ad name,Ad set name,Impressions,3-second video plays,Link clicks,Amount spent (INR)"
WEIGHTS = {"prompt_fit": 0.4, "first_frame": 0.4, "rules": 0.2}


def sheet(folder: Path, *rows: str, head: str = HEAD) -> Path:
    path = folder / "results.csv"
    path.write_text("\ufeff" + "\r\n".join([head, *rows]) + "\r\n", encoding="utf-8")
    return path


def made(name: str, key: str = "soap__hero", rank: int = 1, **parts: float) -> Delivered:
    style, hook, treatment, opening = name.split("_")[1].split("-")
    levels = {"style": style, "hook": hook, "treatment": treatment, "opening": opening}
    values = {part: parts.get(part, 0.5) for part in WEIGHTS}
    score = sum(WEIGHTS[part] * value for part, value in values.items())
    return Delivered(name, key, name[3:], rank, score, values, levels)


GOLD, CLEAN = made("01_gold-h1-card-close", first_frame=0.9), made("02_clean-h1-card-close", rank=2)


def test_days_of_an_ad_are_summed_and_the_total_row_is_left_out(tmp_path):
    path = sheet(
        tmp_path,
        '01_gold-h1-card-close,s,"1,200",300,12,9.5',
        "01_gold-h1-card-close,s,800,200,8,4.5",
        ",,2000,500,20,14",
    )
    (row,) = read_results(path)
    assert (row.impressions, row.plays, row.clicks) == (2000, 500, 20)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (["a,s,0,0,0,0"], "line 2: 'a' has zero impressions"),
        (["a,s,100,101,0,0"], "more plays or clicks than impressions"),
        (["a,s,many,1,0,0"], "line 2: impressions is 'many', no count"),
        (["a,s,-5,1,0,0"], "is '-5', no count"),
        (["a,s,12.5,1,0,0"], "is '12.5', no count"),
        (["a,s,٣٤,1,0,0"], "no count"),
        (["a,s,1e400,1,0,0"], "no count"),
        ([], "no row with an ad name"),
        ([f"a{n},s,0,0,0,0" for n in range(9)], r"and 4 more"),
    ],
)
def test_cells_that_cannot_be_are_named_with_their_line(tmp_path, rows, fault: str):
    with pytest.raises(ResultsInvalid, match=fault):
        read_results(sheet(tmp_path, *rows))


def test_a_missing_column_file_or_text_is_named_with_the_remedy(tmp_path):
    with pytest.raises(ResultsInvalid, match=r"no column '3-second video plays'.*Add the column"):
        read_results(sheet(tmp_path, "a,1,2", head="Ad name,Impressions,Link clicks"))
    with pytest.raises(ResultsInvalid, match="can't be read"):
        read_results(tmp_path / "none.csv")
    (tmp_path / "x.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ResultsInvalid, match="not as XLSX"):
        read_results(tmp_path / "x.csv")


def test_names_never_handed_out_are_refused(tmp_path):
    rows = read_results(sheet(tmp_path, "01_gold-h1-card-close,s,100,30,2,1", "spring sale,s,100,30,2,1"))
    with pytest.raises(ResultsInvalid, match=r"1 of 2 ads .*line 3: 'spring sale'"):
        join_results(rows, [GOLD])
    (pair,) = join_results(rows[:1], [GOLD])
    assert pair[1] is GOLD


def test_a_name_two_ads_share_is_told_apart_by_its_ad_set_or_refused(tmp_path):
    twin = made("01_gold-h1-card-close", key="soap__routine")
    named = "20261126_soap_hook-rate_routine_cell-a"
    (row,) = read_results(sheet(tmp_path, f"01_gold-h1-card-close,{named},100,30,2,1"))
    assert join_results([row], [GOLD, twin])[0][1] is twin
    (unclear,) = read_results(sheet(tmp_path, "01_gold-h1-card-close,my set,100,30,2,1"))
    with pytest.raises(ResultsInvalid, match="Ad set name"):
        join_results([unclear], [GOLD, twin])


def test_what_was_handed_out_is_remembered_across_rankings(tmp_path):
    store = BundleStore(base=str(tmp_path / "store"))
    plans = {
        name: {"style": "gold", "hook": {"id": "h1"}, "treatment": "card", "opening": "close"}
        for name in "ab"
    }
    part = [{"id": "rules", "value": 0.5}]
    first = {"id": "a", "rank": 1, "score": 0.7, "file": "01_a.mp4", "parts": part}
    record_delivered(store, "soap__hero", [first], plans)
    record_delivered(store, "soap__hero", [{**first, "id": "b", "file": "01_b.mp4"}], plans)
    found = {one.name: one for one in delivered_of(store, "soap__hero")}
    assert set(found) == {"01_a", "01_b"}
    assert found["01_a"].levels["hook"] == "h1"
    assert found["01_a"].parts == {"rules": 0.5}


def results(tmp_path, pairs: list[tuple[Delivered, int, int]]):
    lines = [f"{one.name},x_soap_hero_cell-a,{shown},{plays},{plays // 10},1" for one, shown, plays in pairs]
    return join_results(read_results(sheet(tmp_path, *lines)), [one for one, *_ in pairs])


def test_the_report_tells_rates_by_variant_and_factor_with_intervals(tmp_path):
    report = report_on(
        results(tmp_path, [(GOLD, 1000, 300), (CLEAN, 500, 100)]), WEIGHTS, PerformanceSettings()
    )
    gold, clean = report["factors"]["style"]
    assert (gold["level"], clean["level"]) == ("gold", "clean")
    assert gold["hook_rate"]["rate"] == 0.3
    assert gold["hook_rate"]["low"] < 0.3 < gold["hook_rate"]["high"]
    (card,) = report["factors"]["treatment"]
    assert card["hook_rate"]["plays"] == 400
    assert card["ctr"]["rate"] == pytest.approx(40 / 1500, abs=1e-6)
    assert report["ranking"]["hook_rate"]["why_not"] == "2 variants beside a sibling are too few"
    assert "refit" not in report
    page = page_of(json.loads(json.dumps(report)))
    assert "| gold | 1 | 1,000 | 30.00% |" in page


def many(tmp_path, sign: int):
    """Variants whose hook rate follows the first frame's part alone, up or down."""
    rng = np.random.default_rng(1)
    found = []
    for n in range(40):
        first, fit = rng.random(2)
        one = made(f"{n:02d}_gold-h{n}-card-close", first_frame=float(first), prompt_fit=float(fit))
        found.append((one, 20_000, int(20_000 * (0.25 + sign * 0.1 * (first - 0.5)))))
    return results(tmp_path, found)


def test_rank_against_performance_has_the_sign_of_the_truth(tmp_path):
    up = report_on(many(tmp_path, 1), WEIGHTS, PerformanceSettings())["ranking"]["hook_rate"]
    down = report_on(many(tmp_path, -1), WEIGHTS, PerformanceSettings())["ranking"]["hook_rate"]
    assert up["spearman"] > 0.4
    assert up["p"] < 0.05
    assert down["spearman"] < -0.4


def test_a_refit_is_opt_in_keeps_the_old_weights_and_shows_the_change(tmp_path):
    settings = PerformanceSettings(refit=True, shrinkage=2)
    report = report_on(many(tmp_path, 1), WEIGHTS, settings)
    fit = report["refit"]["hook_rate"]
    assert fit["old"] == WEIGHTS
    assert fit["new"]["first_frame"] > 0.5
    assert fit["change"]["first_frame"] == pytest.approx(fit["new"]["first_frame"] - 0.4)
    assert sum(fit["new"].values()) == pytest.approx(1, abs=1e-3)
    assert "put them under ranking.weights" in page_of(report)


def test_too_few_variants_refit_nothing_and_say_so(tmp_path):
    report = report_on(results(tmp_path, [(GOLD, 900, 200)]), WEIGHTS, PerformanceSettings(refit=True))
    assert report["refit"]["hook_rate"]["new"] is None
    assert "fewer than 12" in report["refit"]["hook_rate"]["why_not"]
    assert "Not refitted" in page_of(report)
