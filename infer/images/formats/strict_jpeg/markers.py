"""Markers of a JPEG, read without decoding: coding process, size, scans and gaps.

Source of all codes: ITU-T T.81, annex B. Bytes that are not markers are skipped, as in libjpeg.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""End of entropy-coded data, to which stuffed zeros, restarts and fill bytes belong."""

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_DHT, _ADOBE, _COMMENT = 0xC4, 0xEE, 0xFE
_NO_FRAMES = frozenset({_DHT, 0xC8, 0xCC})
_STANDALONE = frozenset({0x01, _SOI, *range(0xD0, 0xD8)})
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_ARITHMETIC = frozenset({0xC9, 0xCA})
_USUAL = frozenset({0xC0, 0xC1, 0xC2})

_SHARES = frozenset({(0x11, 0x11), (0x21, 0x11), (0x22, 0x11), (0x12, 0x11), (0x41, 0x11)})
_SHARES |= {(0x14, 0x11), (0x22, 0x12), (0x22, 0x21)}
_EQUAL = frozenset({0x11, 0x12, 0x21, 0x13, 0x31})
"""Sampling factors of the first and the second component, and those that all may have, which
``simplejpeg`` decodes: 4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:1:1 and 4:4:1 under all their names."""

_COEFFICIENTS = 64


@dataclass(slots=True)
class JpegMarkers:
    """A JPEG's frame and scans.

    Attributes:
        process: the start-of-frame marker, 0xC0 to 0xCF; 0 if there is none.
        precision: bits of a sample.
        width: in pixels, as stored.
        height: in pixels, as stored.
        components: identifiers of the colour components.
        sampling: their sampling factors, horizontal in the high half of each byte.
        applications: marker (0xE0 to 0xEF) and content of the header's application segments.
        huffman_tables: contents of the segments with Huffman tables.
        markers: number of segments that were read.
        scans: number of scans that begin.
        first_scan: position of the first scan's header; 0 if there is none.
        end: position of the end mark (EOI); ``None`` if it is missing.
        is_whole: true if the file was read to its end; ``False`` after ``max_markers``.
    """

    process: int = 0
    precision: int = 8
    width: int = 0
    height: int = 0
    components: tuple[int, ...] = ()
    sampling: tuple[int, ...] = ()
    applications: list[tuple[int, slice]] = field(default_factory=list)
    huffman_tables: list[slice] = field(default_factory=list)
    markers: int = 0
    scans: int = 0
    first_scan: int = 0
    end: int | None = None
    is_whole: bool = True
    _missing: dict[int, int] = field(default_factory=dict)

    @property
    def is_progressive(self) -> bool:
        """True if the picture is refined from scan to scan."""
        return self.process in _PROGRESSIVE

    @property
    def unsupported(self) -> str:
        """Name of a coding process that is not decoded; empty for the usual ones.

        Arithmetic coding is not decoded: by the standard its decoder takes missing data for zeros,
        so a cut picture looks like a whole one.
        """
        if self.process in _ARITHMETIC:
            return "arithmetic JPEG"
        if self.process and self.process not in _USUAL:
            return "lossless or hierarchical JPEG"
        if self.process and self.precision != 8:
            return f"{self.precision}-bit JPEG"
        if len(self.components) not in (0, 1, 3, 4):
            return f"JPEG of {len(self.components)} components"
        if not _has_whole_shares(self.sampling):
            return "JPEG with this chroma subsampling"
        return ""

    @property
    def has_usual_sampling(self) -> bool:
        """``True`` if ``simplejpeg`` decodes these sampling factors."""
        return _is_usual(self.sampling)

    @property
    def has_all_coefficients(self) -> bool:
        """True if the scans hold every coefficient of every component to its last bit.

        A progressive JPEG that lost its last scans still decodes, to a coarser picture.
        """
        return bool(self._missing) and not any(self._missing.values())

    def _frame(self, data: bytes, start: int) -> None:
        count = data[start + 5] if start + 5 < len(data) else 0
        self.precision = data[start] if start < len(data) else 8
        self.height = int.from_bytes(data[start + 1 : start + 3], "big")
        self.width = int.from_bytes(data[start + 3 : start + 5], "big")
        self.components = tuple(data[start + 6 : start + 6 + 3 * count : 3])
        self.sampling = tuple(data[start + 7 : start + 6 + 3 * count : 3])
        everything = (1 << _COEFFICIENTS) - 1
        self._missing = dict.fromkeys(self.components, everything)

    def _scan(self, data: bytes, start: int) -> None:
        self.scans += 1
        count = data[start] if start < len(data) else 0
        components = data[start + 1 : start + 1 + 2 * count : 2]
        covered = (1 << _COEFFICIENTS) - 1
        parameters = data[start + 1 + 2 * count : start + 4 + 2 * count]
        if self.is_progressive and len(parameters) == 3:
            first, last, approximation = parameters
            is_final = approximation & 0x0F == 0
            covered = ((2 << last) - 1) & ~((1 << first) - 1) if is_final and last < 64 else 0
        for component in components:
            if component in self._missing:
                self._missing[component] &= ~covered


