"""Work of a decode thread: it prepares files itself, or passes them to its decode process."""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import replace

from ...files.walk import Found
from ...flow.channel import Cancelled, Channel
from ...images.limits import Isolation, Limits
from ...images.shape import InputShape
from ...results import ScanRow
from ...stores.found import Remote
from ..prepare import PreparedImage, Resources, prepare
from .process import CHUNK, DecodeProcess, DecodeProcessGone
from .processes import DecodeProcesses

_ALONE_FIRST = 96
"""Files that a thread prepares before it starts a decode process: a small scan needs none."""

_ALONE_AFTER = 64
"""Files that a thread prepares itself after its process left a whole chunk: similar ones will
follow."""

Numbered = tuple[int, Found]
Prepared = tuple[int, PreparedImage | ScanRow]


class DecodeThreads:
    """Common parts of the decode threads of a scan.

    Args:
        found: files with their numbers.
        shape: shape of the model's input.
        limits: limits on one file.
        resources: resources that the files of the scan share.
        processes: where to get one; ``None`` for nowhere.

    Attributes:
        found: as given.
        processes: as given.
    """

    def __init__(
        self,
        found: Channel[Numbered],
        shape: InputShape,
        limits: Limits,
        resources: Resources,
        processes: DecodeProcesses | None,
    ) -> None:
        self.found = found
        self.processes = processes
        self._shape = shape
        self._limits = limits
        self._resources = resources
        self._left: deque[tuple[Numbered, Isolation]] = deque()

    def leave(self, file: Numbered, isolation: Isolation) -> None:
        """Let any thread prepare a file that a decode process did not, in a worker or not."""
        self._left.append((file, isolation))

    def prepare_left(self) -> Prepared | None:
        """Prepare one of the files that decode processes left, if there is one."""
        try:
            file, isolation = self._left.popleft()
        except IndexError:
            return None
        return self.prepare(file, replace(self._resources, isolation=isolation))

    def prepare(self, file: Numbered, resources: Resources | None = None) -> Prepared:
        """Prepare a file here, by default with the scan's resources."""
        number, found = file
        return number, prepare(found, self._shape, self._limits, resources or self._resources)

    def ask(self, process: DecodeProcess, paths: Sequence[bytes]) -> list[PreparedImage | None]:
        """Let a decode process prepare files, when there is memory for it.

        Raises:
            DecodeProcessGone: it exited meanwhile.
            Cancelled: the run was cancelled.
        """
        with self._resources.budget.share(process.memory):
            return process.prepare(paths)


class DecodeThread:
    """A decode thread: prepares files itself, or passes them to its decode process.

    Args:
        shared: parts that it shares with the others.
    """

    def __init__(self, shared: DecodeThreads) -> None:
        self._shared = shared
        self._process: DecodeProcess | None = None
        self._alone = _ALONE_FIRST

    def prepared(self) -> Generator[Prepared]:
        """Yield prepared files with their numbers, until there are no more.

        Pixels are valid until the next file is requested.

        Raises:
            Cancelled: the run was cancelled.
        """
        try:
            while True:
                # Slow ones among them then occupy several threads, not one.
                while (left := self._shared.prepare_left()) is not None:
                    yield left
                process = self._ready_process()
                files = self._shared.found.take(CHUNK if process else 1)
                if not files:
                    return
                if process:
                    yield from self._by_process(process, files)
                else:
                    # A process opens paths only, so objects give no reason to start one.
                    self._alone -= not isinstance(files[0][1], Remote)
                    yield self._shared.prepare(files[0])
        finally:
            if self._process is not None and self._shared.processes is not None:
                self._shared.processes.end(self._process)

    def _ready_process(self) -> DecodeProcess | None:
        processes = self._shared.processes
        if processes is None or self._alone > 0:
            return None
        if self._process is None and self._shared.found.is_well_filled:
            self._process = processes.start()
        if self._process is None:
            return None
        try:
            return self._process if self._process.is_ready() else None
        except DecodeProcessGone:
            self._lose_process()
            return None

    def _by_process(self, process: DecodeProcess, files: Sequence[Numbered]) -> Generator[Prepared]:
        """Let the decode process prepare files, and leave the rest to all threads."""
        asked = [file for file in files if _is_plain(file[1])]
        answers: list[PreparedImage | None] = [None] * len(asked)
        isolation = Isolation.ODD
        try:
            if asked:
                answers = self._shared.ask(process, [file.path for _, file in asked])
        except DecodeProcessGone:
            self._lose_process()
            # It may have crashed on any of them.
            isolation = Isolation.ALL
        if not any(answers):
            self._alone = _ALONE_AFTER
        for file in files:
            if not _is_plain(file[1]):
                self._shared.leave(file, Isolation.ODD)
        for file, answer in zip(asked, answers, strict=True):
            if answer is None:
                self._shared.leave(file, isolation)
            else:
                yield file[0], answer

    def _lose_process(self) -> None:
        """Continue without a process; another one starts later, unless the scan ends."""
        processes, process = self._shared.processes, self._process
        if processes is None or process is None or processes.is_cancelled:
            raise Cancelled
        self._process = None
        self._alone = _ALONE_AFTER
        processes.end(process)


def _is_plain(file: Found) -> bool:
    """Return whether a decode process can be told of a file."""
    is_local = not isinstance(file, Remote)
    return is_local and file.failure is None and file.known is None and b"\0" not in file.path
