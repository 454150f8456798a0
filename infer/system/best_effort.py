"""Standard error as best effort: no command fails or waits because nobody takes its words."""

import io
import select
import sys
from contextlib import suppress

_PATIENCE_S = 1.0
"""Seconds that words wait for a reader who does not read, such as a stopped terminal."""

_PART = 512
"""Bytes that a pipe takes without waiting once it is ready (PIPE_BUF, at least 512 in POSIX)."""


class BestEffortStream(io.RawIOBase):
    """A stream that drops what cannot be written: full disk, closed pipe, no reader.

    Args:
        stream: the raw stream to write to; it stays open.
    """

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._patience_s = _PATIENCE_S

    def writable(self) -> bool:
        """Return true."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self._stream.isatty()

    def write(self, data: object, /) -> int:
        """Write what can be written; return the number of all bytes."""
        rest = memoryview(data).cast("B")  # type: ignore[arg-type]
        size = len(rest)
        with suppress(OSError, ValueError):
            while rest and self._is_ready():
                rest = rest[self._stream.write(rest[:_PART]) or 0 :]
        return size

    def _is_ready(self) -> bool:
        if not hasattr(select, "poll"):
            # Windows cannot tell.
            return True
        ready = select.poll()
        ready.register(self.fileno(), select.POLLOUT)
        is_ready = bool(ready.poll(1000 * self._patience_s))
        # Nobody waits twice for a reader who does not come back.
        self._patience_s = _PATIENCE_S if is_ready else 0.0
        return is_ready


def best_effort(descriptor: int, encoding: str) -> io.TextIOWrapper:
    """Return a text stream that drops what its descriptor does not take; it leaves it open.

    Args:
        descriptor: where the text goes.
        encoding: encoding of the text; what it lacks is escaped.
    """
    raw = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115 - stays open
    stream = io.BufferedWriter(BestEffortStream(raw))
    return io.TextIOWrapper(stream, encoding, errors="backslashreplace", line_buffering=True)


def make_standard_error_best_effort() -> None:
    """Replace standard error, if it is a file of the system, for the rest of the process."""
    # A caller of Python may have put a stream of its own there, without a descriptor.
    with suppress(io.UnsupportedOperation, AttributeError):
        descriptor, encoding = sys.stderr.fileno(), sys.stderr.encoding
        sys.stderr = best_effort(descriptor, encoding)
