"""A file's bytes to what it states about its own origin."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING

from ..images.encoded import EncodedImage
from ..results import Provenance
from .containers.boxes import box_segments
from .containers.chunks import gif_segments, png_segments, webp_segments
from .containers.ifd import tiff_segments
from .containers.jpeg import EXIF_PREFIX, jpeg_segments
from .containers.segments import MAX_SEGMENTS, Kind, Segment
from .exif import exif_findings
from .findings import Finding, combined
from .generators import text_findings
from .iim import iim_findings
from .options import Details
from .xmp import xmp_findings

if TYPE_CHECKING:
    from .credentials.manifests import Store

_READERS: dict[str, Callable[[bytes], Iterator[Segment]]] = {
    "PNG": png_segments,
    "WEBP": webp_segments,
    "GIF": gif_segments,
    "TIFF": tiff_segments,
    "AVIF": box_segments,
    "HEIF": box_segments,
}

_MAX_DETAIL = 1 << 16
"""Characters of a text in the details; what is longer is cut."""

_MAX_DETAILS = 1 << 18
"""Characters of all details of a file."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata segments of a file.

    Attributes:
        format: Pillow's name of the file's format; empty for none that is read.
        segments: at most ``MAX_SEGMENTS``, in their order.
    """

    format: str
    segments: tuple[Segment, ...]

    @property
    def has_credentials(self) -> bool:
        """True if there is a C2PA manifest store."""
        return any(segment.kind is Kind.C2PA for segment in self.segments)


def read_metadata(encoded: EncodedImage) -> Metadata:
    """Return the metadata segments of a file."""
    name = "" if encoded.format is None else encoded.format.name
    reader = _READERS.get(name)
    if encoded.markers is not None:
        segments = jpeg_segments(encoded.data, encoded.markers.applications)
    elif reader is not None:
        segments = reader(encoded.data)
    else:
        return Metadata(name, ())
    return Metadata(name, tuple(islice(segments, MAX_SEGMENTS)))


def find(
    metadata: Metadata, credentials: "Store | None" = None, details: Details = Details.NONE
) -> Provenance:
    """Return what a file's metadata state about its origin.

    Args:
        metadata: of the file.
        credentials: its manifests, if they were checked; otherwise they are read unchecked.
        details: whether the texts that were found are kept.
    """
    if not metadata.segments:
        return Provenance()
    findings = tuple(_findings(metadata, credentials))
    provenance = combined(findings)
    if details is Details.ALL and findings:
        return replace(provenance, details=_as_json(findings))
    return provenance


def _findings(metadata: Metadata, credentials: "Store | None") -> Iterator[Finding]:
    if credentials is not None:
        yield from _findings_of(credentials)
    texts: dict[str, str] = {}
    for segment in metadata.segments:
        match segment.kind:
            case Kind.C2PA:
                if credentials is None:
                    yield from _unchecked(segment.content)
            case Kind.EXIF:
                # Some programs keep JPEG's prefix in other containers.
                yield from exif_findings(segment.content.removeprefix(EXIF_PREFIX))
            case Kind.XMP:
                yield from xmp_findings(segment.content)
            case Kind.IIM:
                yield from iim_findings(segment.content)
            case Kind.TEXT:
                texts.setdefault(segment.keyword, segment.content.decode("utf-8", "replace"))
    if texts:
        yield from text_findings(texts)


def _unchecked(block: bytes) -> Iterator[Finding]:
    # Few files hold credentials, so the modules that read them wait for the first.
    store = import_module(".credentials.jumbf", __package__).read_store(block)
    if store is not None:
        yield from _findings_of(store)


def _findings_of(store: "Store") -> Iterator[Finding]:
    yield from import_module(".credentials.manifests", __package__).store_findings(store)


def _as_json(findings: Iterable[Finding]) -> str:
    left = _MAX_DETAILS
    statements = []
    for finding in findings:
        values: dict[str, object] = {}
        for name, value in finding.details.items():
            kept = value[: min(_MAX_DETAIL, left)] if isinstance(value, str) else value
            left -= len(kept) if isinstance(kept, str) else 0
            values[name] = kept
        statements.append(
            {
                "evidence": finding.token,
                "origin": finding.origin.value,
                "grade": finding.grade.value,
                "values": values,
            }
        )
    return json.dumps(statements, ensure_ascii=True)
