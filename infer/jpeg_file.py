"""A JPEG file from its header to its upright pixels, without Pillow's parser of metadata."""

from dataclasses import dataclass

from .diagnosis import DecodeError, ImageHeader
from .exif import exif_orientation, pictures_in_mpo, xmp_orientation
from .jpeg import decode_jpeg
from .jpeg_structure import JpegStructure, read_structure
from .preprocess import apply_orientation
from .results import FileStatus
from .upright import Upright, filled_box

_EXIF, _XMP, _MPO = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"
_GAIN_MAP = b' hdrgm:Version="'
"""Marks the XMP of an Ultra HDR picture, whose second picture is no photograph."""

_CMYK_COMPONENTS = 4
_PLAIN, _ALL_COEFFICIENTS, _CONVERTED = 9, 7, 7
"""Bytes for each pixel: as stored and upright; what several scans need beside; what CMYK needs."""


@dataclass(frozen=True, slots=True)
class JpegFile:
    """A JPEG whose header has been read.

    Attributes:
        data: the whole file.
        structure: its markers.
        header: what the header says.
        orientation: EXIF orientation, 1 to 8.
    """

    data: bytes
    structure: JpegStructure
    header: ImageHeader
    orientation: int

    @property
    def memory(self) -> int:
        """Bytes that decoding takes at most, the file included."""
        each = _PLAIN
        if self.structure.scans > 1 or self.structure.is_progressive:
            each += _ALL_COEFFICIENTS
        if len(self.structure.components) == _CMYK_COMPONENTS:
            each += _CONVERTED
        return self.structure.width * self.structure.height * each + 2 * len(self.data)

    def decode(self, at_least: tuple[int, int] = (0, 0), *, fill_gaps: bool = False) -> Upright:
        """The picture.

        Args:
            at_least: height and width, upright, that scaling must keep; see ``decode_jpeg``.
            fill_gaps: decode a truncated picture too.

        Raises:
            ImageError: see ``decode_jpeg``.
        """
        stored = at_least if self.orientation < 5 else at_least[::-1]
        pixels = decode_jpeg(self.data, stored, fill_gaps=fill_gaps, structure=self.structure)
        image = pixels.image.convert("RGB") if pixels.image.mode == "CMYK" else pixels.image
        upright = apply_orientation(image, self.orientation)
        box = filled_box(upright.size, pixels.filled, self.orientation)
        return Upright(upright, pixels.damage, box)


def open_jpeg(data: bytes, structure: JpegStructure | None = None) -> JpegFile:
    """Read a JPEG's header.

    Args:
        data: the whole file.
        structure: its markers, where they were read already.

    Raises:
        DecodeError: ``corrupt`` where there is none.
    """
    if structure is None or not structure.is_whole:
        structure = read_structure(data)
    if not structure.process:
        raise DecodeError(FileStatus.CORRUPT, "its JPEG header cannot be read")
    exif = _segment(data, structure, 0xE1, _EXIF)
    xmp = _segment(data, structure, 0xE1, _XMP)
    orientation = exif_orientation(exif) or xmp_orientation(xmp) or 1
    is_mpo = _GAIN_MAP not in xmp and (
        pictures_in_mpo(_segment(data, structure, 0xE2, _MPO)[len(_MPO) :]) > 1
    )
    width, height = structure.width, structure.height
    if orientation >= 5:
        width, height = height, width
    header = ImageHeader(width, height, "MPO" if is_mpo else "JPEG")
    return JpegFile(data, structure, header, orientation)


def _segment(data: bytes, structure: JpegStructure, marker: int, prefix: bytes) -> bytes:
    """The first segment of the header with this marker and beginning; empty where there is none."""
    for found, content in structure.applications:
        if found == marker and data.startswith(prefix, content.start):
            return data[content]
    return b""
