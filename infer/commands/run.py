"""The one way out of every command: exit codes, one-line errors, no tracebacks but for bugs."""

import io
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from ..errors import ExitCode, TrustThePixelsError, one_line
from ..system.terminal import note


def run(command: click.Command) -> NoReturn:
    """Run a command with the arguments of this process and leave with its exit code.

    A command that ends early with a code of its own calls ``click.Context.exit``.
    """
    _occupy_standard_descriptors()
    for stream in (sys.stdout, sys.stderr):
        # A stream is None where its descriptor was closed before the start.
        if isinstance(stream, io.TextIOWrapper):
            # A name that the locale cannot encode is escaped, not a crash.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_exit_code(command))


def _occupy_standard_descriptors() -> None:
    """Open the null device where a standard stream was closed before the start.

    The first files opened would take those numbers, and what a C library prints would go into them.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD_DESCRIPTOR:
        continue
    os.close(descriptor)


_LAST_STANDARD_DESCRIPTOR = 2
_NO_THREAD = "can't start new thread"
"""What Python's ``RuntimeError`` says; it has no class of its own."""
_LITTLE_MEMORY = 64 << 20
"""In bytes; what a thread's own heap takes on Linux."""


def _exit_code(command: click.Command) -> int:
    name = Path(sys.argv[0]).stem
    try:
        with command.make_context(name, sys.argv[1:]) as context:
            command.invoke(context)
        _flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        _complain(_usage_message(error))
        return ExitCode.USAGE
    except TrustThePixelsError as error:
        _complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return ExitCode.BROKEN_PIPE
    except OSError as error:
        # A disk that fills up is no bug; where our own code wrote, the error is typed already.
        _discard_output()
        _complain(f"cannot read or write: {one_line(error)}")
        return ExitCode.USAGE
    except Exception as error:  # noqa: BLE001 - Python's own exit code 1 would say all went well
        if shortage := _shortage(error):
            _complain(shortage)
            return ExitCode.MODEL
        traceback.print_exc()
        _complain("this is a bug in trustthepixels; please report it with the lines above")
        return ExitCode.BUG
    return ExitCode.OK


def _shortage(error: Exception) -> str:
    """What the machine lacks, where that is the reason; empty for a bug."""
    if isinstance(error, MemoryError) or _is_out_of_memory():
        return (
            "not enough memory; raise the limit (ulimit -v), close other programs, or try a "
            "smaller --batch-size and fewer threads"
        )
    if isinstance(error, ImportError) and not isinstance(error, ModuleNotFoundError):
        # The dynamic linker's words come last, after a library's own advice.
        *_, words = str(error).strip().splitlines() or [""]
        return f"a library cannot be loaded (is there enough memory?): {words}"
    if str(error) == _NO_THREAD:
        return "the system gives this process no more threads; raise the limit (ulimit -u)"
    return ""


def _is_out_of_memory() -> bool:
    """Whether little memory is left, where Python's own modules fail with errors of any kind."""
    try:
        bytearray(_LITTLE_MEMORY)
    except MemoryError:
        return True
    return False


def _usage_message(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split()).removesuffix(".")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message} (see '{error.ctx.command_path} --help')"
    return message


def _complain(message: str) -> None:
    try:
        note(f"error: {message}")
    except OSError:
        # With nobody to tell, the exit code says it.
        return


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _discard_output() -> None:
    """Send what is still buffered nowhere, so that the interpreter's last flush stays quiet."""
    if sys.stdout is None:
        return
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, sys.stdout.fileno())
    os.close(descriptor)
