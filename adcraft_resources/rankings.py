"""The ranking section of config.json.

Belongs here: weights and thresholds a user may set. Does not: the formulas (algorithms.score_parts) or the order
(algorithms.ranking), which take these as values.
"""

from pydantic import Field

from adcraft_resources.sections import Section


class RankingWeights(Section):
    """Weight of each part of the score; only their proportions count, 0 leaves a part out."""

    prompt_fit: float = Field(
        default=0.30, ge=0, description="How well colours, light and subject suit the product."
    )
    first_frame: float = Field(default=0.20, ge=0, description="How well the first frame catches the eye.")
    steadiness: float = Field(default=0.15, ge=0, description="How steady the look is against the source.")
    product_visibility: float = Field(
        default=0.15, ge=0, description="How much of the first 3 s shows the product."
    )
    structure: float = Field(default=0.05, ge=0, description="How well the SSIM sits inside its band.")
    rules: float = Field(default=0.15, ge=0, description="Share of the creative rules that hold.")


class RankingSettings(Section):
    """How variants are scored and picked (config.json `ranking`)."""

    weights: RankingWeights = RankingWeights()
    diversity: float = Field(
        default=0.3, ge=0, le=1, description="0 picks by score alone, 1 by difference alone (MMR's 1 − λ)."
    )
    duplicate_cosine: float = Field(
        default=0.97, ge=0, le=1, description="Descriptors at least this alike may be near-duplicates."
    )
    duplicate_bits: float = Field(
        default=10,
        ge=0,
        le=64,
        description="Perceptual hashes at most this many bits apart may be near-duplicates.",
    )
