"""The errors that TrustThePixels raises on purpose; anything else is a bug.

Every error that ends a command carries the exit code of that command:
2 wrong usage, input or output; 3 model or provider unusable; 4 a check of the export failed.
"""

from .results import FileStatus


def one_line(error: BaseException) -> str:
    """An exception's text in one line, its type's name where it has no text."""
    return " ".join(str(error).split()) or type(error).__name__


class TrustThePixelsError(Exception):
    """Base of all typed errors; its text is one line that says what to do."""

    exit_code = 2


class UsageError(TrustThePixelsError):
    """An option or argument that cannot be honoured."""


class MissingExtraError(UsageError):
    """A command needs an optional dependency that is not installed."""

    def __init__(self, command: str, extra: str, missing: str) -> None:
        super().__init__(
            f"{command} needs {missing}, which is not installed; "
            f"install it with: pip install 'trustthepixels[{extra}]'"
        )


class InputError(TrustThePixelsError):
    """A path, file list or data set that was asked for and cannot be used."""


class OutputError(TrustThePixelsError):
    """The output cannot be created or written."""


class ModelError(TrustThePixelsError):
    """The model file is missing, damaged, or not one of ours."""

    exit_code = 3


class SpecError(ModelError):
    """The model's specification is missing, damaged, or of an unknown schema version."""


class DigestError(ModelError):
    """The model's content does not match the digest in its specification."""


class SignatureError(ModelError):
    """The graph's inputs or outputs have other names, types or shapes than the contract."""


class ProviderError(TrustThePixelsError):
    """ONNX Runtime, or the execution provider that was asked for, cannot be used."""

    exit_code = 3


class ExportCheckError(TrustThePixelsError):
    """An exported model failed a check; the text names the measured figure and its bound."""

    exit_code = 4


class ImageError(TrustThePixelsError):
    """One file could not be turned into pixels; the scanner makes a row of it.

    Attributes:
        status: what went wrong, never ``FileStatus.OK``.
        reason: one line for the row's ``error`` column.
    """

    def __init__(self, status: FileStatus, reason: str) -> None:
        super().__init__(f"{status.value}: {reason}")
        self.status = status
        self.reason = reason
