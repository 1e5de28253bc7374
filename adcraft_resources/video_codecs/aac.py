"""AAC access units filled up to a constant rate, as hardware and broadcast encoders do.

Belongs here: the bit surgery. Does not: encoding.
"""

from __future__ import annotations

_END = 0b111  # id_syn_ele of the element that closes a raw data block (ISO/IEC 14496-3, table 4.85)
_FILL = 0b110
_LONG = 15  # count that says that an escape count follows
_LONGEST = 269  # bytes one fill element can carry
_HEADER_BITS = 15  # id, count and escape count


def filled(unit: bytes, size: int) -> bytes:
    """Bring a raw AAC access unit up to about `size` bytes with fill elements, which decoders skip.

    Simple sound codes to less than the rate asked for; platforms then report a rate below their floor. A unit that
    does not end as one should, or is large enough, is returned as it is.
    """
    bits = int.from_bytes(unit)
    padding = (bits & -bits).bit_length() - 1
    missing = size - len(unit) - 2  # an element's own header takes two bytes
    if missing < _LONG or padding > 7 or (bits >> padding) & _END != _END:  # noqa: PLR2004
        return unit
    bits >>= padding + 3
    length = 8 * len(unit) - padding - 3
    while missing >= _LONG:
        count = min(missing, _LONGEST)
        bits = ((bits << 3 | _FILL) << 4 | _LONG) << 8 | count - _LONG + 1
        bits <<= 8 * count
        length += _HEADER_BITS + 8 * count
        missing -= count + 2
    bits, length = bits << 3 | _END, length + 3
    spare = -length % 8
    return (bits << spare).to_bytes((length + spare) // 8)
