"""Files that appear whole or not at all: written beside their name, synced, then moved to it."""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..choices import Existing
from ..errors import OutputError
from ..system.descriptors import BINARY, NO_FOLLOW
from ..system.durable import sync_file, sync_folder_of

_LONGEST_STEM = 50
"""Characters of a file's name in the name of its unfinished one, which must not become too long."""


def check_absent(path: str, existing: Existing) -> None:
    """Refuse a path that cannot be written, before anything slow is done.

    Args:
        path: path of a file to write.
        existing: ``REFUSE`` also refuses a file that exists; any other policy replaces it.

    Raises:
        OutputError: something is there and must stay, or the folder does not exist.
    """
    if os.path.lexists(path):
        if existing is Existing.REFUSE:
            raise OutputError(f"{path} exists; choose another name, or replace it with --force")
        if not Path(path).is_file():
            raise OutputError(f"cannot write to {path}: it is not a regular file")
    elif not Path(path).absolute().parent.is_dir():
        raise OutputError(f"cannot write to {path}: its folder does not exist")


@contextmanager
def whole_file(path: str, existing: Existing) -> Iterator[Path]:
    """Give a path to write to; the file gets its name when the block ends well.

    Args:
        path: final path. A link is followed, and its target replaced.
        existing: ``REFUSE`` never replaces a file; any other policy does, at the end.

    Raises:
        OutputError: the file exists, or cannot be written.
    """
    check_absent(path, existing)
    final = Path(path).resolve() if Path(path).is_symlink() else Path(path)
    partial = final.with_name(f".{final.name[:_LONGEST_STEM]}.{os.urandom(4).hex()}.partial")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY | NO_FOLLOW
        descriptor = os.open(partial, flags, 0o666)
        try:
            with contextlib.suppress(FileNotFoundError):
                partial.chmod(stat.S_IMODE(final.stat().st_mode))
            yield partial
            # The writer may have closed its own descriptor; syncing works through any.
            sync_file(descriptor)
        finally:
            os.close(descriptor)
        if existing is Existing.REFUSE:
            _claim(final, partial)
        partial.replace(final)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    sync_folder_of(str(final))


def _claim(path: Path, content: Path) -> None:
    """Give a file a second name, so that no other program's file can be replaced.

    Raises:
        OutputError: the name is taken by now.
    """
    try:
        try:
            os.link(content, path)
        except FileExistsError:
            raise
        except (OSError, AttributeError):
            # Without links, a kill can leave an empty file at this place.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError as error:
        raise OutputError(f"{path} exists; choose another name, or replace it with --force") from (
            error
        )
