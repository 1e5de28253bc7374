"""A figure and its limit as people read them: never rounded to the same digits when they differ.

Belongs here: choosing the digits. Does not: what is compared with what (gates).
"""

from typing import Final, Literal

MOST_DIGITS: Final = 12


def tell_apart(
    value: float, limit: float, *, digits: int, kind: Literal["f", "%"] = "f", sign: Literal["", "+"] = ""
) -> tuple[str, str]:
    """Return both with as many digits after the point as tell them apart, `digits` at least.

    Args:
        value: What was measured.
        limit: What it is held against.
        digits: After the point, where these are enough.
        kind: Plain (`f`) or as a percentage (`%`).
        sign: Whether a plus is shown.
    """
    for count in range(digits, MOST_DIGITS):
        told = f"{value:{sign}.{count}{kind}}", f"{limit:{sign}.{count}{kind}}"
        if told[0] != told[1] or value == limit:
            return told
    return str(value), str(limit)
