"""Errors that TrustThePixels raises on purpose, and the exit codes of its commands.

::

    TrustThePixelsError          2
    ├── UsageError               2
    │   └── MissingExtraError    2
    ├── InputError               2
    │   └── SourceLostError      5
    ├── OutputError              2
    ├── ModelError               3
    │   ├── SpecError            3
    │   ├── DigestError          3
    │   └── SignatureError       3
    ├── ProviderError            3
    │   └── OutOfMemoryError     3
    ├── ExportCheckError         4
    └── ImageError               –  a row, never the end of a scan
        ├── ReadError               in files.read
        │   └── MissingFileError    a FileNotFoundError, too
        └── DecodeError             in images.failures

The number is the exit code of a command that ends with the error. Any other exception is a bug.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .results import FileStatus


def one_line(error: BaseException) -> str:
    """Return an exception's text in one line, or the name of its type if it has no text."""
    return " ".join(str(error).split()) or type(error).__name__


class ExitCode(IntEnum):
    """Exit code of a command."""

    OK = 0
    SOME_FILES_FAILED = 1
    """The work is done; files that failed have a row or a line with the reason."""
    USAGE = 2
    """Wrong usage, input or output."""
    MODEL = 3
    """The model or the provider cannot be used."""
    CHECK_FAILED = 4
    """An exported model failed a check."""
    SOURCE_LOST = 5
    """The share, disk or store with the files went away during a scan."""
    BUG = 70
    """An unforeseen error; the number is ``EX_SOFTWARE`` of sysexits(3)."""
    INTERRUPTED = 130
    """SIGINT; 128 + the signal's number, as shells report it."""
    BROKEN_PIPE = 141
    """The reader of the output closed it; 128 + SIGPIPE."""
    TERMINATED = 143
    """SIGTERM; 128 + the signal's number."""


class TrustThePixelsError(Exception):
    """Base of all typed errors; its text is one line: thing, problem, way out."""

    exit_code = ExitCode.USAGE


class UsageError(TrustThePixelsError):
    """An option or argument that cannot be honoured."""


class MissingExtraError(UsageError):
    """A command needs an optional dependency that is not installed."""

    def __init__(self, command: str, extra: str, missing: str) -> None:
        super().__init__(
            f"{command} needs packages that are not installed ({missing}); "
            f"run: pip install 'trustthepixels[{extra}]'"
        )


class InputError(TrustThePixelsError):
    """A path, file list or data set that was asked for and cannot be used."""


class SourceLostError(InputError):
    """Nothing of what is to be scanned can be read any more: its share, disk or store is gone."""

    exit_code = ExitCode.SOURCE_LOST


class OutputError(TrustThePixelsError):
    """The output cannot be created or written."""


@contextmanager
def failing_as(kind: type[InputError] | type[OutputError], failure: str) -> Iterator[None]:
    """Turn an ``OSError`` of a block into a typed one: the failure, then the system's reason."""
    try:
        yield
    except OSError as error:
        raise kind(f"{failure}: {error.strerror or error}") from error


class ModelError(TrustThePixelsError):
    """The model file is missing, damaged, or not written by ``trustthepixels export``."""

    exit_code = ExitCode.MODEL


class SpecError(ModelError):
    """The model's specification is missing, damaged, or of an unknown schema version."""


class DigestError(ModelError):
    """The model's content does not match the digest in its specification."""


class SignatureError(ModelError):
    """The names, types or shapes of the graph's inputs or outputs differ from the contract."""


class ProviderError(TrustThePixelsError):
    """ONNX Runtime, or the execution provider that was asked for, cannot be used."""

    exit_code = ExitCode.MODEL


class OutOfMemoryError(ProviderError):
    """A batch is too large for a device, mostly for its memory; a smaller batch may fit."""


class ExportCheckError(TrustThePixelsError):
    """An exported model failed a check; the text names the measured figure and its bound."""

    exit_code = ExitCode.CHECK_FAILED


class ImageError(TrustThePixelsError):
    """One file could not be turned into pixels; the scanner makes a row of it.

    Attributes:
        status: what went wrong, never ``FileStatus.OK``.
        reason: one line for the row's ``error`` column.
    """

    def __init__(self, status: "FileStatus", reason: str) -> None:
        super().__init__(f"{status.value}: {reason}")
        self.status = status
        self.reason = reason
