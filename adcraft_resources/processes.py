"""Whether a process of this machine is there.

Belongs here: asking the system by number. Does not: whose process it is, or what follows.
"""

from __future__ import annotations

import os


def is_there(pid: int) -> bool:
    """Return whether a process of this number exists, anybody's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
