"""The base of every section of config.json. The sections themselves stand beside the code that uses them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen part of the settings; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
