"""The experiment section of config.json."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from adcraft_resources.sections import Section

Metric = Literal["hook_rate", "ctr"]


class ExperimentSettings(Section):
    """How a test is planned and handed over (config.json `experiment`)."""

    metric: Metric = Field(
        default="hook_rate",
        description="What decides: 3-second plays or link clicks, each per impression.",
    )
    baseline: float = Field(default=0.25, gt=0, lt=1, description="The control's expected rate.")
    lift: float = Field(default=0.10, gt=0, description="Smallest relative gain worth finding.")
    power: float = Field(default=0.8, gt=0, lt=1, description="Chance to find that gain where it is there.")
    alpha: float = Field(
        default=0.05, gt=0, lt=1, description="Chance of a false find, over all cells together."
    )
    cells: int = Field(default=5, ge=2, le=5, description="Most cells, the control included.")
    min_days: int = Field(default=7, ge=1, le=90, description="Shortest run: a week has every weekday once.")
    daily_impressions: int | None = Field(
        default=None, ge=1, description="Impressions a day over all cells; tells how many days are needed."
    )
    landing_url: str = Field(
        default="", description="Where the ads lead; without it the sheets leave it open."
    )
    page_id: str = Field(default="", pattern=r"^\d*$", description="Facebook page of the ads.")
    call_to_action: Literal["SHOP_NOW", "LEARN_MORE", "BUY_NOW", "ORDER_NOW", "GET_OFFER"] = "SHOP_NOW"
    utm_source: str = Field(default="meta", pattern=r"^[a-z0-9_-]+$", description="One spelling, everywhere.")
    utm_medium: str = Field(default="paid_social", pattern=r"^[a-z0-9_-]+$")

    @field_validator("landing_url")
    @classmethod
    def _is_a_page(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError(f"{value!r} is no web address; it starts with https://")
        if "#" in value or "utm_" in value:
            raise ValueError(f"{value!r} has a fragment or utm parameters; leave them out, adcraft adds them")
        return value

    @field_validator("lift")
    @classmethod
    def _leaves_a_rate(cls, lift: float, info: object) -> float:
        baseline = getattr(info, "data", {}).get("baseline", 0.0)
        if baseline * (1 + lift) >= 1:
            raise ValueError(f"a baseline of {baseline:g} lifted by {lift:.0%} is no rate below 1")
        return lift
