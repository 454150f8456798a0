"""Target of ``--out``, opened and locked: a new file, one to replace or resume, or a stream."""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..choices import STANDARD_OUTPUT, Existing
from ..errors import OutputError, failing_as
from ..system.descriptors import BINARY, NO_FOLLOW, NO_WAIT, make_binary, make_blocking
from ..system.durable import lock
from ..system.mounts import is_mount_point
from .run_identity import state_path

PARTIAL_SUFFIX = ".partial"


_OTHER_KINDS = frozenset({".xlsx", ".xlsm", ".xls", ".ods", ".parquet"})
"""Suffixes of tables that other programs would fail to open with rows in them."""

_GOING_ON = frozenset({Existing.RESUME, Existing.UPDATE})


@dataclass(frozen=True, slots=True)
class Target:
    """File or stream to open for ``--out``.

    Attributes:
        path: path to open.
        flags: flags for opening it.
        is_stream: true if rows pass through it.
        resumes: true if its whole rows stay.
        replaces: file that it replaces at the end.
    """

    path: str
    flags: int
    is_stream: bool = False
    resumes: bool = False
    replaces: Path | None = None


def find_target(destination: str, existing: Existing) -> Target:
    """Decide what to open for ``--out``, from the file that exists there.

    Raises:
        OutputError: the output cannot be written, or it exists and must stay unchanged.
    """
    if destination == STANDARD_OUTPUT:
        target = Target(STANDARD_OUTPUT, os.O_WRONLY, is_stream=True)
    elif Path(destination).suffix.lower() in _OTHER_KINDS:
        csv = Path(destination).with_suffix(".csv")
        raise OutputError(
            f"cannot write {destination}: rows are CSV or JSON lines; use --out {csv} --excel, "
            "which Excel opens, or --format jsonl"
        )
    else:
        target = _file_target(destination, existing)
    if target.is_stream and existing in _GOING_ON:
        raise OutputError(f"cannot {existing} {destination}: --{existing} needs a regular file")
    return target


def _file_target(destination: str, existing: Existing) -> Target:
    old = _existing(destination)
    if old is not None and (stat.S_ISCHR(old.st_mode) or stat.S_ISFIFO(old.st_mode)):
        return Target(destination, os.O_WRONLY | NO_WAIT, is_stream=True)
    if old is not None and not stat.S_ISREG(old.st_mode):
        what = "a folder" if stat.S_ISDIR(old.st_mode) else "not a regular file"
        raise OutputError(f"cannot write to {destination}: it is {what}")
    # Behind a link, its target is replaced or resumed, not the link.
    path = Path(destination)
    path = path.resolve() if path.is_symlink() else path
    partial = f"{path}{PARTIAL_SUFFIX}"
    if existing in _GOING_ON and all(map(os.path.lexists, (partial, state_path(partial)))):
        return Target(partial, os.O_RDWR | NO_FOLLOW, resumes=True, replaces=path)
    if old is None:
        # Another process may be quicker, or a link to nothing may lie there.
        return Target(destination, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    if existing is Existing.RESUME:
        return Target(str(path), os.O_RDWR, resumes=True)
    if existing is Existing.UPDATE and os.path.lexists(state_path(str(path))):
        return Target(str(path), os.O_RDWR, resumes=True)
    if existing in (Existing.REPLACE, Existing.UPDATE):
        if is_mount_point(path):
            return _in_place(path, old)
        return Target(partial, os.O_RDWR | os.O_CREAT | NO_FOLLOW, replaces=path)
    if os.path.lexists(state_path(str(path))):
        raise OutputError(
            f"{destination} exists, from a scan that did not end; continue it with --resume, "
            "choose another name, or replace it with --force"
        )
    raise OutputError(f"{destination} exists; choose another name, or replace it with --force")


def _in_place(path: Path, old: os.stat_result) -> Target:
    """Return a file that cannot be replaced, to be written in its place.

    Raises:
        OutputError: the file holds content, which an interrupted scan would destroy.
    """
    if old.st_size:
        raise OutputError(
            f"cannot replace {path}: it is mounted by itself; mount its folder instead, or empty "
            "it first"
        )
    return Target(str(path), os.O_RDWR)


def _existing(destination: str) -> os.stat_result | None:
    try:
        return Path(destination).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write to {destination}: {error}") from error


@contextmanager
def opened(target: Target, destination: str) -> Iterator[int]:
    """Open a target, and lock every file that is written or replaced.

    Raises:
        OutputError: the target cannot be opened, or another run has locked it.
    """
    if target.path == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise OutputError("cannot write to standard output: it is closed")
        make_binary(sys.stdout.fileno())
        yield sys.stdout.fileno()
        return
    with ExitStack() as stack:
        if target.replaces is not None:
            stack.enter_context(_locked_old(target.replaces))
        descriptor = _open(target)
        stack.callback(_close, descriptor, target.path)
        make_blocking(descriptor)
        if not target.is_stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OutputError(f"cannot write to {target.path}: it is not a regular file")
            lock(descriptor, target.path)
            if not is_still_there(target.path, descriptor):
                raise OutputError(f"another scan has just written {destination}; look at it first")
            if not target.resumes:
                os.ftruncate(descriptor, 0)
        yield descriptor


def _open(target: Target) -> int:
    try:
        return os.open(target.path, target.flags | BINARY, 0o666)
    except FileNotFoundError as error:
        raise OutputError(f"cannot write to {target.path}: its folder does not exist") from error
    except OSError as error:
        reason = "nobody reads it" if error.errno == errno.ENXIO else error.strerror
        raise OutputError(f"cannot write to {target.path}: {reason}") from error


@contextmanager
def _locked_old(path: Path) -> Iterator[None]:
    """Prevent other runs from resuming a file that is about to be replaced."""
    if os.name == "nt":
        # On Windows an open file cannot be replaced.
        yield
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | NO_WAIT)
    except OSError:
        # It is gone or unreadable, so no run can resume it.
        yield
        return
    try:
        lock(descriptor, str(path))
        yield
    finally:
        os.close(descriptor)


def is_still_there(path: str, descriptor: int) -> bool:
    """Return whether a name still refers to the file that was opened."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except OSError:
        return False


def release(descriptor: int) -> None:
    """Close a file where one that is open can neither be renamed nor replaced: on Windows."""
    if os.name == "nt":
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def replace_file(old: Path, new: str, descriptor: int) -> None:
    """Put an open file in the place of another, with that one's permissions.

    Raises:
        OutputError: it cannot be moved.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, stat.S_IMODE(old.stat().st_mode))
        release(descriptor)
        Path(new).replace(old)
    except OSError as error:
        raise OutputError(
            f"cannot replace {old}: {error.strerror}; the rows are in {new}"
        ) from error


def open_again(descriptor: int, path: str) -> None:
    """Have a descriptor stand for the file that has a path by now, and lock that one.

    Raises:
        OutputError: it cannot be opened, or another run has locked it.
    """
    new = _open(Target(path, os.O_RDWR | NO_FOLLOW))
    try:
        lock(new, path)
        os.dup2(new, descriptor, inheritable=False)
    finally:
        os.close(new)


def _close(descriptor: int, path: str) -> None:
    with failing_as(OutputError, f"cannot write to {path}"):
        os.close(descriptor)
