"""Patterns of ``--include`` and ``--exclude``, by the rules of gitignore, but for two.

- A pattern without a slash, or with one at its end only, matches names at any depth; any other is
  matched against the path below the named folder. ``**/`` stands for any folders, or none.
- A slash at the end asks for a folder. What matches a folder matches all that is below it.
- ``!`` in front takes back what earlier patterns match; the last pattern that matches decides.
- Unlike in gitignore, case does not count: cameras write ``IMG_1.JPG``, and ``*.jpg`` means
  it too. ``#`` in front is not a comment: NAS boxes have a folder ``#recycle``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from ..errors import UsageError


@dataclass(slots=True)
class _Pattern:
    """A compiled pattern.

    Attributes:
        text: the text on the command line.
        regex: regular expression that is searched for in paths.
        takes: false for a pattern that takes back.
        has_matched: true if it has matched a path.
    """

    text: str
    regex: re.Pattern[str]
    takes: bool
    has_matched: bool = False


class Patterns:
    """Patterns of one option, with a record of those that have matched.

    Args:
        texts: texts on the command line, undecodable bytes as surrogate escapes.

    Raises:
        UsageError: a pattern is invalid.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._patterns = [_compiled(text) for text in texts]

    def __bool__(self) -> bool:
        """Return whether there are any patterns."""
        return bool(self._patterns)

    def match(self, path: str) -> bool:
        """Return whether a path is taken.

        Args:
            path: below the named folder; of a folder with a slash at its end.
        """
        taken = False
        for pattern in self._patterns:
            if pattern.regex.search(path):
                pattern.has_matched = True
                taken = pattern.takes
        return taken

    def unmatched(self) -> list[str]:
        """Return the patterns that have matched no path so far."""
        return [pattern.text for pattern in self._patterns if not pattern.has_matched]


def _compiled(text: str) -> _Pattern:
    # Takes a tenth of a second, so it runs only for scans with patterns.
    gitignore = import_module("pathspec.patterns.gitignore.spec").GitIgnoreSpecPattern
    try:
        regex, takes = gitignore.pattern_to_regex(f"\\{text}" if text.startswith("#") else text)
    except ValueError:
        regex, takes = None, None
    if regex is None or takes is None:
        raise UsageError(
            f"{text!r} is not a pattern; write one such as '*.png', 'raw/' or '2024/**'"
        )
    return _Pattern(text, re.compile(regex, re.IGNORECASE | re.DOTALL), takes)
