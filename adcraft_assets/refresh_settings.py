"""The `refresh` section of config.json: when the night is, and what it does.

Belongs here: the section and its checks. Does not: the refresh.
"""

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dagster._utils.schedules import is_valid_cron_string
from pydantic import Field, field_validator

from adcraft_resources.rotations import Order
from adcraft_resources.sections import Section


class RefreshSettings(Section):
    """The nightly refresh."""

    cron: str = Field(default="0 2 * * *", description="When: minute, hour, day, month, weekday.")
    timezone: str = Field(default="UTC", description="IANA time zone the cron line is meant in.")
    mode: Literal["changed", "rotate"] = Field(
        default="changed",
        description="changed: make what source, config or code changed. rotate: also replace tired variants.",
    )
    rotate: int = Field(default=1, ge=1, le=32, description="Variants replaced a night and video (rotate).")
    rotate_by: Order = Field(
        default="stalest", description="Which variants give way: the stalest, or the worst ranked."
    )
    retries: int = Field(
        default=2, ge=0, le=10, description="Further tries a night gives a video that failed in passing."
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        if not is_valid_cron_string(value):
            raise ValueError(f"{value!r} is no cron line; an example is '0 2 * * *', every night at two")
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{value!r} is no time zone; an example is Asia/Kolkata") from None
        return value
