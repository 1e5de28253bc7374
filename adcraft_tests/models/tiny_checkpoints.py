"""Tiny checkpoints with random weights through the true classes of diffusers and transformers, as a hub lays them out."""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxFillPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen3Config,
    Qwen3ForCausalLM,
    SiglipConfig,
    SiglipModel,
    T5Config,
    T5EncoderModel,
)

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]  # fmt: skip
VOCABULARY = 256 + len(MARKS)


def byte_tokenizer(folder: Path, length: int = 512) -> PreTrainedTokenizerFast:
    """A tokenizer of bytes and the chat marks, saved where a checkpoint keeps its own."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    base = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(alphabet)}, merges=[]))
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    base.decoder = decoders.ByteLevel()
    base.add_special_tokens(MARKS)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=base,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=length,
        chat_template=CHAT,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def awake(model, seed=0, spread=0.1):
    """Random weights strong enough that inputs matter; norms keep their ones."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim > 1:
                value.normal_(0, spread)
            elif name.endswith("bias"):
                value.normal_(0, 0.02)
    return model.eval()


def _scheduler():
    return FlowMatchEulerDiscreteScheduler(
        shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15
    )


def klein(folder: Path) -> Path:
    """FLUX.2-klein: a double and a single block, a VAE of its own, a Qwen3 of 28 layers (27 are read)."""
    torch.manual_seed(0)
    transformer = awake(
        Flux2Transformer2DModel(
            in_channels=32,
            num_layers=1,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=48,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        )
    )
    vae = awake(
        AutoencoderKLFlux2(
            block_out_channels=(8, 8, 8, 8),
            layers_per_block=1,
            latent_channels=8,
            norm_num_groups=4,
            sample_size=64,
        ),
        spread=0.2,
    )
    vae.bn.running_mean.normal_(0, 0.1)
    vae.bn.running_var.uniform_(0.5, 1.5)
    text = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=VOCABULARY,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=28,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
    )
    tokenizer = byte_tokenizer(folder / "tokenizer")
    pipe = Flux2KleinPipeline(_scheduler(), vae, text, tokenizer, transformer, is_distilled=True)
    pipe.save_pretrained(folder)
    return folder


def flux1(folder: Path, kind: str = "schnell") -> Path:
    """FLUX.1: `schnell` (no guidance), `dev` (guidance) or `fill` (384 input channels in the large one)."""
    torch.manual_seed(0)
    latent = 4
    transformer = awake(
        FluxTransformer2DModel(
            in_channels=4 * latent + (4 * latent + 256 if kind == "fill" else 0),
            out_channels=4 * latent,
            num_layers=1,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=24,
            guidance_embeds=kind != "schnell",
            axes_dims_rope=(4, 4, 8),
        )
    )
    vae = awake(
        AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8, 8, 8, 8),
            latent_channels=latent,
            norm_num_groups=4,
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.1159,
            scaling_factor=0.3611,
            sample_size=64,
        ),
        spread=0.2,
    )
    with torch.no_grad():  # no spread: a sample of the latents is their mean
        vae.encoder.conv_out.weight[latent:] = 0
        vae.encoder.conv_out.bias[latent:] = -30
    clip = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=VOCABULARY, hidden_size=24, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=77, eos_token_id=258,
        )
    )  # fmt: skip
    t5 = T5EncoderModel(
        T5Config(vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    )
    one, two = byte_tokenizer(folder / "tokenizer", 77), byte_tokenizer(folder / "tokenizer_2", 512)
    build = FluxFillPipeline if kind == "fill" else FluxPipeline
    build(_scheduler(), vae, clip, one, t5, two, transformer).save_pretrained(folder)
    return folder


def qwen2_vl(folder: Path) -> Path:
    """Qwen2-VL: two layers of each tower, patches of 14 as in the large one."""
    marks = {mark: 256 + at for at, mark in enumerate(MARKS)}
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
            "bos_token_id": None, "eos_token_id": marks["<|im_end|>"], "pad_token_id": marks["<|endoftext|>"],
        },
        vision_config={
            "depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14,
            "spatial_merge_size": 2, "temporal_patch_size": 2,
        },
        image_token_id=marks["<|image_pad|>"],
        video_token_id=marks["<|video_pad|>"],
        vision_start_token_id=marks["<|vision_start|>"],
        vision_end_token_id=marks["<|vision_end|>"],
        tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(0)
    model = awake(Qwen2VLForConditionalGeneration(config), spread=0.25)
    model.generation_config.eos_token_id = marks["<|im_end|>"]
    model.generation_config.pad_token_id = marks["<|endoftext|>"]
    model.save_pretrained(folder)
    byte_tokenizer(folder, 4096)
    return folder


def siglip(folder: Path) -> Path:
    """SigLIP: two layers of each tower, pictures of 32 pixels."""
    config = SiglipConfig(
        text_config={
            "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 2, "max_position_embeddings": 64, "projection_size": 32,
            "pad_token_id": 256, "bos_token_id": None, "eos_token_id": 258,
        },
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 32, "patch_size": 8,
        },
    )  # fmt: skip
    torch.manual_seed(0)
    awake(SiglipModel(config), spread=0.15).save_pretrained(folder)
    byte_tokenizer(folder, 64)
    return folder


MAKERS = {
    "black-forest-labs/FLUX.2-klein-4B": klein,
    "black-forest-labs/FLUX.1-schnell": flux1,
    "Qwen/Qwen2-VL-7B-Instruct": qwen2_vl,
    "google/siglip-so400m-patch14-384": siglip,
}


def file_names(folder: Path) -> list[str]:
    """Every file of a checkpoint, as the hub lists them."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def config_of(folder: Path, part: str) -> dict:
    """A part's config."""
    return json.loads((folder / part / "config.json").read_text())
