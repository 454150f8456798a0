"""Facts about a file that a classifier can learn without looking at the picture."""

import io
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image, JpegImagePlugin

_BASE_TABLE_SUM = 3685
"""Sum of the luminance table of ITU-T T.81, annex K.1, to which libjpeg's quality 50 is equal."""

_FORMATS = ("JPEG", "PNG", "WEBP")


class Chroma(StrEnum):
    """Chroma subsampling of a JPEG file."""

    FULL = "4:4:4"
    HALF = "4:2:2"
    QUARTER = "4:2:0"
    OTHER = "other"
    NONE = "no JPEG"


_CHROMA = {0: Chroma.FULL, 1: Chroma.HALF, 2: Chroma.QUARTER}
"""Chroma by the numbers of ``JpegImagePlugin.get_sampling``."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Facts about one file.

    Attributes:
        format: Pillow's name, such as ``JPEG``.
        width: pixels as stored.
        height: pixels as stored.
        bytes: size of the file.
        quality: quality of a JPEG's luminance table on libjpeg's scale of 1 to 100; 0 for other
            formats.
        chroma: its chroma subsampling.
    """

    format: str
    width: int
    height: int
    bytes: int
    quality: float = 0.0
    chroma: Chroma = Chroma.NONE

    def features(self) -> list[float]:
        """Facts as numbers for a classifier, in the order of ``FEATURES``."""
        formats = [float(self.format == name) for name in _FORMATS]
        kinds = [float(self.chroma is chroma) for chroma in Chroma]
        shape = [float(self.width), float(self.height), self.width / self.height]
        return [*formats, *shape, self.bytes / (self.width * self.height), self.quality, *kinds]


FEATURES = (
    *(f"is {name}" for name in _FORMATS),
    "width",
    "height",
    "aspect",
    "bytes per pixel",
    "quality",
    *(f"chroma {chroma}" for chroma in Chroma),
)
"""Names of the features."""


def file_facts(content: bytes) -> FileFacts:
    """Read the facts from a file that is known to be a picture."""
    with Image.open(io.BytesIO(content)) as image:
        facts = (image.format or "", image.width, image.height, len(content))
        if isinstance(image, JpegImagePlugin.JpegImageFile) and image.quantization:
            chroma = _CHROMA.get(JpegImagePlugin.get_sampling(image), Chroma.OTHER)
            return FileFacts(*facts, _quality(image.quantization), chroma)
    return FileFacts(*facts)


def _quality(tables: dict[int, list[int]]) -> float:
    """Return the inverse of libjpeg's scale for the table's sum; single clipped entries matter
    little."""
    percent = 100.0 * sum(tables[min(tables)]) / _BASE_TABLE_SUM
    quality = (200.0 - percent) / 2.0 if percent <= 100.0 else 5000.0 / percent
    return round(min(100.0, max(1.0, quality)), 1)
