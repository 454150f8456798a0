"""Options of a walk: plain values, quick to load."""

from dataclasses import dataclass

from ..system.durable import Identity


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """Options of a walk.

    Attributes:
        include: patterns, see ``patterns``; if given, files in folders must match.
        exclude: patterns; files and folders in folders that match are left out.
        follow_links: also enter links to folders; each folder is entered once, so loops end.
        any_name: true also finds files that are pictures by their first bytes, under any name.
        system_files: true also finds files that Macs, NAS boxes and file managers leave.
        never: files that are not found under any path, such as the output.
        extensions: lower-case extensions, without the dot; ``None`` for those of all formats.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow_links: bool = False
    any_name: bool = False
    system_files: bool = False
    never: frozenset[Identity] = frozenset()
    extensions: frozenset[str] | None = None
