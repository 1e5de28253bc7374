"""Who writes the words of a variant: the face of the rooms in this folder.

Belongs here: the public names. Does not: code.
"""

from adcraft_resources.copywriters.roles import Copywriter, EmbeddedCopywriter, GrokCopywriter
from adcraft_resources.hook_sets import CopyBrief, CopyResult, HookSet

__all__ = ["CopyBrief", "CopyResult", "Copywriter", "EmbeddedCopywriter", "GrokCopywriter", "HookSet"]
