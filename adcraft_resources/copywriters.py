"""Who writes the words of a variant: templates on any machine, Grok where there is a key.

Belongs here: the `Copywriter` role and its two makers. Does not: the records and limits (hook_sets), banned
claims (claims), the lines themselves (prompts/hooks_*.json).
"""

from adcraft_resources.hook_sets import CopyBrief, CopyResult, HookSet

__all__ = ["CopyBrief", "CopyResult", "HookSet"]
