"""Messages between the scan and its worker processes: JSON, followed by bytes.

A message of a worker is never executed or unpickled, because a hostile file may have taken the
worker over.
"""

import json
import re
import struct
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ..images.failures import DecodeError, ImageHeader
from ..images.limits import DecodeSize, Limits, TruncatedPolicy
from ..images.shape import InputShape, View
from ..results import FileStatus, Origin, OriginGrade, Provenance

_FRAME = struct.Struct(">IQ")
"""Lengths of the JSON and of the bytes."""

MAX_TEXT = 1 << 16
"""Most bytes of JSON in an accepted message."""


def packed(values: dict[str, Any], size: int = 0) -> bytes:
    """Return a message's beginning; ``size`` bytes are to follow it."""
    text = json.dumps(values).encode()
    return _FRAME.pack(len(text), size) + text


def unpacked(read: Callable[[int], bytes], max_size: int) -> tuple[dict[str, Any], bytes]:
    """Read one message.

    Args:
        read: returns exactly so many bytes.
        max_size: most bytes after the JSON.

    Raises:
        ValueError: the message is invalid.
    """
    length, size = _FRAME.unpack(read(_FRAME.size))
    if length > MAX_TEXT or size > max_size:
        raise ValueError("a message is longer than it may be")
    try:
        values = json.loads(read(length))
    except RecursionError as error:
        raise ValueError("a message is nested too deeply") from error
    if not isinstance(values, dict):
        raise ValueError("a message is not an object")
    return values, read(size)


def limits_as_json(limits: Limits) -> dict[str, Any]:
    """Return limits as values of JSON."""
    return asdict(limits)


def limits_from_json(values: dict[str, Any]) -> Limits:
    """Return limits from the values of ``limits_as_json``."""
    policies = {
        "truncated": TruncatedPolicy(values["truncated"]),
        "decode_size": DecodeSize(values["decode_size"]),
    }
    return Limits(**(values | policies))


def shape_as_json(shape: InputShape) -> list[Any]:
    """Return the shape of an input as values of JSON."""
    return [shape.height, shape.width, list(shape.views)]


def shape_from_json(values: list[Any]) -> InputShape:
    """Return the shape from the values of ``shape_as_json``."""
    height, width, views = values
    return InputShape(height, width, tuple(map(View, views)))


def header_as_json(header: ImageHeader | None) -> list[Any] | None:
    """Return a header as values of JSON."""
    return None if header is None else [header.width, header.height, header.format]


def header_from_json(values: object) -> ImageHeader | None:
    """Return a header from the values of ``header_as_json``.

    Raises:
        ValueError: the values are not a header.
    """
    match values:
        case None:
            return None
        case [int(width), int(height), str(kind)]:
            return ImageHeader(width, height, kind)
    raise ValueError("a message has no header")


def error_from_json(values: dict[str, Any]) -> DecodeError:
    """Return the failure in a message.

    Raises:
        ValueError: the message has none.
    """
    status, reason = FileStatus(values["status"]), values["reason"]
    if status is FileStatus.OK or not isinstance(reason, str):
        raise ValueError("a message has no reason")
    return DecodeError(status, " ".join(reason.split()), header_from_json(values["header"]))


MAX_DETAILS = 1 << 20
"""Most bytes of provenance details that are taken."""

_MAX_TOKENS = 16
_TOKEN = re.compile(r"[A-Za-z0-9:.-]{1,64}")


def provenance_as_json(provenance: Provenance) -> list[Any]:
    """Provenance without its details as values of JSON."""
    return [provenance.origin.value, provenance.grade.value, list(provenance.evidence)]


def provenance_from_json(values: object, details: bytes = b"") -> Provenance:
    """The inverse of ``provenance_as_json``.

    Args:
        values: of the message.
        details: bytes beside it.

    Raises:
        ValueError: it is no provenance.
    """
    match values:
        case [str(origin), str(grade), [*tokens]] if _are_tokens(tokens):
            text = _as_json_line(details) if details else ""
            return Provenance(Origin(origin), OriginGrade(grade), tuple(map(str, tokens)), text)
    raise ValueError("a message has no provenance")


def _are_tokens(values: list[Any]) -> bool:
    is_short = len(values) <= _MAX_TOKENS
    return is_short and all(isinstance(one, str) and _TOKEN.fullmatch(one) for one in values)


def _as_json_line(details: bytes) -> str:
    try:
        return json.dumps(json.loads(details))
    except RecursionError as error:
        raise ValueError("details are nested too deeply") from error
