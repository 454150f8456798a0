"""An encoded image as one value, and the record that describes each image format."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .failures import ImageHeader
from .formats.strict_jpeg.markers import JpegMarkers
from .limits import Limits
from .orientation import Upright


class ImageFile(Protocol):
    """A file whose header has been read."""

    @property
    def header(self) -> ImageHeader:
        """Size and format; for some formats only ``decode`` makes it final."""

    @property
    def memory(self) -> int:
        """Largest number of bytes for decoding, the file included."""

    def decode(self, at_least: tuple[int, int] = (0, 0), *, fill_gaps: bool = False) -> Upright:
        """Decode the picture."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Upper bound on the work of decoding, from the header.

    Attributes:
        pixels: width × height.
        passes: number of times that each pixel is visited.
    """

    pixels: int
    passes: int = 1


def no_cost(_encoded: "EncodedImage") -> Cost | None:
    """Return ``None``, for formats whose headers do not bound the cost."""
    return None


def no_damage(_data: bytes) -> str:
    """Return the empty text, for formats without checksums of their own."""
    return ""


@dataclass(frozen=True, slots=True)
class Format:
    """An image format: functions that recognise, open and inspect its files without decoding
    pixels.

    Attributes:
        name: Pillow's name.
        extensions: lower-case file name extensions, without the dot.
        starts: returns whether the first bytes announce this format.
        register: loads the decoder; returns whether this installation has one.
        open: reads the header; raises any exception of the decoder's parser on damaged data.
        is_cut: returns whether the file is shorter than its structure declares; may raise
            ``struct.error`` or ``IndexError`` if the structure itself ends in a field.
        cost: returns a bound on the work of decoding; ``None`` if the header gives no bound.
        damage: returns the first damage that checksums reveal, as text; empty if there is none.
        package: package that brings the decoder if it is not Pillow; empty for Pillow.
        aliases: further format names that a header of this format can carry.
        fills_gaps_in_threads: true if truncated files can be decoded next to other threads.
    """

    name: str
    extensions: tuple[str, ...]
    starts: Callable[[bytes], bool]
    register: Callable[[], bool]
    open: Callable[["EncodedImage", Limits], ImageFile]
    is_cut: Callable[[bytes], bool]
    cost: Callable[["EncodedImage"], Cost | None] = no_cost
    damage: Callable[[bytes], str] = no_damage
    package: str = ""
    aliases: tuple[str, ...] = ()
    fills_gaps_in_threads: bool = False


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """Bytes of a file and the format that they announce. Made by ``registry.identify``.

    Attributes:
        data: the whole file.
        format: the announced format, also if this installation cannot decode it.
        markers: markers of a JPEG, up to the limit that a thread may decode.
    """

    data: bytes
    format: Format | None
    markers: JpegMarkers | None = None
