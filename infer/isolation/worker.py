"""Worker process for files that must not be decoded in the scan's own: ``python -m`` this module.

It reads files from standard input, and writes the model's inputs, or reasons, to standard output
until its input ends. It opens no file. Its memory and processor time are limited anew for
each picture, so a decoder's failure becomes the reason for one file.
"""

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, BinaryIO, NoReturn

from ..errors import ImageError
from ..images.decode import DecodeError, decode_to_size
from ..images.failures import unexpected
from ..images.limits import Limits
from ..images.shape import InputShape
from ..results import FileStatus, Provenance
from ..system.heap import return_large_blocks
from .child import SLACK, give_up_rights, limit_memory, limit_time, own_output, read_or_end, send
from .messages import (
    header_as_json,
    limits_from_json,
    provenance_as_json,
    shape_from_json,
    unpacked,
)

_HEADER_MEMORY = 256 << 20
"""Bytes for reading a header, besides the file itself."""

_KEPT_MEMORY = 32 << 20
"""Bytes of freed memory that a thread may keep between files."""

_Message = tuple[dict[str, Any], bytes]


def main() -> None:
    """Serve until standard input ends."""
    output = own_output()
    messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
    reader = threading.Thread(target=_read_all, args=(messages,), daemon=True)
    reader.start()
    give_up_rights()
    return_large_blocks(_KEPT_MEMORY)
    send(output, {"ready": True})
    certificates = ""
    while True:
        values, data = messages.get()
        if "certificates" in values:
            certificates = data.decode()
            continue
        limits = limits_from_json(values["limits"])
        limit_time(limits)
        limit_memory(2 * len(data) + _HEADER_MEMORY)
        if "provenance" in values:
            _answer_provenance(output, data, certificates, values["provenance"])
            continue
        budget = _AskedBudget(output, messages)
        _answer(output, data, shape_from_json(values["shape"]), limits, budget)


class _AskedBudget:
    """Memory from the scan: the worker asks for its share, and waits."""

    def __init__(self, output: BinaryIO, messages: "queue.SimpleQueue[_Message]") -> None:
        self._output = output
        self._messages = messages

    @contextmanager
    def share(self, size: int) -> Iterator[None]:
        """Ask for ``size`` bytes."""
        send(self._output, {"memory": size})
        answer, _ = self._messages.get()
        if "refused" in answer:
            raise ImageError(FileStatus.TOO_LARGE, answer["refused"])
        limit_memory(size + SLACK)
        yield


def _answer(
    output: BinaryIO, data: bytes, shape: InputShape, limits: Limits, budget: _AskedBudget
) -> None:
    try:
        result = decode_to_size(data, shape, limits, budget)
    except Exception as error:  # noqa: BLE001 - any failure of a decoder becomes an answer
        _send_error(output, unexpected(error))
    else:
        answer = {"header": header_as_json(result.header), "note": result.note}
        send(output, answer, result.pixels.tobytes())


def _answer_provenance(output: BinaryIO, data: bytes, certificates: str, details: str) -> None:
    """Send what a file states; whatever is raised ends this process, and the scan looks itself."""
    # Most scans never ask for it.
    checked = import_module("..provenance.checked", __package__)
    provenance: Provenance = checked.find_checked(data, certificates, details)
    answer = {"provenance": provenance_as_json(provenance)}
    send(output, answer, provenance.details.encode())


def _send_error(output: BinaryIO, error: DecodeError) -> None:
    # A reason can quote the file.
    reason = error.reason[:2000]
    header = header_as_json(error.header)
    send(output, {"status": error.status.value, "reason": reason, "header": header})


def _read_all(messages: "queue.SimpleQueue[_Message]") -> NoReturn:
    """Read messages as they come, also during a decode; end when the scan is gone."""
    while True:
        messages.put(unpacked(read_or_end, sys.maxsize))


if __name__ == "__main__":
    main()
