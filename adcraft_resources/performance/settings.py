"""The performance section of config.json."""

from pydantic import Field

from adcraft_resources.sections import Section


class PerformanceSettings(Section):
    """Results that come back from the ad account (config.json `performance`)."""

    results_csv: str = Field(
        default="",
        description="Exported results, one row per ad (or ad and day); relative to config.json. Naming one adds the "
        "asset ad_performance when the code location loads.",
    )
    refit: bool = Field(
        default=False,
        description="Also suggest ranking weights that fit the results; never applied by itself.",
    )
    shrinkage: float = Field(
        default=20.0, gt=0, description="Pull of refitted weights towards the old ones, in variants' worth."
    )
    min_variants: int = Field(default=12, ge=3, description="Fewest joined variants for a refit.")
