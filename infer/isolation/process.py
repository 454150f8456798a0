"""Child processes that decode: their start, and messages with a deadline.

``isolation.pool`` uses them for one file at a time, ``scan.decoding.process`` for several. Their
own side is ``isolation.child``.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .messages import packed, unpacked

_START_TIMEOUT_S = 60.0
"""Seconds that the start of a process may take."""

_PART = 1 << 20
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Variables that turn off threads and arenas, which would count against a decoder's memory."""

_ROOT = str(Path(__file__).absolute().parents[3])
"""Folder from which this package was imported; a child must run the same version."""


class TooSlow(Exception):  # noqa: N818 - outcome of one file; no user sees it
    """The deadline has passed."""


class Gone(Exception):  # noqa: N818 - outcome of one file; no user sees it
    """The process exited or sent an invalid message."""


class ChildProcess:
    """A process and the pipes to it.

    Args:
        module: full name of its module.
        arguments: its arguments.
        inherited: descriptors that it inherits.

    Attributes:
        deadline: deadline of all waiting, on the monotonic clock.

    Raises:
        OSError: the system is out of memory, file descriptors or processes.
    """

    def __init__(
        self, module: str, arguments: Sequence[str] = (), inherited: Sequence[int] = ()
    ) -> None:
        search = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": search},
            pass_fds=tuple(inherited),
            # Ctrl-C is for the scan, which then ends its children.
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._input = self.process.stdin.fileno()
        self._output = self.process.stdout.fileno()
        self.deadline = time.monotonic() + _START_TIMEOUT_S
        for descriptor in (self._input, self._output):
            os.set_blocking(descriptor, False)

    def send(self, values: dict[str, Any], data: bytes = b"") -> None:
        """Write one message.

        Raises:
            Gone: the process has exited.
            TooSlow: the process did not read in time.
        """
        for part in (packed(values, len(data)), data):
            rest = memoryview(part)
            while rest:
                self._wait(self._input, select.POLLOUT)
                try:
                    rest = rest[os.write(self._input, rest[:_PART]) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise Gone from error

    def receive(self, max_size: int) -> tuple[dict[str, Any], bytes]:
        """Read one message with at most so many bytes after its JSON.

        Raises:
            Gone: the process has exited.
            TooSlow: the process did not answer in time.
            ValueError: the message is invalid.
        """
        return unpacked(self._read, max_size)

    def has_answer(self, timeout_s: float = 0.0) -> bool:
        """Return whether there is something to receive; the end of output counts too."""
        return bool(self._poll(self._output, select.POLLIN, timeout_s))

    def kill(self) -> None:
        """End the process at once; a thread that waits for it meets the end of its output."""
        with suppress(OSError):
            self.process.kill()

    def close(self) -> None:
        """End the process and free its resources; only the thread that waits for it may call
        this."""
        self.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _read(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            self._wait(self._output, select.POLLIN)
            try:
                part = os.read(self._output, count - len(content))
            except BlockingIOError:
                continue
            except OSError as error:
                raise Gone from error
            if not part:
                raise Gone
            content += part
        return content

    def _wait(self, descriptor: int, event: int) -> None:
        """Wait until a pipe can be read or written."""
        left = self.deadline - time.monotonic()
        # Also after the deadline: Ctrl-Z stops the scan, not the process, which may have answered.
        if not self._poll(descriptor, event, max(0.0, left)):
            raise TooSlow

    def _poll(self, descriptor: int, event: int, timeout_s: float) -> list[tuple[int, int]]:
        ready = select.poll()
        ready.register(descriptor, event)
        return ready.poll(1000 * timeout_s)
