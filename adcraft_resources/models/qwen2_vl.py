"""Qwen2-VL: questions about pictures, answered together.

Belongs here: preparing pictures and prompts, and greedy decoding with a static cache. Does not: what is asked and what
an answer means (text_detectors). Decoding is one CUDA graph per batch size, so nothing waits for a compiler.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adcraft_resources.algorithms.values import Frame
from adcraft_resources.models.batching import BatchChooser, MemoryModel
from adcraft_resources.models.devices import GIB, pick_device, speed_up_matmul
from adcraft_resources.models.engine_values import EngineSettings
from adcraft_resources.models.graphs import GraphedCall
from adcraft_resources.models.grouped_attention import attend_to_groups
from adcraft_resources.models.picture_sizes import resize
from adcraft_resources.models.turns import one_at_a_time

MOST_TOGETHER = 8
MOST_PIXELS = 1092 * 1932
LEAST_PIXELS = 56 * 56
LOOK_EVERY = 16  # tokens between two looks whether all have ended
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
_SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
_OPEN, _PICTURE, _CLOSE = "<|vision_start|>", "<|image_pad|>", "<|vision_end|>"


@dataclass(frozen=True)
class Question:
    """A picture and what is asked about it. The text is data: markers of the chat format in it are defused."""

    frame: Frame
    text: str


class QwenEngine:
    """A Qwen2-VL checkpoint ready to answer.

    Args:
        model: transformers' Qwen2VLForConditionalGeneration.
        tokenizer: Its tokenizer.
        settings: Device and precision.
    """

    memory = MemoryModel(0.3 * GIB, per_token=0.62 * GIB / 2753)
    """Measured on an H200 with the 7B: (20.0 − 15.4) GiB for 8 pictures of 2753 tokens, cache included."""

    def __init__(self, model: Any, tokenizer: Any, settings: EngineSettings) -> None:
        speed_up_matmul()
        attend_to_groups(model)
        self.device = pick_device(settings.device)
        self.dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        self._model: Any = model.eval().to(self.device, self.dtype)
        self._tokenizer = tokenizer
        vision = model.config.vision_config
        self._patch, self._merge, self._frames = (
            vision.patch_size,
            vision.spatial_merge_size,
            vision.temporal_patch_size,
        )
        self.chooser = BatchChooser(self.device, self.memory, most=MOST_TOGETHER)
        self._decoders: dict[tuple[int, int], _Decoder] = {}
        self._graphs = settings.compiled

    @classmethod
    def load(cls, folder: Path, settings: EngineSettings) -> QwenEngine:
        """Load a checkpoint's folder."""
        from transformers import AutoTokenizer, Qwen2VLForConditionalGeneration

        kind = torch.float32 if pick_device(settings.device).type == "cpu" else torch.bfloat16
        model = Qwen2VLForConditionalGeneration.from_pretrained(folder, local_files_only=True, dtype=kind)
        return cls(model, AutoTokenizer.from_pretrained(folder, local_files_only=True), settings)

    @one_at_a_time
    def ask(self, questions: Sequence[Question], most_tokens: int = 512) -> list[str]:
        """Answer every question with at most `most_tokens` tokens, greedily."""
        if not questions:
            return []
        height, width = fit_picture(*_size_of(questions[0].frame), self._patch * self._merge)
        tokens = height * width // (self._patch * self._merge) ** 2 + 64 + most_tokens

        def call(batch: list[Question]) -> list[str]:
            return self._answer(batch, (height, width), most_tokens)

        return self.chooser.run(questions, call, tokens=tokens, what="Qwen2-VL")

    def close(self) -> None:
        """Free the device."""
        self._decoders.clear()
        del self._model

    def _answer(self, batch: list[Question], size: tuple[int, int], most: int) -> list[str]:
        ids = self.generate(self._inputs(batch, size), most)
        return [self._tokenizer.decode(row, skip_special_tokens=True).strip() for row in self._ended(ids)]

    def _ended(self, rows: torch.Tensor) -> list[list[int]]:
        ends = self._ends()
        cut = []
        for row in rows.tolist():
            stop = next((i for i, token in enumerate(row) if token in ends), len(row))
            cut.append(row[:stop])
        return cut

    def _ends(self) -> set[int]:
        found = self._model.generation_config.eos_token_id
        ends = found if isinstance(found, list) else [found]
        return {*(one for one in ends if one is not None), self._tokenizer.eos_token_id}

    @torch.inference_mode()
    def generate(self, inputs: dict[str, Any], most: int, *, until_end: bool = True) -> torch.Tensor:
        """Return up to `most` new tokens of each row, (n, k)."""
        model, mask = self._model, inputs["attention_mask"]
        rows, length = inputs["input_ids"].shape
        positions, _ = model.model.get_rope_index(
            inputs["input_ids"],
            mm_token_type_ids=inputs["mm_token_type_ids"],
            image_grid_thw=inputs["image_grid_thw"],
            attention_mask=mask,
        )
        decoder = self._decoder(rows, length + most)
        decoder.reset()
        out = model(
            input_ids=inputs["input_ids"],
            attention_mask=None if bool(mask.all()) else mask,
            position_ids=positions,
            pixel_values=inputs["pixel_values"],
            image_grid_thw=inputs["image_grid_thw"],
            past_key_values=decoder.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        token = out.logits[:, -1].argmax(-1, keepdim=True)
        following = positions.masked_fill(~mask.bool()[None], 0).amax(dim=(0, 2)) + 1
        return self._decode(decoder, token, following, mask, most, until_end=until_end)

    def _decode(
        self,
        decoder: _Decoder,
        token: torch.Tensor,
        position: torch.Tensor,
        mask: torch.Tensor,
        most: int,
        *,
        until_end: bool,
    ) -> torch.Tensor:
        rows, length = mask.shape
        visible = torch.zeros(rows, decoder.length, dtype=torch.bool, device=self.device)
        visible[:, :length] = mask.bool()
        index = torch.tensor([length], device=self.device)
        made, ended = [token], torch.zeros_like(token, dtype=torch.bool)
        ends = torch.tensor(sorted(self._ends()), device=self.device)
        for count in range(1, most):
            ended |= torch.isin(token, ends)
            if until_end and count % LOOK_EVERY == 0 and bool(ended.all()):
                break
            visible[:, length + count - 1] = True
            token = decoder.step(token=token, position=position, visible=visible, index=index).clone()
            position, index = position + 1, index + 1
            made.append(token)
        return torch.cat(made, dim=1)

    def _decoder(self, rows: int, length: int) -> _Decoder:
        length = -(-length // 256) * 256  # a few lengths, so that graphs are reused
        key = (rows, length)
        if key not in self._decoders:
            self._decoders.clear()  # one cache at a time: it is the largest thing beside the weights
            self._decoders[key] = _Decoder(self._model, length, graphs=self._graphs)
        return self._decoders[key]

    def _inputs(self, batch: list[Question], size: tuple[int, int]) -> dict[str, Any]:
        frames = torch.from_numpy(np.stack([resize(one.frame, size) for one in batch])).to(self.device)
        grid = [1, size[0] // self._patch, size[1] // self._patch]
        seen = grid[1] * grid[2] // self._merge**2
        pad = self._tokenizer.convert_tokens_to_ids(_PICTURE)
        rows = [
            self._tokenizer(_prompt(one.text, seen), return_tensors="np")["input_ids"][0] for one in batch
        ]
        longest = max(len(row) for row in rows)
        filler = self._tokenizer.pad_token_id or 0
        ids = np.full((len(rows), longest), filler, np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for place, row in enumerate(rows):
            ids[place, longest - len(row) :], mask[place, longest - len(row) :] = row, 1
        tokens = torch.from_numpy(ids).to(self.device)
        return {
            "input_ids": tokens,
            "attention_mask": torch.from_numpy(mask).to(self.device),
            "mm_token_type_ids": (tokens == pad).to(torch.int32),
            "pixel_values": self.patches(frames),
            "image_grid_thw": torch.tensor([grid] * len(batch), device=self.device),
        }

    def patches(self, frames: torch.Tensor) -> torch.Tensor:
        """Cut pictures (n, h, w, 3) uint8 into the model's normalised patches, (n · h/14 · w/14, 1176)."""
        mean, deviation = (torch.tensor(one, device=self.device) for one in (_MEAN, _DEVIATION))
        values = ((frames.float() / 255 - mean) / deviation).permute(0, 3, 1, 2)
        count, channels, height, width = values.shape
        patch, merge = self._patch, self._merge
        rows, columns = height // patch, width // patch
        cut = values.reshape(count, channels, rows // merge, merge, patch, columns // merge, merge, patch)
        cut = cut.permute(0, 2, 5, 3, 6, 1, 4, 7)
        twice = cut.unsqueeze(6).expand(*cut.shape[:6], self._frames, patch, patch)
        return twice.reshape(count * rows * columns, -1).to(self.dtype)


class _Decoder:
    """One static cache and the graph of one greedy step over it."""

    def __init__(self, model: Any, length: int, *, graphs: bool) -> None:
        from transformers import StaticCache

        self.length = length
        self.cache: Any = StaticCache(config=model.config, max_cache_len=length)
        self._model = model
        self.step = GraphedCall(self._run, enabled=graphs)

    def reset(self) -> None:
        """Forget what was said, keep the memory."""
        if self.cache.layers[0].is_initialized:
            self.cache.reset()

    @torch.inference_mode()
    def _run(
        self, token: torch.Tensor, position: torch.Tensor, visible: torch.Tensor, index: torch.Tensor
    ) -> torch.Tensor:
        """The next token (n, 1). `index` is where in the cache this token goes; the cache counts it itself too."""
        for layer in self.cache.layers:
            layer.cumulative_length.copy_(index[0])
        inner = self._model.model
        hidden = inner.language_model(
            inputs_embeds=inner.get_input_embeddings()(token),
            attention_mask=visible[:, None, None, :],
            position_ids=position[None, :, None].expand(3, -1, -1),
            past_key_values=self.cache,
            use_cache=True,
        ).last_hidden_state
        return self._model.lm_head(hidden[:, -1]).argmax(-1, keepdim=True)


def _size_of(frame: Frame) -> tuple[int, int]:
    return frame.shape[0], frame.shape[1]


def fit_picture(height: int, width: int, factor: int) -> tuple[int, int]:
    """Return the size the model sees a picture at: sides divisible by `factor`, pixels within its bounds."""
    tall, wide = (max(factor, round(side / factor) * factor) for side in (height, width))
    if tall * wide > MOST_PIXELS:
        shrink = math.sqrt(height * width / MOST_PIXELS)
        tall, wide = (max(factor, math.floor(side / shrink / factor) * factor) for side in (height, width))
    elif tall * wide < LEAST_PIXELS:
        grow = math.sqrt(LEAST_PIXELS / (height * width))
        tall, wide = (math.ceil(side * grow / factor) * factor for side in (height, width))
    return tall, wide


def _prompt(text: str, picture_tokens: int) -> str:
    safe = text.replace("<|", "< |")
    picture = f"{_OPEN}{_PICTURE * picture_tokens}{_CLOSE}"
    return f"{_SYSTEM}<|im_start|>user\n{picture}{safe}<|im_end|>\n<|im_start|>assistant\n"
