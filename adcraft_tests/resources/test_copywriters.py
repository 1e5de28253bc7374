from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adcraft_resources.claims import blocking, lint_copy
from adcraft_resources.copywriters import Copywriter, EmbeddedCopywriter
from adcraft_resources.copywriters.templates import draw_hooks
from adcraft_resources.errors import CopyRefused
from adcraft_resources.hook_sets import CopyBrief, HookSet, fold_copy, limit_faults
from adcraft_tests.scripted_grok import SOAP, Wire, grok, written

LANGUAGES = ("en", "hi", "hi-Latn", "ta", "ar")


def template_answer(body: dict[str, Any]) -> httpx2.Response:
    """What a good model would write: the contract suite's wire, in whatever language was asked for."""
    user = body["messages"][1]["content"]
    language = next(tag for tag in ("hi-Latn", *LANGUAGES) if f"language tag {tag})" in user)
    hooks = draw_hooks(CopyBrief("turmeric_kojic_soap", "", language, seed=1), 12).hooks
    return written(
        *({k: v for k, v in hook.to_dict().items() if k not in {"id", "source"}} for hook in hooks)
    )


WRITERS: list[Callable[[], Copywriter]] = [EmbeddedCopywriter, lambda: grok(Wire(template_answer))]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("make", WRITERS, ids=["embedded", "grok"])
class TestEveryCopywriter:
    def test_writes_distinct_sets_that_keep_every_limit(self, make: Callable[[], Copywriter], language: str):
        result = make().write(CopyBrief("turmeric_kojic_soap", "Haldi Glow", language, seed=5), 12)
        assert len(result.hooks) == 12
        assert len({fold_copy(hook.on_screen) for hook in result.hooks}) == 12
        assert len({hook.id for hook in result.hooks}) == 12
        for hook in result.hooks:
            assert limit_faults(*hook.texts) == []
            assert blocking(lint_copy(hook.texts)) == []
            assert hook.language == language
            assert hook.source == result.source
            assert HookSet.from_dict(hook.to_dict()) == hook

    def test_says_what_it_cost(self, make: Callable[[], Copywriter], language: str):
        usage = make().write(CopyBrief("turmeric_kojic_soap", "", language), 2).usage
        assert {"model", "requests", "prompt_tokens", "completion_tokens", "usd", "seconds"} <= set(usage)

    def test_the_same_brief_gives_the_same_sets(self, make: Callable[[], Copywriter], language: str):
        brief = CopyBrief("turmeric_kojic_soap", "", language, seed=3)
        assert make().write(brief, 4).hooks == make().write(brief, 4).hooks

    def test_an_unknown_language_is_refused_by_name(self, make: Callable[[], Copywriter], language: str):
        with pytest.raises(CopyRefused, match=r"'tlh'.*hi-Latn"):
            make().write(CopyBrief("generic", "", "tlh"), 1)

    def test_nothing_is_written_when_nothing_is_asked(self, make: Callable[[], Copywriter], language: str):
        with pytest.raises(CopyRefused):
            make().write(CopyBrief("generic", "", language), 0)


class TestTemplates:
    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("product_type", ["turmeric_kojic_soap", "generic"])
    def test_every_line_of_every_language_passes_the_review(self, product_type: str, language: str):
        drawn = draw_hooks(CopyBrief(product_type, "", language), 40)
        assert len(drawn.hooks) >= 12
        assert len({hook.principle for hook in drawn.hooks}) == 8
        assert all(lint_copy(hook.texts) == [] for hook in drawn.hooks)
        assert "40 sets were asked for" in drawn.notes[-1]

    def test_the_first_sets_use_different_principles(self):
        assert len({hook.principle for hook in draw_hooks(SOAP, 8).hooks}) == 8

    def test_another_seed_draws_other_lines(self):
        first, second = (draw_hooks(CopyBrief("generic", "", seed=seed), 6).hooks for seed in (1, 2))
        assert first != second

    def test_lines_of_the_old_ad_are_not_used_again(self):
        brief = CopyBrief("turmeric_kojic_soap", "", ad_text=("WHY IS THIS LATHER GOLDEN",))
        assert "Why is this lather golden?" not in {hook.on_screen for hook in draw_hooks(brief, 16).hooks}

    def test_an_unknown_product_type_is_served_by_the_generic_lines_and_says_so(self):
        drawn = draw_hooks(CopyBrief("../../etc/passwd", "Bo"), 2)
        assert "generic" in drawn.notes[0]

    @pytest.mark.parametrize("name", ["Whitening Wonder", "x" * 60])
    def test_a_name_that_may_not_be_said_is_left_out_and_noted(self, name: str):
        drawn = draw_hooks(CopyBrief("turmeric_kojic_soap", name), 16)
        assert len(drawn.hooks) == 16
        assert not any(name in hook.primary_text for hook in drawn.hooks)
        assert "left out" in drawn.notes[0]

    @pytest.mark.parametrize("tag", ["en-IN", "EN_us", "English", "hinglish", "hi-Latn-IN", "hi-IN"])
    def test_usual_spellings_of_a_language_are_understood(self, tag: str):
        assert draw_hooks(CopyBrief("generic", "", tag), 1).hooks

    @settings(max_examples=60, deadline=None)
    @given(st.text(max_size=80), st.integers(), st.sampled_from(LANGUAGES))
    def test_any_name_and_seed_give_lines_that_keep_the_rules(self, name: str, seed: int, language: str):
        hooks = draw_hooks(CopyBrief("turmeric_kojic_soap", name, language, seed=seed), 6).hooks
        assert len(hooks) == 6
        assert all(limit_faults(*hook.texts) == [] for hook in hooks)
