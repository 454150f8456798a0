"""Findings in a block of EXIF: cameras, and generators that write into its fields.

Source of the tags: EXIF 2.32 (CIPA DC-008), section 4.6.
"""

from collections.abc import Iterator

from ..results import Origin
from .containers.ifd import Directories
from .findings import Finding
from .generators import is_comfy, settings_findings, signature_findings, tool_findings

_DESCRIPTION, _MAKE, _MODEL, _SOFTWARE, _ARTIST = 0x010E, 0x010F, 0x0110, 0x0131, 0x013B
_MAKER_NOTE, _COMMENT = 0x927C, 0x9286
_TEXTS = {
    _DESCRIPTION: "ImageDescription",
    _MAKE: "Make",
    _MODEL: "Model",
    _SOFTWARE: "Software",
    _ARTIST: "Artist",
}
_WANTED = frozenset({*_TEXTS, _MAKER_NOTE, _COMMENT})

_SMALLEST_MAKER_NOTE = 32
"""Bytes; shorter ones are written by programs."""

_CODE = 8
"""Bytes in front of a comment that name its encoding."""

_LONGEST_MAKE = 64
"""Characters of a maker's or model's name; ComfyUI writes its workflow there."""


def exif_findings(block: bytes) -> Iterator[Finding]:
    """Findings in a block of EXIF, from the byte order on."""
    values = Directories(block, _WANTED).values
    if not values:
        return
    texts = {_TEXTS[tag]: _text(value) for tag, value in values.items() if tag in _TEXTS}
    if _COMMENT in values:
        yield from settings_findings(_comment(values[_COMMENT]), "UserComment", "exif")
    make, model = texts.get("Make", ""), texts.get("Model", "")
    workflow = _workflow(make) or _workflow(model)
    if workflow:
        yield Finding("exif:comfyui", Origin.AI, details={"workflow": workflow})
    if _ARTIST in values and _DESCRIPTION in values:
        yield from signature_findings(texts["ImageDescription"], texts["Artist"], "exif")
    yield from tool_findings(texts, ("Software",), "exif")
    if not (0 < len(make) <= _LONGEST_MAKE and 0 < len(model) <= _LONGEST_MAKE):
        return
    details: dict[str, object] = {"Make": make, "Model": model}
    maker_note = values.get(_MAKER_NOTE, b"")
    is_filled = len(maker_note) >= _SMALLEST_MAKER_NOTE and any(maker_note)
    if is_filled and not workflow:
        yield Finding("exif:maker-note", Origin.CAMERA, details=details)
    else:
        yield Finding("exif:make-model", Origin.OTHER, details=details)


def _workflow(text: str) -> str:
    """The text that ComfyUI wrote in place of a camera's name; else empty."""
    name, _, content = text.partition(":")
    return content if name.lower() in ("workflow", "prompt") and is_comfy(content) else ""


def _text(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def _comment(value: bytes) -> str:
    code, content = value[:_CODE], value[_CODE:]
    if code.startswith(b"UNICODE"):
        # The standard leaves the byte order open, and writers differ: text has zeros on one side.
        sample = content[:256]
        order = "be" if sample[::2].count(0) >= sample[1::2].count(0) else "le"
        return content.decode(f"utf-16-{order}", "replace").strip("\0\ufeff ")
    if code.strip(b"\0") in (b"", b"ASCII"):
        return content.decode("utf-8", "replace").strip("\0 ")
    # No code at all, as Draw Things and others write it.
    return value.decode("utf-8", "replace").strip("\0 ")
