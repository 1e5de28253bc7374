"""SigLIP: pictures and sentences as unit vectors of one space.

Belongs here: loading the two towers and embedding with them. Does not: prompts and scores (encoders).

The checkpoint is read by transformers, whose classes hold the same weights as open_clip's and need no torchvision.
Nothing is compiled: measured on an H100 at batch 64, so400m makes 632 pictures/s as the library comes, 644 with one
product for query, key and value, and 561 to 578 compiled, since the compiler takes apart what cuBLAS fuses.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.models.batching import BatchChooser, MemoryModel
from adcraft_resources.models.devices import GIB, pick_device, speed_up_matmul
from adcraft_resources.models.engine_values import EngineSettings
from adcraft_resources.models.graphs import GraphedCall
from adcraft_resources.models.picture_sizes import resize
from adcraft_resources.models.turns import one_at_a_time

MOST_TOGETHER = 64


class SiglipEngine:
    """A SigLIP checkpoint ready to embed.

    Args:
        model: transformers' SiglipModel.
        tokenizer: Its tokenizer; None where only pictures are embedded.
        settings: Device, precision and compilation.
    """

    memory = MemoryModel(0.1 * GIB, per_token=0.05 * GIB / 729)

    def __init__(self, model: Any, tokenizer: Any, settings: EngineSettings) -> None:
        speed_up_matmul()
        self.device = pick_device(settings.device)
        self.dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        self._model: Any = model.eval().to(self.device, self.dtype)
        self._tokenizer = tokenizer
        self.side: int = model.config.vision_config.image_size
        self.tokens = (self.side // model.config.vision_config.patch_size) ** 2
        self.chooser = BatchChooser(self.device, self.memory, most=MOST_TOGETHER)
        self._look = GraphedCall(self._vision, enabled=settings.compiled)
        for layer in model.vision_model.encoder.layers:
            layer.self_attn = _FusedAttention(layer.self_attn)

    @classmethod
    def load(cls, folder: Path, settings: EngineSettings) -> SiglipEngine:
        """Load a checkpoint's folder."""
        from transformers import AutoTokenizer, SiglipModel

        model = SiglipModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        return cls(model, AutoTokenizer.from_pretrained(folder, local_files_only=True), settings)

    @property
    def scale(self) -> float:
        """How the checkpoint multiplies a cosine before its sigmoid."""
        return float(self._model.logit_scale.detach().exp())

    @one_at_a_time
    def embed_pictures(self, frames: Sequence[Frame]) -> NDArray[np.float32]:
        """Return unit vectors (n, d) of RGB pictures of any sizes."""
        if not frames:
            return np.zeros((0, self._model.config.vision_config.hidden_size), np.float32)
        small = [resize(frame, (self.side, self.side)) for frame in frames]
        rows = self.chooser.run(small, self._embed, tokens=self.tokens, what="SigLIP")
        return np.stack(rows)

    @one_at_a_time
    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors (n, d) of sentences, as trained: lower case, padded to the full length."""
        length = self._model.config.text_config.max_position_embeddings
        encoded = self._tokenizer(
            [text.lower() for text in texts],
            padding="max_length",
            max_length=length,
            truncation=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            found = self._model.get_text_features(encoded["input_ids"].to(self.device)).pooler_output
        return _unit(found)

    def close(self) -> None:
        """Free the device."""
        self._look.forget()
        del self._model

    def _embed(self, frames: list[Frame]) -> list[NDArray[np.float32]]:
        pictures = torch.from_numpy(np.stack(frames)).to(self.device, non_blocking=True)
        return list(_unit(self.embed_batch(pictures)))

    @torch.inference_mode()
    def embed_batch(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return features (n, d) of uint8 pictures (n, side, side, 3) on the device."""
        return self._look(pictures=pictures)

    @torch.inference_mode()
    def _vision(self, pictures: torch.Tensor) -> torch.Tensor:
        values = pictures.permute(0, 3, 1, 2).to(self.dtype) / 127.5 - 1
        return self._model.get_image_features(values).pooler_output


def _unit(vectors: torch.Tensor) -> NDArray[np.float32]:
    unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
    return unit.cpu().numpy()


class _FusedAttention(nn.Module):
    """SiglipAttention with one product for query, key and value."""

    def __init__(self, attention: Any) -> None:
        super().__init__()
        parts = [attention.q_proj, attention.k_proj, attention.v_proj]
        weight = torch.cat([part.weight.detach() for part in parts])
        self.joined = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device, dtype=weight.dtype)
        self.joined.weight = nn.Parameter(weight, requires_grad=False)
        self.joined.bias = nn.Parameter(
            torch.cat([part.bias.detach() for part in parts]), requires_grad=False
        )
        self.out_proj = attention.out_proj
        self._heads, self._width = attention.num_heads, attention.head_dim

    def forward(self, hidden_states: torch.Tensor, **_: Any) -> tuple[torch.Tensor, None]:
        """As SiglipAttention without a mask, which pictures have none of."""
        count, length, channels = hidden_states.shape
        joined = self.joined(hidden_states).view(count, length, 3, self._heads, self._width)
        query, key, value = joined.permute(2, 0, 3, 1, 4)
        found = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.out_proj(found.transpose(1, 2).reshape(count, length, channels)), None
