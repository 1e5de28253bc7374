"""Linear layers in fp8: weights and activations in e4m3 with a scale for every row.

Belongs here: one layer, swapping it in, and the error it makes. Does not: which model wants it.

torchao's row-wise quantisation did not finish compiling these models (facts of 2026-10); this layer is small enough
to compile in the same time as the bf16 one.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

E4M3_MAX = 448.0
_ALIGNED = 16  # what the matrix units ask of both sides
FP8 = torch.float8_e4m3fn


class Fp8Linear(nn.Module):
    """A frozen linear layer: row-wise fp8 weights, activations quantised row by row on the way in."""

    def __init__(self, linear: nn.Linear, device: torch.device) -> None:
        super().__init__()
        weight = linear.weight.detach().to(device)
        scale = weight.abs().amax(dim=1, keepdim=True).float().clamp(min=1e-12) / E4M3_MAX
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight: torch.Tensor
        self.scale: torch.Tensor
        self.bias: torch.Tensor | None
        self.register_buffer("weight", _to_fp8(weight.float() / scale))
        self.register_buffer("scale", scale.t().contiguous())
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().to(device))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """X (..., in) → (..., out) in x's own type."""
        rows = x.reshape(-1, self.in_features)
        scale = rows.abs().amax(dim=1, keepdim=True).float().clamp(min=1e-12) / E4M3_MAX
        quantised = _to_fp8(rows.float() / scale)
        out = _multiply(quantised, scale, self.weight, self.scale, self.bias, x.dtype)
        return out.reshape(*x.shape[:-1], self.out_features)


def _to_fp8(values: torch.Tensor) -> torch.Tensor:
    return values.clamp(-E4M3_MAX, E4M3_MAX).to(FP8)


def _multiply(
    a: torch.Tensor,
    a_scale: torch.Tensor,
    weight: torch.Tensor,
    w_scale: torch.Tensor,
    bias: torch.Tensor | None,
    dtype: torch.dtype,
) -> torch.Tensor:
    if a.is_cuda:
        return torch._scaled_mm(  # pyright: ignore[reportPrivateImportUsage]  # noqa: SLF001 - torch offers no other
            a, weight.t(), scale_a=a_scale, scale_b=w_scale, bias=bias, out_dtype=dtype, use_fast_accum=True
        )
    out = (a.float() @ weight.float().t()) * a_scale * w_scale
    return (out if bias is None else out + bias.float()).to(dtype)


def swap_linears(
    root: nn.Module, wanted: Callable[[str], bool], device: torch.device, home: torch.device | None = None
) -> int:
    """Replace the linear layers below `root` whose dotted name is `wanted` by fp8 ones; return how many.

    Weights that wait in RAM come over one layer at a time, so the device never holds the model at full width. Layers
    whose sides are no multiples of 16 stay as they are. They are quantised on `device` and stay there, or go `home`.
    """
    names = [
        name
        for name, module in root.named_modules()
        if isinstance(module, nn.Linear)
        and wanted(name)
        and module.in_features % _ALIGNED == 0
        and module.out_features % _ALIGNED == 0
    ]
    for name in names:
        parent, _, leaf = name.rpartition(".")
        owner = root.get_submodule(parent)
        linear = owner.get_submodule(leaf)
        assert isinstance(linear, nn.Linear)  # noqa: S101 - chosen above
        swapped = Fp8Linear(linear, device).to(home or device)
        if isinstance(owner, nn.ModuleList | nn.Sequential):
            owner[int(leaf)] = swapped
        else:
            setattr(owner, leaf, swapped)
    return len(names)


def relative_error(exact: torch.Tensor, other: torch.Tensor) -> float:
    """‖other − exact‖ / ‖exact‖, in float32."""
    reference = exact.float()
    return float((other.float() - reference).norm() / reference.norm().clamp(min=1e-12))
