"""Attention of one new token over a long cache whose heads are shared by groups of queries.

Belongs here: that one kernel-free formulation, and teaching it to a transformers model. Does not: attention over many
tokens, which stays torch's own.

transformers repeats keys and values for every query head before it calls torch's attention. With a mask and one query
that is most of the work: 7 copies of a cache that need be read only once.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from typing import Any

import torch

NAME = "adcraft_grouped"


def attend_to_groups(model: Any) -> None:
    """Let the language model of a Qwen2-VL use grouped attention when it decodes."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
    model.model.language_model.config._attn_implementation = NAME  # noqa: SLF001 - the name transformers reads


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    if query.shape[2] != 1:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    return grouped_attention(query, key, value, attention_mask, scaling), None


def grouped_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visible: torch.Tensor | None,
    scaling: float | None = None,
) -> torch.Tensor:
    """Attend with one query a head over fewer key heads.

    Args:
        query: (b, heads, 1, d).
        key: (b, groups, n, d); heads is a multiple of groups.
        value: As `key`.
        visible: (b, 1, 1, n) bool; all where None.
        scaling: Of the products; 1/√d by default.

    Returns:
        (b, 1, heads, d).
    """
    count, heads, _, width = query.shape
    groups = key.shape[1]
    asked = query.reshape(count, groups, heads // groups, width)
    scores = (asked @ key.transpose(2, 3)).float() * (scaling or width**-0.5)
    if visible is not None:
        scores = scores.masked_fill(~visible, float("-inf"))
    found = scores.softmax(-1).to(value.dtype) @ value
    return found.reshape(count, 1, heads, width)
