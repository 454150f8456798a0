"""Counts of files that a walk left out, and their lines for people."""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class LeftOut:
    """Counts of files that a walk left out.

    Attributes:
        no_pictures: files that are not pictures by their names.
        no_content: files that are not pictures by their names or their first bytes, with
            ``any_name``.
        system_files: files and folders of Macs, NAS boxes and file managers.
        patterns: options whose pattern matched nothing, once a walk has ended.
    """

    no_pictures: int = 0
    no_content: int = 0
    system_files: int = 0
    patterns: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield a line for people on each kind."""
        if self.no_pictures:
            are = _are(self.no_pictures, "no picture by its name", "no pictures by their names")
            yield f"{are}; --any-name looks inside"
        if self.no_content:
            yield _are(
                self.no_content,
                "no picture by its name nor its first bytes",
                "no pictures by their names nor their first bytes",
            )
        if self.system_files:
            are = _are(self.system_files, "passed over", "passed over")
            yield f"{are}, left by a Mac, a NAS or a file manager; --system-files looks at them"
        for pattern in self.patterns:
            yield f"{pattern} matches nothing"


def _are(count: int, one: str, many: str) -> str:
    return f"1 file is {one}" if count == 1 else f"{count} files are {many}"
