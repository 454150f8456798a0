"""Findings in a packet of XMP.

The packet is parsed, not searched: text in a caption cannot pass for a property. Only properties of
the picture itself count, not those of its history or of other pictures that it was made from.
Declarations of entities end the parsing, so nothing is expanded or fetched.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from xml.parsers import expat

from ..results import Origin
from .findings import Finding
from .generators import (
    description_findings,
    generator_name,
    label_findings,
    tool_findings,
)
from .iim import credit_findings
from .source_types import source_type

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_PROPERTIES = {
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/ DigitalSourceType": "DigitalSourceType",
    "http://ns.adobe.com/photoshop/1.0/ Credit": "Credit",
    "http://ns.adobe.com/xap/1.0/ CreatorTool": "CreatorTool",
    "http://purl.org/dc/elements/1.1/ description": "description",
    "http://purl.org/dc/terms/ provenance": "provenance",
    "http://www.tc260.org.cn/ns/AIGC/1.0/ AIGC": "AIGC",
}
_WORTH_PARSING = (b"DigitalSourceType", b"Credit", b"AIGC", b"Job ID: ", b"provenance")
_TOOL = re.compile(rb"CreatorTool(?:\s*=\s*[\"']|[^<>]*>)\s*([^\"'<>]{1,64})")
"""Words of which a packet must hold one for a finding; those of most photographs hold none."""

_MAX_DEPTH = 32
_MAX_TEXT = 1 << 16


def xmp_findings(packet: bytes) -> Iterator[Finding]:
    """Findings in a packet of XMP."""
    if not _is_worth_parsing(packet):
        return
    properties = xmp_properties(packet)
    text = properties.get("DigitalSourceType", "")
    if (known := source_type(text)) is not None:
        name, origin = known
        # Anyone can write that a camera made it; only a camera's own notes count.
        stated = Origin.OTHER if origin is Origin.CAMERA else origin
        yield Finding(f"xmp:{name}", stated, details={"DigitalSourceType": text})
    yield from credit_findings(properties.get("Credit", ""), "xmp")
    yield from tool_findings(properties, ("CreatorTool",), "xmp")
    if "AIGC" in properties:
        yield from label_findings(properties["AIGC"], "xmp")
    yield from description_findings(properties.get("description", ""), "description", "xmp")
    remote = properties.get("provenance", "")
    if remote.startswith(("http:", "https:")):
        # The address of a manifest elsewhere is reported, and never opened.
        yield Finding("c2pa:remote", Origin.OTHER, details={"remote manifest": remote})


def _is_worth_parsing(packet: bytes) -> bool:
    # In UTF-16 every other byte of a name is zero.
    if any(word in packet for word in _WORTH_PARSING) or packet[:64].count(0) > 8:
        return True
    names = (found[1].decode("utf-8", "replace") for found in _TOOL.finditer(packet))
    return any(map(generator_name, names))


def xmp_properties(packet: bytes) -> dict[str, str]:
    """The known properties of the picture that a packet describes, the first of each name."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    # A damaged packet still holds what stands in front of the damage.
    with suppress(expat.ExpatError, _Refused, LookupError, ValueError):
        parser.Parse(packet.strip(b"\0 \r\n"), True)
    return reader.properties


class _Refused(Exception):  # noqa: N818 - it ends a parser and reaches nobody
    """The packet holds what no writer of XMP writes."""


def _refuse(*_declaration: object) -> None:
    raise _Refused


class _Reader:
    """Handlers that collect the properties directly below ``rdf:RDF/rdf:Description``."""

    def __init__(self) -> None:
        self.properties: dict[str, str] = {}
        self._path: list[str] = []
        self._described = 0
        self._property = ""
        self._parts: list[str] = []
        self._length = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        self._path.append(name)
        depth = len(self._path)
        if depth > _MAX_DEPTH:
            raise _Refused
        if name == _RDF + "Description" and self._path[-2:-1] == [_RDF + "RDF"] and depth <= 3:
            self._described = depth
            for key, value in attributes.items():
                self._add(_PROPERTIES.get(key, ""), value)
        elif self._described and depth == self._described + 1:
            self._property = _PROPERTIES.get(name, "")
            self._parts, self._length = [], 0
            if _RDF + "resource" in attributes:
                self._add(self._property, attributes[_RDF + "resource"])

    def end(self, name: str) -> None:
        """Close an element."""
        depth = len(self._path)
        self._path.pop()
        if not self._described:
            return
        # Of alternatives the first counts, which is the default language.
        is_first = depth == self._described + 3 and name == _RDF + "li"
        if self._property and (is_first or depth == self._described + 1):
            self._add(self._property, "".join(self._parts))
            self._parts = []
        if depth == self._described + 1:
            self._property = ""
        elif depth == self._described:
            self._described = 0

    def text(self, text: str) -> None:
        """Take text of a property."""
        if self._property and self._length < _MAX_TEXT:
            self._parts.append(text)
            self._length += len(text)

    def _add(self, name: str, value: str) -> None:
        value = value.strip()
        if name and value:
            self.properties.setdefault(name, value[:_MAX_TEXT])
