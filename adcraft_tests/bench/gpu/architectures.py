"""The true architectures with random weights, and the pipelines a good engineer would take from the libraries.

`tiny` builds the same classes small, so that the whole benchmark can be proved on a CPU.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxFillPipeline,
    FluxImg2ImgPipeline,
    FluxTransformer2DModel,
)


def built(make: Any, device: torch.device) -> Any:
    """Build a module with random weights on the device, bf16 (fp32 on a CPU)."""
    torch.manual_seed(0)
    kept = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32 if device.type == "cpu" else torch.bfloat16)
    try:
        with torch.device(device):
            return make().eval().requires_grad_(requires_grad=False)
    finally:
        torch.set_default_dtype(kept)


def scheduler() -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(
        shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15
    )


def flux1_transformer(device: torch.device, *, fill: bool = False, tiny: bool = False) -> Any:
    """FLUX.1-dev (or Fill): 19 + 38 blocks, 11.9 G parameters."""
    size = (
        {"num_layers": 1, "num_single_layers": 1, "num_attention_heads": 1, "joint_attention_dim": 64}
        if tiny
        else {}
    )
    return built(
        lambda: FluxTransformer2DModel(
            in_channels=384 if fill else 64, out_channels=64, guidance_embeds=True, **size
        ),
        device,
    )


def flux1_vae(device: torch.device, *, tiny: bool = False) -> Any:
    return built(
        lambda: AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(32,) * 4 if tiny else (128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=16,
            use_quant_conv=False,
            use_post_quant_conv=False,
            scaling_factor=0.3611,
            shift_factor=0.1159,
        ),
        device,
    )


def flux1_pipe(device: torch.device, *, fill: bool = False, tiny: bool = False) -> Any:
    """FluxImg2ImgPipeline or FluxFillPipeline, prompts given as embeddings."""
    parts = (
        flux1_vae(device, tiny=tiny),
        None,
        None,
        None,
        None,
        flux1_transformer(device, fill=fill, tiny=tiny),
    )
    return (FluxFillPipeline if fill else FluxImg2ImgPipeline)(scheduler(), *parts)


def klein_pipe(device: torch.device, *, tiny: bool = False) -> Any:
    """FLUX.2-klein-4B: 5 + 20 blocks, 3.9 G parameters, with its own VAE."""
    size = {"num_layers": 1, "num_single_layers": 1, "num_attention_heads": 1, "joint_attention_dim": 96}
    full = {"num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680}
    transformer = built(
        lambda: Flux2Transformer2DModel(in_channels=128, guidance_embeds=False, **(size if tiny else full)),
        device,
    )
    vae = built(lambda: AutoencoderKLFlux2(**({"block_out_channels": (32,) * 4} if tiny else {})), device)
    return Flux2KleinPipeline(scheduler(), vae, None, None, transformer, is_distilled=True)


def qwen_model(device: torch.device, *, tiny: bool = False) -> Any:
    """Qwen2-VL-7B."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    text = {
        "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4, "max_position_embeddings": 32768,
        "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1000000.0},
        "eos_token_id": 151645, "pad_token_id": 151643, "bos_token_id": 151643,
    }  # fmt: skip
    vision = {
        "depth": 32, "embed_dim": 1280, "hidden_size": 3584, "num_heads": 16, "mlp_ratio": 4, "patch_size": 14,
        "spatial_merge_size": 2, "temporal_patch_size": 2,
    }  # fmt: skip
    if tiny:
        text |= {"hidden_size": 128, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1, "num_key_value_heads": 1}  # fmt: skip
        vision |= {"depth": 2, "embed_dim": 32, "hidden_size": 128, "num_heads": 2}
    config = Qwen2VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=151655,
        video_token_id=151656,
        vision_start_token_id=151652,
        vision_end_token_id=151653,
        tie_word_embeddings=False,
    )
    return built(lambda: Qwen2VLForConditionalGeneration(config), device)


def siglip_model(device: torch.device, *, tiny: bool = False) -> Any:
    """SigLIP so400m, 384 pixels."""
    from transformers import SiglipConfig, SiglipModel

    size = {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
    }
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    chosen = small if tiny else size
    config = SiglipConfig(
        text_config={**chosen, "projection_size": chosen["hidden_size"], "vocab_size": 32000},
        vision_config={**chosen, "image_size": 56 if tiny else 384, "patch_size": 14},
    )
    return built(lambda: SiglipModel(config), device)
