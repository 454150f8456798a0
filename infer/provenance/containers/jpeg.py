"""Metadata segments of a JPEG, and the resource block of Photoshop that it can hold."""

from collections.abc import Iterable, Iterator

from .segments import MAX_BLOCKS, MAX_MANIFEST, MAX_SEGMENTS, Kind, Segment

EXIF_PREFIX = b"Exif\0\0"
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_APP1, _APP11, _APP13 = 0xE1, 0xEB, 0xED
_JUMBF = b"JP"


def jpeg_segments(data: bytes, applications: Iterable[tuple[int, slice]]) -> Iterator[Segment]:
    """Segments of a JPEG's header: APP1, APP11 and APP13 in front of the first scan.

    Args:
        data: the whole file.
        applications: marker and content of the application segments in front of the first scan.
    """
    boxes: dict[bytes, bytearray] = {}
    for marker, place in applications:
        start = place.start
        if place.stop > len(data):
            break
        if marker == _APP1:
            if data.startswith(EXIF_PREFIX, start):
                yield Segment(Kind.EXIF, data[start + len(EXIF_PREFIX) : place.stop])
            elif data.startswith(XMP_PREFIX, start):
                yield Segment(Kind.XMP, data[start + len(XMP_PREFIX) : place.stop])
        elif marker == _APP13 and data.startswith(_PHOTOSHOP, start):
            yield from photoshop_segments(data[start + len(_PHOTOSHOP) : place.stop])
        elif marker == _APP11 and data.startswith(_JUMBF, start):
            _add_box(boxes, data[place])
    for box in boxes.values():
        yield Segment(Kind.C2PA, bytes(box))


def _add_box(boxes: dict[bytes, bytearray], content: bytes) -> None:
    """Add a part of a box, which repeats the box's header in each (ISO 19566-5, annex D)."""
    number, header = content[2:4], content[8:16]
    known = boxes.get(number)
    if known is None:
        # Other standards keep boxes in APP11 too; those of JUMBF alone can be C2PA.
        if header[4:8] == b"jumb" and len(boxes) < MAX_SEGMENTS:
            boxes[number] = bytearray(content[8:])
    elif len(known) + len(content) <= MAX_MANIFEST:
        repeats_header = header == bytes(known[:8])
        known += content[16:] if repeats_header else content[8:]


def photoshop_segments(content: bytes) -> Iterator[Segment]:
    """The IPTC block among Photoshop's resources (Adobe's file format specification)."""
    position = 0
    for _ in range(MAX_BLOCKS):
        if content[position : position + 4] != b"8BIM" or position + 12 > len(content):
            return
        identifier = content[position + 4 : position + 6]
        # A name of Pascal's kind, padded to an even length, its own included.
        start = position + 6 + (content[position + 6] + 2 & ~1)
        length = int.from_bytes(content[start : start + 4], "big")
        if identifier == b"\x04\x04":
            yield Segment(Kind.IIM, content[start + 4 : start + 4 + length])
        position = start + 4 + (length + 1 & ~1)
