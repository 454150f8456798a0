"""What one decode thread of a scan does: prepare files itself, or have its helper do it."""

import os
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import replace

from ..files.source import LocalFiles
from ..files.walk import Found
from ..flow.channel import Cancelled, Channel
from ..images.limits import Isolation, Limits
from ..results import ScanRow
from .decode_processes import (
    CHUNK,
    HELPED_SHARE,
    Helper,
    HelperGone,
    Helpers,
    HelperSetup,
    affordable_helpers,
)
from .prepare import PreparedImage, Resources, prepare

_ALONE_FIRST = 96
"""Files that a thread prepares before it starts a helper: a small scan needs none."""

_ALONE_AFTER = 64
"""Files that it prepares itself after a helper left a whole chunk: others like it will follow."""

Numbered = tuple[int, Found]
Prepared = tuple[int, PreparedImage | ScanRow]


def helpers_of(
    wanted: int, input_size: tuple[int, int], limits: Limits, resources: Resources
) -> Helpers | None:
    """Helpers of a scan; ``None`` where none would be of use, or can be had.

    Args:
        wanted: how many.
        input_size: height and width that the model takes.
        limits: what is refused.
        resources: what the files of the scan share.
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
    return Helpers(HelperSetup(input_size, limits, each, resources.budget.large_file), count)


class DecodeThreads:
    """What the decode threads of a scan have in common.

    Args:
        found: files with their numbers.
        input_size: height and width that the model takes.
        limits: what is refused.
        resources: what the files of the scan share.
        helpers: where to get one; ``None`` for nowhere.

    Attributes:
        found: as given.
        helpers: as given.
    """

    def __init__(
        self,
        found: Channel[Numbered],
        input_size: tuple[int, int],
        limits: Limits,
        resources: Resources,
        helpers: Helpers | None,
    ) -> None:
        self.found = found
        self.helpers = helpers
        self._input_size = input_size
        self._limits = limits
        self._resources = resources
        self._left: deque[tuple[Numbered, Isolation]] = deque()

    def leave(self, file: Numbered, isolation: Isolation) -> None:
        """Have some thread prepare a file that a helper did not, in a process or not."""
        self._left.append((file, isolation))

    def prepare_left(self) -> Prepared | None:
        """Prepare one of the files that helpers left, if there is one."""
        try:
            file, isolation = self._left.popleft()
        except IndexError:
            return None
        return self.prepare(file, replace(self._resources, isolation=isolation))

    def prepare(self, file: Numbered, resources: Resources | None = None) -> Prepared:
        """Prepare a file here, with the scan's resources where no others are given."""
        number, found = file
        return number, prepare(found, self._input_size, self._limits, resources or self._resources)

    def ask(self, helper: Helper, paths: Sequence[bytes]) -> list[PreparedImage | None]:
        """Have a helper prepare files, when there is memory for it.

        Raises:
            HelperGone: it ended meanwhile.
            Cancelled: the run was cancelled.
        """
        with self._resources.budget.share(helper.memory):
            return helper.prepare(paths)


class DecodeThread:
    """One of them.

    Args:
        shared: what it has in common with the others.
    """

    def __init__(self, shared: DecodeThreads) -> None:
        self._shared = shared
        self._helper: Helper | None = None
        self._alone = _ALONE_FIRST

    def prepared(self) -> Generator[Prepared]:
        """Files as they come, with their numbers, until there are no more.

        Pixels are valid until the next one is asked for.

        Raises:
            Cancelled: the run was cancelled.
        """
        try:
            while True:
                # Slow ones among them keep several threads busy, and not one.
                while (left := self._shared.prepare_left()) is not None:
                    yield left
                helper = self._ready_helper()
                files = self._shared.found.take(CHUNK if helper else 1)
                if not files:
                    return
                if helper:
                    yield from self._helped(helper, files)
                else:
                    self._alone -= 1
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
        """Let the helper prepare files, and leave to all threads what it leaves."""
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
        """Go on without; another one starts later, but not when the scan ends."""
        helpers, helper = self._shared.helpers, self._helper
        if helpers is None or helper is None or helpers.is_cancelled:
            raise Cancelled
        self._helper = None
        self._alone = _ALONE_AFTER
        helpers.end(helper)


def _is_plain(file: Found) -> bool:
    """Whether a helper can be told of it."""
    return file.failure is None and b"\0" not in file.path
