"""Run ``trustthepixels`` inside the test's process, which has loaded PyTorch and its like already.

Loading them takes seconds, and everything else from the arguments to the exit code is the same.
Each command is also tested as it is installed, in a process of its own.
"""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from trustthepixels.infer.commands.main import group
from trustthepixels.infer.commands.run import run


def trustthepixels(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; the answer is that of the ``run_command`` fixture."""
    command = ["trustthepixels", *map(str, arguments)]
    output, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        mock.patch.object(sys, "argv", command),
        mock.patch.dict(os.environ),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        pytest.raises(SystemExit) as end,
    ):
        run(group)
    return subprocess.CompletedProcess(command, end.value.code, _text(output), _text(errors))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
