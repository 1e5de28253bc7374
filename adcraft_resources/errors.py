"""Every error adcraft raises on purpose: named for the event, with the remedy in the message.

Belongs here: exceptions that cross rooms. Does not: handling them, or anything that imports another room.
"""

from __future__ import annotations


class AdcraftError(Exception):
    """Something a person can act on.

    Args:
        message: What happened, naming the input.
        remedy: What to do about it, as a sentence.

    `transient` says whether trying again unchanged can help.
    """

    transient = False

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy


class ConfigInvalid(AdcraftError):
    """config.json or a command-line value is wrong."""


class ConfigUnreadable(ConfigInvalid):
    """config.json is no whole JSON, as while somebody writes it; trying again may help."""

    transient = True


class SourceRefused(AdcraftError):
    """A source is not allowed: private address, too large, wrong type."""


class SourceMissing(AdcraftError):
    """A source does not exist (404, no such file, unknown sample)."""


class SourceUnreachable(AdcraftError):
    """A source did not answer in time or broke off; trying again may help."""

    transient = True


class VideoUnreadable(AdcraftError):
    """A file is no video that can be decoded to its end."""


class VideoUnwritable(AdcraftError):
    """An encoder refused its input or the disk is full."""


class StoreDamaged(AdcraftError):
    """A bundle of the store is missing or does not match its manifest."""


class StoreUnreachable(AdcraftError):
    """The object store did not answer as it should; trying again may help."""

    transient = True


class FolderTaken(AdcraftError):
    """A folder that is to be written holds what adcraft did not make."""


class StoreRefused(AdcraftError):
    """The object store does not let us in, or has no such bucket."""


class UpstreamMissing(AdcraftError):
    """A stage was asked to run before the stage it reads."""


class GateFailed(AdcraftError):
    """An upstream gate says no."""


class ModelUnavailable(AdcraftError):
    """A model, key or device this profile needs is not there."""


class ModelUnreachable(AdcraftError):
    """A model's service did not answer in time or is overloaded; trying again may help."""

    transient = True


class CopyRefused(AdcraftError):
    """Ad copy broke a rule (length, banned claim, format) and could not be repaired."""


class ContentRefused(AdcraftError):
    """A content filter objects to what a model was asked for or made."""


class RightsUnstated(AdcraftError):
    """A watermark would be removed from footage nobody said they own or license."""


class ResultsInvalid(AdcraftError):
    """An exported results CSV can't be read, or names what was never delivered."""


class PlanImpossible(AdcraftError):
    """No variant plan satisfies the settings."""
