"""The plan of an A/B test."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adcraft_resources.errors import PlanImpossible
from adcraft_resources.hook_sets import HookSet
from adcraft_resources.variants import VariantPlan, VariantSettings, plan_variants, slug_of

STYLES = ["turmeric-gold", "botanical-daylight", "clinical-clean", "kitchen-ugc"]


def hooks_of(count):
    return [
        HookSet(f"h{i + 1}", f"Hook {i + 1}", "text", "head", "en", "template", "curiosity")
        for i in range(count)
    ]


@pytest.mark.parametrize("mode", ["explore", "isolate"])
def test_as_many_spares_as_variants_are_planned_with_slug_ids(mode):
    plans = plan_variants(STYLES, hooks_of(4), VariantSettings(mode=mode), 4, key="soap__hero")
    assert len(plans) == 8
    assert len({p.id for p in plans}) == 8
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", p.id) for p in plans)


def test_exploring_shows_four_styles_and_four_hooks_first():
    plans = plan_variants(STYLES, hooks_of(4), VariantSettings(), 4, key="soap__hero")[:4]
    assert [p.style for p in plans] == STYLES
    assert len({p.hook.id for p in plans}) == len({p.treatment for p in plans}) == 4
    assert len({p.opening for p in plans}) == 3


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 6), st.integers(0, 50))
def test_isolated_plans_differ_from_the_control_in_exactly_one_factor(styles, hooks, count, seed):
    names = [f"style-{i}" for i in range(styles)]
    settings = VariantSettings(mode="isolate", seed=seed)
    control, *others = plan_variants(names, hooks_of(hooks), settings, count, key="k")
    assert control.factor == "control"
    for plan in others:
        changed = [
            f for f in ("style", "hook", "treatment", "opening") if getattr(plan, f) != getattr(control, f)
        ]
        assert changed == [plan.factor]
        assert plan.seed == control.seed


def test_a_style_added_at_the_end_leaves_the_planned_ones_and_their_seeds_alone():
    before = plan_variants(STYLES, hooks_of(4), VariantSettings(), 4, key="k")[:4]
    after = plan_variants([*STYLES, "new"], hooks_of(4), VariantSettings(), 4, key="k")[:4]
    assert before == after


def test_keys_and_seeds_mix_differently():
    made = {
        tuple(p.id for p in plan_variants(STYLES, hooks_of(4), VariantSettings(seed=s), 4, key=k))
        for s in (1, 2, 3)
        for k in ("a", "b")
    }
    assert len(made) == 6


def test_a_plan_survives_json():
    plan = plan_variants(STYLES, hooks_of(1), VariantSettings(), 1, key="k")[0]
    assert VariantPlan.from_dict(plan.to_dict()) == plan


@pytest.mark.parametrize(
    ("styles", "hooks", "count"),
    [([], hooks_of(1), 1), (STYLES, [], 1), (STYLES, hooks_of(1), 0), (STYLES, hooks_of(1) * 2, 1)],
)
def test_nothing_to_plan_with_is_refused(styles, hooks, count):
    with pytest.raises(PlanImpossible, match="soap__hero"):
        plan_variants(styles, hooks, VariantSettings(), count, key="soap__hero")


def test_ids_stay_apart_where_a_slug_loses_letters():
    assert slug_of("h1") == "h1"
    assert slug_of("H 1") != slug_of("h-1")
    assert re.fullmatch(r"[a-z0-9-]+", slug_of("हुक"))
    hooks = [replace(hooks_of(1)[0], id="H1"), replace(hooks_of(1)[0], id="h1")]
    plans = plan_variants(["a"], hooks, VariantSettings(), 12, key="k")
    assert len({p.id for p in plans}) == len(plans) == 24