# A folder has few kinds of sampling, and each file is asked several times.
@lru_cache(maxsize=64)
def _is_usual(sampling: tuple[int, ...]) -> bool:
    """Return whether ``simplejpeg`` decodes these sampling factors."""
    if len(sampling) < 2:
        return True
    first, *others = sampling
    if len(others) == 3 and others.pop() != first:
        return False
    second = others[0]
    same = all(other == second for other in others)
    return same and ((first, second) in _SHARES or (first == second and first in _EQUAL))


@lru_cache(maxsize=64)
def _has_whole_shares(sampling: tuple[int, ...]) -> bool:
    """Return whether all factors divide the largest, as libjpeg's upsampling needs."""
    across, down = [by >> 4 for by in sampling], [by & 15 for by in sampling]
    return all(by and max(side) % by == 0 for side in (across, down) for by in side)


def read_markers(data: bytes, max_markers: int | None = None) -> JpegMarkers:
    """Read the markers from the start of the file to its first end mark.

    Args:
        data: a file that begins with a start-of-image marker.
        max_markers: number of markers after which reading stops.
    """
    structure = JpegMarkers()
    position = 2
    while (found := _NEXT_MARKER.search(data, position)) is not None:
        if structure.markers == max_markers:
            structure.is_whole = False
            break
        position = found.end()
        marker = data[position - 1]
        if marker == _EOI:
            structure.end = position - 2
            break
        structure.markers += 1
        if marker in _STANDALONE:
            continue
        if marker == _SOS:
            structure.first_scan = structure.first_scan or position - 2
            structure._scan(data, position + 2)
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES and not structure.process:
            structure.process = marker
            structure._frame(data, position + 2)
        length = max(2, int.from_bytes(data[position : position + 2], "big"))
        if marker == _DHT:
            structure.huffman_tables.append(slice(position + 2, position + length))
        elif 0xE0 <= marker <= 0xEF and not structure.scans:
            structure.applications.append((marker, slice(position + 2, position + length)))
        position += length
    return structure


def regular(data: bytes, structure: JpegMarkers) -> bytes:
    """Return a JPEG without oddities that a strict decoder refuses although they cost no pixel.

    These are corrected: metadata, which is left out; other bytes between the segments of the
    header; zeros between the last scan and the end mark; a missing end mark; an unknown JFIF
    revision; an unknown colour transform of Adobe, read as libjpeg reads it; and the spectral
    parameters of a sequential scan, which mean nothing.
    """
    if not structure.scans:
        return data
    head = bytearray(data[:2])
    position = 2
    while (found := _NEXT_MARKER.search(data, position)) is not None:
        start, position = found.start(), found.end()
        marker = data[position - 1]
        if start >= structure.first_scan:
            break
        length = (
            0 if marker in _STANDALONE else int.from_bytes(data[position : position + 2], "big")
        )
        if not _is_metadata(marker):
            segment = bytearray(data[start : position + length])
            _put_right(segment, len(structure.components))
            head += segment
        position += length
    end = len(data) if structure.end is None else structure.end
    scans = data[structure.first_scan : end].rstrip(b"\0")
    if structure.scans == 1 and not structure.is_progressive and len(scans) > 4:
        parameters = 5 + 2 * scans[4]
        scans = scans[:parameters] + b"\0\x3f\0" + scans[parameters + 3 :]
    return bytes(head) + scans + b"\xff\xd9"


def _is_metadata(marker: int) -> bool:
    """Return whether a segment is without effect on pixels: comments, and applications but JFIF,
    Adobe."""
    return marker == _COMMENT or (0xE1 <= marker <= 0xEF and marker != _ADOBE)


def _put_right(segment: bytearray, components: int) -> None:
    """Correct one header segment in place."""
    if segment[1] == 0xE0 and segment[4:9] == b"JFIF\0" and len(segment) > 9:
        segment[9] = 1
    elif (
        segment[1] == _ADOBE and segment[4:9] == b"Adobe" and len(segment) > 15 and segment[15] > 2
    ):
        segment[15] = 2 if components == 4 else 1
