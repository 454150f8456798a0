"""JPEG: its header, what decoding costs, and the upright picture."""

from dataclasses import dataclass

from ...results import FileStatus
from ..encoded import Cost, EncodedImage, Format
from ..failures import DecodeError, ImageHeader
from ..limits import Limits
from ..orientation import (
    Upright,
    apply_orientation,
    exif_orientation,
    filled_box,
    pictures_in_mpo,
    xmp_orientation,
)
from .pillow import plugin
from .strict_jpeg.decode import CMYK_COMPONENTS, decode_jpeg
from .strict_jpeg.markers import JpegMarkers, read_markers

_MAGIC = b"\xff\xd8\xff"
_MAX_MARKERS = 2_000
"""Markers of a JPEG that a thread may decode; one with more goes to a worker."""

_EXIF, _XMP, _MPO = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"

_GAIN_MAP = b' hdrgm:Version="'
"""Mark in the XMP of an Ultra HDR picture, whose second picture is not a photograph."""

_PLAIN, _ALL_COEFFICIENTS, _CONVERTED, _COMPARED = 9, 7, 7, 14
"""Bytes for each pixel: as stored and upright; what several scans need beside; what CMYK needs;
what a second picture needs to compare."""


@dataclass(frozen=True, slots=True)
class JpegFile:
    """A JPEG whose header has been read.

    Attributes:
        data: the whole file.
        structure: its markers.
        header: size and format in the header.
        orientation: EXIF orientation, 1 to 8.
    """

    data: bytes
    structure: JpegMarkers
    header: ImageHeader
    orientation: int

    @property
    def memory(self) -> int:
        """Largest number of bytes for decoding, the file included."""
        each = _PLAIN
        if self.structure.scans > 1 or self.structure.is_progressive:
            each += _ALL_COEFFICIENTS
        if len(self.structure.components) == CMYK_COMPONENTS:
            each += _CONVERTED
        if not self.structure.has_usual_sampling:
            each += _COMPARED
        return self.structure.width * self.structure.height * each + 2 * len(self.data)

    def decode(self, at_least: tuple[int, int] = (0, 0), *, fill_gaps: bool = False) -> Upright:
        """Decode the picture.

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


def open_jpeg(encoded: EncodedImage, _limits: Limits) -> JpegFile:
    """Read a JPEG's header.

    Raises:
        DecodeError: ``corrupt`` if it has no frame.
    """
    data, structure = encoded.data, encoded.markers
    if structure is None or not structure.is_whole:
        structure = read_markers(data)
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


def _segment(data: bytes, structure: JpegMarkers, marker: int, prefix: bytes) -> bytes:
    """Return the header's first segment with this marker and beginning; empty if there is none."""
    for found, content in structure.applications:
        if found == marker and data.startswith(prefix, content.start):
            return data[content]
    return b""


def read_jpeg_markers(data: bytes) -> JpegMarkers:
    """Read a JPEG's markers, up to more than a thread may decode."""
    return read_markers(data, _MAX_MARKERS)


def _starts(data: bytes) -> bool:
    return data.startswith(_MAGIC)


def _is_cut(data: bytes) -> bool:
    structure = read_markers(data)
    return structure.end is None or not structure.scans


def _cost(encoded: EncodedImage) -> Cost | None:
    markers = encoded.markers or read_jpeg_markers(encoded.data)
    pixels = markers.width * markers.height
    is_bounded = markers.is_whole and (bool(markers.unsupported) or markers.has_usual_sampling)
    return Cost(pixels, max(1, markers.scans)) if is_bounded else None


JPEG = Format(
    name="JPEG",
    extensions=("jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjpg", "pjp", "mpo"),
    starts=_starts,
    register=plugin("JpegImagePlugin"),
    open=open_jpeg,
    is_cut=_is_cut,
    cost=_cost,
    aliases=("MPO",),
    fills_gaps_in_threads=True,
)
