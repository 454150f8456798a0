"""Zeros inside the coded data of a JPEG, as a lost sector or an unwritten block leaves them.

Most decoders take them for codes, and find their place again behind them. Most encoders cannot
write them: with the standard's tables, 32 zero bytes hold a block of 63 equal coefficients. Only
tables whose first code ends a block write flat areas as zeros.

Source of all codes: ITU-T T.81, annex B.2.4.2 and F.1.2.
"""

from ..tails import zeros_at_end
from .markers import JpegMarkers

_NO_CODE = bytes(32)
_TABLES, _AC, _END_OF_BLOCK, _LENGTHS = b"\xff\xc4", 1, 0, 16
"""Marker of Huffman tables, their class for AC coefficients, a symbol, and code lengths."""


def has_hole(data: bytes, markers: JpegMarkers) -> bool:
    """Return whether the coded data of a sequential JPEG holds zeros that its tables cannot write.

    Zeros before the end mark do not count: they cost no pixel, or the data ends early.
    """
    if markers.is_progressive or not markers.scans:
        return False
    end = len(data) if markers.end is None else markers.end
    coded = slice(markers.first_scan, end)
    if data.find(_NO_CODE, coded.start, end) < 0:
        return False
    if data.find(_NO_CODE, coded.start, end - zeros_at_end(data, coded)) < 0:
        return False
    ends_blocks = [symbol == _END_OF_BLOCK for symbol in _first_symbols(data[:end])]
    # In one scan, the components take turns; in scans of their own, one table is enough.
    writes_zeros = any(ends_blocks) if markers.scans > 1 else all(ends_blocks)
    return not writes_zeros


def _first_symbols(data: bytes) -> list[int]:
    """Return the symbol of the code of zeros alone, in each table for AC coefficients."""
    symbols = []
    position = data.find(_TABLES)
    while position >= 0:
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        content = data[position + 4 : position + 2 + length]
        while len(content) > 1 + _LENGTHS:
            count = sum(content[1 : 1 + _LENGTHS])
            if content[0] >> 4 == _AC:
                symbols.append(content[1 + _LENGTHS])
            content = content[1 + _LENGTHS + count :]
        position = data.find(_TABLES, position + 2)
    return symbols
