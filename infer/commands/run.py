"""Help, version, exit codes and errors in one line, the same for every command."""

import io
import os
import sys
from typing import NoReturn

import click

from ..errors import ExitCode, TrustThePixelsError, one_line
from ..system.best_effort import make_standard_error_best_effort
from ..system.terminal import note

SHORT_HELP = {"help_option_names": ["-h", "--help"]}
"""Settings of a command that is started by itself; sub-commands inherit them."""

version_option = click.version_option(package_name="trustthepixels", message="%(prog)s %(version)s")


def run(command: click.Command) -> NoReturn:
    """Run a command with the arguments of this process, and exit with its code.

    A command that ends early with a code of its own calls ``click.Context.exit``.
    """
    _occupy_standard_descriptors()
    # A stream is None where its descriptor was closed before the start.
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the locale cannot encode is escaped, not a crash.
        sys.stdout.reconfigure(errors="backslashreplace")
    make_standard_error_best_effort()
    sys.exit(_exit_code(command))


def _occupy_standard_descriptors() -> None:
    """Open the null device for standard streams that were closed before the start.

    Otherwise the first files opened would get those numbers, and prints of C libraries would go
    into them.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD_DESCRIPTOR:
        continue
    os.close(descriptor)


_LAST_STANDARD_DESCRIPTOR = 2
_NO_THREAD = "can't start new thread"
"""Text of Python's ``RuntimeError``, which has no class of its own."""
_LITTLE_MEMORY = 64 << 20
"""Bytes that a thread's own heap uses on Linux."""


def _exit_code(command: click.Command) -> int:
    name, _ = os.path.splitext(os.path.basename(sys.argv[0]))  # noqa: PTH119, PTH122
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
        # A full disk is not a bug; errors of this package's own writes are typed already.
        _discard_output()
        _complain(f"cannot read or write: {one_line(error)}")
        return ExitCode.USAGE
    except Exception as error:  # noqa: BLE001 - Python's own exit code 1 has another meaning here
        if shortage := _shortage(error):
            _complain(shortage)
            return ExitCode.MODEL
        # Unlike the module ``traceback``, this needs no import.
        sys.excepthook(type(error), error, error.__traceback__)
        _complain("this is a bug in trustthepixels; please report it with the lines above")
        return ExitCode.BUG
    return ExitCode.OK


def _shortage(error: Exception) -> str:
    """Return the resource that ran out, if that is the reason; empty for a bug."""
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
    """Return whether little memory is left; Python's own modules then fail with any error."""
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
    note(f"error: {message}")


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _discard_output() -> None:
    """Discard buffered output, so that the interpreter's last flush stays quiet."""
    if sys.stdout is None:
        return
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, sys.stdout.fileno())
    os.close(descriptor)
