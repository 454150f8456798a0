"""Walk of folders and named files, in an order that depends on their names alone.

- A folder's entries come in the order of their names' bytes; a sub-folder's files come at the place
  of its name. The tree is never held in memory, and of one folder at most a few ten thousand names.
- In folders, files are found by their extension in any case (``registry.known_extensions``),
  with or without a decoder. With ``any_name``, the first bytes of other files decide. A file that
  is named itself, as an argument or in a list, is scanned under any name.
- ``include`` narrows the files found in folders, ``exclude`` leaves out files and whole folders, by
  the rules of gitignore (``patterns``).
- Hidden files and folders are scanned like others, because every image gets its row;
  ``exclude=(".*",)`` leaves them out. Files that systems leave next to pictures are left out.
- Files and folders that are left out are counted (``LeftOut``).
- Links to files are followed, links to folders only with ``follow_links``.
- A file that overlapping roots or links reach twice is found once, at its first place.
- A folder that cannot be listed is reported like a file that cannot be read. Otherwise the images
  in it would be skipped silently.

Paths are bytes throughout, so nothing depends on the locale.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from ..errors import ImageError
from ..results import FileStatus, ScanRow
from ..system.durable import Identity, identity_of
from .choice import Choice, Chooser, starts_like_picture
from .folders import DirEntry, leads_to_folder, listing, sorted_in_parts
from .left_out import LeftOut
from .options import WalkOptions
from .paths import stat_path
from .read import missing, os_failure
from .visited import Visited


@dataclass(frozen=True, slots=True)
class Found:
    """A file to scan, or a path that the walk could not enter.

    Attributes:
        path: path as the user would type it.
        failure: reason why there is nothing to read; ``None`` for a file.
        known: row of the file, if an earlier scan made it and it still holds.
        root: number of the root that led to it, from 0 on; a scan in shards alone sets it.
    """

    path: bytes
    failure: ImageError | None = None
    known: ScanRow | None = None
    root: int = 0


def walk(
    roots: Iterable[bytes], options: WalkOptions, left_out: LeftOut | None = None
) -> Iterator[Found]:
    """Find the files in folders and among named files, lazily.

    A sequence of one root is walked in constant memory. With more, and with ``follow_links``, about
    100 bytes are kept for each folder and each named file, to recognise those that were found
    already.

    Args:
        roots: folders and files; one that does not exist is found with its failure. An iterator is
            asked for a root only when the one before it has been walked.
        options: options of the walk.
        left_out: is filled with counts of what was left out.

    Raises:
        UsageError: a pattern is invalid.
    """
    return Walker(roots, options, left_out).found()


class Walker:
    """One walk: its options, compiled, and its memory.

    Args:
        roots: all roots of the walk; a sequence of one needs no memory.
        options: options of the walk.
        left_out: is filled with counts of what was left out.

    Attributes:
        chooser: decisions about names.
        has_one_root: true for a sequence of one root.

    Raises:
        UsageError: a pattern is invalid.
    """

    def __init__(
        self, roots: Iterable[bytes], options: WalkOptions, left_out: LeftOut | None
    ) -> None:
        self.has_one_root = isinstance(roots, Sequence) and len(roots) == 1
        self.chooser = Chooser(options)
        self._roots = roots
        self._options = options
        needs_no_memory = self.has_one_root and not options.follow_links
        self._visited = None if needs_no_memory else Visited()
        self._left_out = LeftOut() if left_out is None else left_out
        self._never_inodes = frozenset(inode for _, inode in options.never)

    def found(self) -> Iterator[Found]:
        """Yield everything below all roots."""
        for root in self._roots:
            yield from self.below(root)
        self._left_out.patterns = self.chooser.unmatched()

    def count(self, choice: Choice) -> None:
        """Count a name that was left out."""
        self._left_out.no_pictures += choice is Choice.NO_PICTURE
        self._left_out.no_content += choice is Choice.NO_CONTENT
        self._left_out.system_files += choice is Choice.SYSTEM

    def below(self, root: bytes) -> Iterator[Found]:
        """Yield everything below one root, or the root itself if it is a file."""
        try:
            status = stat_path(root)
            if not stat.S_ISDIR(status.st_mode):
                if self._is_new_file(root, identity_of(status)):
                    yield Found(root)
                return
        except OSError as error:
            yield Found(root, missing(root, error))
            return
        except ValueError:
            yield Found(root, ImageError(FileStatus.UNREADABLE, "the path contains a NUL byte"))
            return
        yield from self._tree(_shown(root))

    def _tree(self, root: bytes) -> Iterator[Found]:
        """Yield everything below a folder, depth first, without recursion: trees can be deep."""
        stack = [(root, b"", self._folder(root, b""))]
        while stack:
            path, relative, entries = stack[-1]
            try:
                entry = next(entries, None)
            except OSError as error:
                failure = os_failure(path, error)
                reason = f"the folder cannot be listed: {failure.reason}"
                yield Found(path or b".", ImageError(failure.status, reason))
                entry = None
            if entry is None:
                stack.pop()
                continue
            name, is_folder = entry
            below = _join(path, name)
            if is_folder:
                deeper = _join(relative, name)
                stack.append((below, deeper, self._folder(below, deeper)))
            else:
                yield Found(below)

    def _folder(self, path: bytes, relative: bytes) -> Iterator[tuple[bytes, bool]]:
        """Yield the wanted entries of one folder in order: name, and whether it is a folder."""
        path = path or b"."
        identity: Identity | None = None
        if self._visited is not None:
            identity = identity_of(stat_path(path))
            if not self._visited.enter(identity, relative):
                return
        passes = count()
        yield from sorted_in_parts(partial(self._wanted, path, relative, identity, passes))

    def _wanted(
        self, path: bytes, relative: bytes, identity: Identity | None, passes: Iterator[int]
    ) -> Iterator[tuple[bytes, bool]]:
        """Yield the wanted entries of one folder in the order of the disk."""
        is_first_pass = next(passes) == 0
        with listing(path) as entries:
            for entry in entries:
                # Names are bytes unless the folder was opened by descriptor.
                name = os.fsencode(entry.name)
                below = _join(relative, name)
                if is_folder := leads_to_folder(entry):
                    if entry.is_symlink() and not self._options.follow_links:
                        continue
                    choice = self.chooser.folder(name, below)
                elif self._is_never(entry) or self._was_named(identity, name):
                    continue
                else:
                    choice = self.chooser.file(
                        name, below, partial(starts_like_picture, _join(path, name))
                    )
                if choice is Choice.TAKE:
                    yield name, is_folder
                elif is_first_pass:
                    self.count(choice)

    def _is_never(self, entry: DirEntry) -> bool:
        if not self._never_inodes:
            return False
        if entry.inode() not in self._never_inodes and not entry.is_symlink():
            return False
        try:
            status = entry.stat()
            if not status.st_ino:
                # Windows leaves it out of a folder's entries.
                status = stat_path(os.fsencode(entry.path))
            return identity_of(status) in self._options.never
        except OSError:
            # The reader will meet the same error and report it.
            return False

    def _was_named(self, folder: Identity | None, name: bytes) -> bool:
        return (
            self._visited is not None
            and folder is not None
            and self._visited.was_named(folder, name)
        )

    def _is_new_file(self, path: bytes, identity: Identity) -> bool:
        if identity in self._options.never:
            return False
        if self._visited is None:
            return True
        name = path.rpartition(b"/")[2]
        folder = self._visited.folder_identity(path.removesuffix(name) or b".")
        relative = self._visited.entered_as(folder)
        if relative is not None:
            below = _join(relative, name)
            choice = self.chooser.file(name, below, partial(starts_like_picture, path))
            if choice is Choice.TAKE:
                return False
        return self._visited.name_file(folder, name)


def _shown(root: bytes) -> bytes:
    """Return a folder as shown in front of its files: nothing for the current one."""
    stripped = root.rstrip(b"/")
    if stripped in (b"", b"."):
        return b"/" if root.startswith(b"/") else b""
    return stripped


def _join(folder: bytes, name: bytes) -> bytes:
    if not folder or folder.endswith(b"/"):
        return folder + name
    return folder + b"/" + name
