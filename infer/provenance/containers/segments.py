"""Metadata segments of a file, read from its container alone, bounded in number and bytes.

Bytes that the container does not reach do not count: nothing after ``IEND``, the end of a JPEG's
header, a GIF's trailer or the length that a WebP declares. The pixels are passed over.
"""

from dataclasses import dataclass
from enum import Enum, auto

MAX_SEGMENTS = 64
"""Segments of a file that are looked at; usual files have fewer than ten."""

MAX_BLOCKS = 20_000
"""Chunks, boxes or sub-blocks of a file that are passed over."""

MAX_BYTES = 1 << 20
"""Bytes of a segment that are looked at, also after inflating."""

MAX_MANIFEST = 16 << 20
"""Bytes of a C2PA manifest store, which holds thumbnails."""


class Kind(Enum):
    """Kinds of metadata."""

    EXIF = auto()
    """A TIFF file of its own, without the ``Exif`` prefix."""
    XMP = auto()
    IIM = auto()
    """Data sets of IPTC's Information Interchange Model."""
    TEXT = auto()
    """A text with a keyword."""
    C2PA = auto()
    """A manifest store in JUMBF."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Metadata of one kind.

    Attributes:
        kind: how it is to be read.
        content: its bytes, a text's in UTF-8.
        keyword: of a text; else empty.
    """

    kind: Kind
    content: bytes
    keyword: str = ""
