"""JPEGs of unusual sampling factors: Pillow decodes them, and a second decode tells damage.

Pillow passes no warning of libjpeg on. So the same file is decoded again with more bytes where the
coded data of a scan ends: if the pixels differ, the decoder read on there, and data is missing.
Then with other bytes at the end: if the pixels are the same, the decoder lost its place before.
"""

import io
import itertools
import re

from PIL import Image, ImageChops, JpegImagePlugin

from ....errors import ImageError
from ....results import FileStatus
from ...failures import DECODER_ERRORS
from .markers import JpegMarkers, regular

_END_OF_CODES = re.compile(rb"\xff[\x01-\xfe]")
_RESTARTS, _EOI, _SOS = range(0xD0, 0xD8), 0xD9, 0xDA

_OTHER_BYTES = bytes(range(0xB5, 0xF5))
"""No zeros, which libjpeg takes where data is missing, and no marker."""

_MOST_ENDS = 10_000
"""Restarts and scans, counted from the end, whose data may be found missing."""

_LAST_BLOCK, _LAST_BLOCKS = 8, 128
"""Bytes that hold the last block, and all blocks of a component that lie off the picture's edge."""


def decode_unusual(data: bytes, markers: JpegMarkers) -> tuple[Image.Image, ImageError | None]:
    """Decode a JPEG of any sampling factors that libjpeg takes.

    Args:
        data: the whole file.
        markers: its markers, to the end of the file.

    Returns:
        The picture as stored, and what is wrong with it.

    Raises:
        Exception: whatever Pillow raises on damaged data.
    """
    sound = regular(data, markers)
    image = _load(sound)
    ends = _ends_of_codes(sound)
    places = [0, *ends[-_MOST_ENDS:], len(sound)]
    parts = [sound[start:stop] for start, stop in itertools.pairwise(places)]
    if not _is_same(image, _OTHER_BYTES.join(parts)):
        return image, ImageError(FileStatus.TRUNCATED, "premature end of JPEG data")
    # With restarts or refinements the last bytes may matter to no pixel.
    if len(ends) == markers.scans and not markers.is_progressive:
        is_last_seen = markers.scans == len(markers.components) or markers.sampling[-1] == 0x11
        size = _LAST_BLOCK if is_last_seen else _LAST_BLOCKS
        for end in ends:
            changed = sound[: end - size] + (2 * _OTHER_BYTES)[:size] + sound[end:]
            if _is_same(image, changed):
                return image, ImageError(FileStatus.CORRUPT, "extraneous bytes in JPEG data")
    return image, None


def _load(data: bytes) -> Image.Image:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    image.load()
    return image


def _is_same(image: Image.Image, data: bytes) -> bool:
    try:
        other = _load(data)
    except DECODER_ERRORS:
        return False
    bands = zip(image.split(), other.split(), strict=True)
    return all(ImageChops.difference(*pair).getbbox() is None for pair in bands)


def _ends_of_codes(data: bytes) -> list[int]:
    """Return the places where coded data ends: at restarts, and at the end of each scan."""
    ends: list[int] = []
    # The head of a regular JPEG holds segments only.
    position = 2
    while data[position + 1] != _EOI:
        is_scan = data[position + 1] == _SOS
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        while is_scan and (found := _END_OF_CODES.search(data, position)) is not None:
            ends.append(found.start())
            position = found.end() if data[found.end() - 1] in _RESTARTS else found.start()
            is_scan = data[found.end() - 1] in _RESTARTS
    return ends
