"""What one decode thread of a scan does: prepare files itself, or have its helper do it."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .channel import Cancelled, Channel
from .helpers import CHUNK, LEAST_MEMORY, Helper, HelperGone, Helpers, HelperSetup
from .limits import Limits
from .placement import Isolation
from .prepare import PreparedImage, Resources, prepare
from .results import ScanRow
from .walk import Found

_ALONE_FIRST = 32
"""Files that a thread prepares before it starts a helper: a small scan needs none."""

_ALONE_AFTER = 64
"""Files that it prepares itself after a helper left a whole chunk: others like it will follow."""

_HELPED_SHARE = 0.75
"""Of the memory for all files that are decoded; the rest is for what helpers leave."""

Numbered = tuple[int, Found]
Prepared = tuple[int, PreparedImage | ScanRow]


def helpers_of(
    count: int, input_size: tuple[int, int], limits: Limits, resources: Resources
) -> Helpers | None:
    """Helpers of a scan; ``None`` where none would be of use.

    Args:
        count: how many are wanted.
        input_size: height and width that the model takes.
        limits: what is refused.
        resources: what the files of the scan share.
    """
    is_possible = os.name == "posix" and resources.workers is not None
    if not count or not is_possible or resources.isolation is Isolation.ALL:
        return None
    memory = int(_HELPED_SHARE * resources.budget.total) // count
    if memory < LEAST_MEMORY:
        return None
    setup = HelperSetup(input_size, limits, memory, resources.budget.large_file)
    return Helpers(setup, count)


class DecodeThread:
    """One of them.

    Args:
        input_size: height and width that the model takes.
        limits: what is refused.
        resources: what the files of the scan share.
        helpers: where to get one; ``None`` for nowhere.
    """

    def __init__(
        self,
        input_size: tuple[int, int],
        limits: Limits,
        resources: Resources,
        helpers: Helpers | None,
    ) -> None:
        self._input_size = input_size
        self._limits = limits
        self._resources = resources
        self._helpers = helpers
        self._helper: Helper | None = None
        self._alone = _ALONE_FIRST

    def prepared(self, found: Channel[Numbered]) -> Iterator[Prepared]:
        """Files as they come, with their numbers, until there are no more.

        Pixels are valid until the next one is asked for.

        Raises:
            Cancelled: the run was cancelled.
        """
        try:
            while True:
                is_helped = self._can_be_helped()
                files = found.take(CHUNK if is_helped else 1)
                if not files:
                    return
                if is_helped:
                    yield from self._helped(files)
                else:
                    self._alone -= 1
                    yield self._by_itself(*files[0])
        finally:
            if self._helper is not None and self._helpers is not None:
                self._helpers.end(self._helper)

    def _can_be_helped(self) -> bool:
        if self._helpers is None or self._alone > 0:
            return False
        if self._helper is None:
            self._helper = self._helpers.start()
        if self._helper is None:
            self._alone = _ALONE_AFTER
            return False
        try:
            return self._helper.is_ready()
        except HelperGone:
            self._lose_helper()
            return False

    def _helped(self, files: Sequence[Numbered]) -> Iterator[Prepared]:
        """Let the helper prepare files; what it leaves is prepared here, in the same order."""
        asked = [file.path for _, file in files if _is_plain(file)]
        resources = self._resources
        try:
            answers = iter(self._ask(asked))
        except HelperGone:
            self._lose_helper()
            answers = iter([None] * len(asked))
            # One of them may have ended it.
            resources = replace(resources, isolation=Isolation.ALL)
        for number, file in files:
            answer = next(answers) if _is_plain(file) else None
            if answer is None:
                yield self._by_itself(number, file, resources)
            else:
                yield number, answer

    def _ask(self, paths: Sequence[bytes]) -> list[PreparedImage | None]:
        helper = self._helper
        if helper is None or not paths:
            return [None] * len(paths)
        with self._resources.budget.share(helper.memory):
            answers = helper.prepare(paths)
        if not any(answers):
            self._alone = _ALONE_AFTER
        return answers

    def _lose_helper(self) -> None:
        """Go on without; another one starts later, but not when the scan ends."""
        helpers, helper = self._helpers, self._helper
        if helpers is None or helper is None or helpers.is_cancelled:
            raise Cancelled
        self._helper = None
        self._alone = _ALONE_AFTER
        helpers.end(helper)

    def _by_itself(self, number: int, file: Found, resources: Resources | None = None) -> Prepared:
        shared = resources or self._resources
        return number, prepare(file, self._input_size, self._limits, shared)


def _is_plain(file: Found) -> bool:
    """Whether a helper can be told of it."""
    return file.failure is None and b"\0" not in file.path
