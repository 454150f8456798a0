"""Work of a decode thread: it prepares files itself, or passes them to its decode process."""

import os
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import replace

from ..files.source import LocalFiles
from ..files.walk import Found
from ..flow.channel import Cancelled, Channel
from ..images.limits import Isolation, Limits
from ..images.shape import InputShape
from ..results import ScanRow
from ..stores.found import Remote
from .decode_processes import CHUNK, Helper, HelperGone, Helpers, HelperSetup
from .prepare import PreparedImage, Resources, prepare
from .process_count import HELPED_SHARE, affordable_helpers

_ALONE_FIRST = 96
"""Files that a thread prepares before it starts a decode process: a small scan needs none."""

_ALONE_AFTER = 64
"""Files that a thread prepares itself after its process left a whole chunk: similar ones will
follow."""

_FILE_SHARE = 4
"""Part of a decode process's memory that a file itself may take."""

Numbered = tuple[int, Found]
Prepared = tuple[int, PreparedImage | ScanRow]


def helpers_of(
    wanted: int, shape: InputShape, limits: Limits, resources: Resources
) -> Helpers | None:
    """Return the decode processes of a scan; ``None`` if none is useful or available.

    Args:
        wanted: wanted number.
        shape: shape of the model's input.
        limits: limits on one file.
        resources: resources that the files of the scan share.
    """
    # They open paths, so what comes from elsewhere stays with the threads.
    reads_paths = isinstance(resources.source, LocalFiles)
    is_possible = os.name == "posix" and resources.workers is not None and reads_paths
    if not wanted or not is_possible or resources.isolation is Isolation.ALL:
        return None
    total = resources.budget.total
    count = affordable_helpers(wanted, total)
    if not count:
        return None
    each = int(HELPED_SHARE * total) // count
    details = None if resources.origins is None else resources.origins.details.name
    largest = min(resources.budget.large_file, each // _FILE_SHARE)
    setup = HelperSetup(shape, limits, each - largest, largest, details)
    return Helpers(setup, count)


class DecodeThreads:
    """Common parts of the decode threads of a scan.

    Args:
        found: files with their numbers.
        shape: shape of the model's input.
        limits: limits on one file.
        resources: resources that the files of the scan share.
        helpers: where to get one; ``None`` for nowhere.

    Attributes:
        found: as given.
        helpers: as given.
    """

    def __init__(
        self,
        found: Channel[Numbered],
        shape: InputShape,
        limits: Limits,
        resources: Resources,
        helpers: Helpers | None,
    ) -> None:
        self.found = found
        self.helpers = helpers
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

    def ask(self, helper: Helper, paths: Sequence[bytes]) -> list[PreparedImage | None]:
        """Let a decode process prepare files, when there is memory for it.

        Raises:
            HelperGone: it exited meanwhile.
            Cancelled: the run was cancelled.
        """
        with self._resources.budget.share(helper.memory):
            return helper.prepare(paths)


class DecodeThread:
    """A decode thread: prepares files itself, or passes them to its decode process.

    Args:
        shared: parts that it shares with the others.
    """

    def __init__(self, shared: DecodeThreads) -> None:
        self._shared = shared
        self._helper: Helper | None = None
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
                helper = self._ready_helper()
                files = self._shared.found.take(CHUNK if helper else 1)
                if not files:
                    return
                if helper:
                    yield from self._helped(helper, files)
                else:
                    # A process opens paths only, so objects give no reason to start one.
                    self._alone -= not isinstance(files[0][1], Remote)
                    yield self._shared.prepare(files[0])
        finally:
            if self._helper is not None and self._shared.helpers is not None:
                self._shared.helpers.end(self._helper)

    def _ready_helper(self) -> Helper | None:
        helpers = self._shared.helpers
        if helpers is None or self._alone > 0:
            return None
        if self._helper is None and self._shared.found.is_well_filled:
            self._helper = helpers.start()
        if self._helper is None:
            return None
        try:
            return self._helper if self._helper.is_ready() else None
        except HelperGone:
            self._lose_helper()
            return None

    def _helped(self, helper: Helper, files: Sequence[Numbered]) -> Generator[Prepared]:
        """Let the decode process prepare files, and leave the rest to all threads."""
        asked = [file for file in files if _is_plain(file[1])]
        answers: list[PreparedImage | None] = [None] * len(asked)
        isolation = Isolation.ODD
        try:
            if asked:
                answers = self._shared.ask(helper, [file.path for _, file in asked])
        except HelperGone:
            self._lose_helper()
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

    def _lose_helper(self) -> None:
        """Continue without a process; another one starts later, unless the scan ends."""
        helpers, helper = self._shared.helpers, self._helper
        if helpers is None or helper is None or helpers.is_cancelled:
            raise Cancelled
        self._helper = None
        self._alone = _ALONE_AFTER
        helpers.end(helper)


def _is_plain(file: Found) -> bool:
    """Return whether a decode process can be told of a file."""
    is_local = not isinstance(file, Remote)
    return is_local and file.failure is None and file.known is None and b"\0" not in file.path
