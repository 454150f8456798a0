"""Zeros inside the coded data of a JPEG, as a lost sector or an unwritten block leaves them.

Most decoders take them for codes, and find their place again behind them. Most encoders cannot
write them: with the standard's tables, 32 zero bytes hold a block of 63 equal coefficients. Only
tables whose first code ends a block write flat areas as zeros.

Source of all codes: ITU-T T.81, annex B.2.4.2 and F.1.2.
"""

from ..tails import zeros_at_end
from .markers import JpegMarkers

_NO_CODE = bytes(32)
_AC, _END_OF_BLOCK, _LENGTHS = 1, 0, 16
"""Class of Huffman tables for AC coefficients, a symbol, and the number of code lengths."""


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
    ends_blocks = [symbol == _END_OF_BLOCK for symbol in _first_symbols(data, markers)]
    # In one scan, the components take turns; in scans of their own, one table is enough.
    writes_zeros = any(ends_blocks) if markers.scans > 1 else all(ends_blocks)
    return not writes_zeros


def _first_symbols(data: bytes, markers: JpegMarkers) -> list[int]:
    """Return the symbol of the code of zeros alone, in each table for AC coefficients.

    Tables of an embedded thumbnail lie in its segment and do not count.
    """
    symbols = []
    for table in markers.huffman_tables:
        content = data[table]
        while len(content) > 1 + _LENGTHS:
            count = sum(content[1 : 1 + _LENGTHS])
            if content[0] >> 4 == _AC:
                symbols.append(content[1 + _LENGTHS])
            content = content[1 + _LENGTHS + count :]
    return symbols
