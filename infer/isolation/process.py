"""Processes of our own that decode: how they are started, and talked to with a deadline.

``worker_pool`` has one file at a time decoded in them, ``helpers`` several. Their own side of it is
``child_side``.
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
"""How long one may take to start."""

_PART = 1 << 20
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Threads and arenas that a decoder does not need would count against its memory."""

_ROOT = str(Path(__file__).absolute().parents[3])
"""Where this package was imported from: a child must not run another version of it."""


class TooSlow(Exception):  # noqa: N818 - it says what happened to one file, and no user sees it
    """The time is over."""


class Gone(Exception):  # noqa: N818 - likewise
    """The process has ended, or says what none of ours says."""


class ChildProcess:
    """One process and the pipes to it.

    Args:
        module: that it runs, by its full name.
        arguments: that it gets.
        inherited: descriptors that it gets too.

    Attributes:
        deadline: of all waiting, on the monotonic clock.

    Raises:
        OSError: there can be none, for want of memory, descriptors or processes.
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
            Gone: the process has ended.
            TooSlow: it does not read.
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
        """Take one message with at most so many bytes beside its JSON.

        Raises:
            Gone: the process has ended.
            TooSlow: it does not answer.
            ValueError: it is no message of ours.
        """
        return unpacked(self._read, max_size)

    def has_answer(self, timeout_s: float = 0.0) -> bool:
        """Whether there is something to receive, be it the end."""
        return bool(self._poll(self._output, select.POLLIN, timeout_s))

    def kill(self) -> None:
        """End the process, whatever it does; whoever waits for it meets the end of its output."""
        with suppress(OSError):
            self.process.kill()

    def close(self) -> None:
        """End the process and give back what it held; only the thread that waits for it may."""
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
        # Also when time is up: Ctrl-Z stops the scan and not the process, which may have answered.
        if not self._poll(descriptor, event, max(0.0, left)):
            raise TooSlow

    def _poll(self, descriptor: int, event: int, timeout_s: float) -> list[tuple[int, int]]:
        ready = select.poll()
        ready.register(descriptor, event)
        return ready.poll(1000 * timeout_s)
