"""Run the installed ``scan-folder``, and read what it wrote."""

import csv
import io
import os
import subprocess
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from trustthepixels.infer.output.rows import COLUMNS

RunCommand = Callable[..., subprocess.CompletedProcess[str]]

SCRIPTS = Path(sysconfig.get_path("scripts"))
SCAN_FOLDER = [str(SCRIPTS / "scan-folder")]
SCAN = [str(SCRIPTS / "trustthepixels"), "scan"]


def start(*arguments: str | Path, command: Sequence[str] = SCAN_FOLDER, **keywords):
    """Start the command where the test stands."""
    keywords = {"stdin": subprocess.DEVNULL, "stdout": -1, "stderr": -1, **keywords}
    return subprocess.Popen([*command, *map(str, arguments)], **keywords)


def run(*arguments: str | Path, input: bytes | None = None, **keywords):
    """Run the command to its end; returns its exit code, standard output and standard error."""
    if input is not None:
        keywords["stdin"] = subprocess.PIPE
    with start(*arguments, **keywords) as process:
        output, errors = process.communicate(input, timeout=600)
        return process.returncode, output or b"", (errors or b"").decode()


def parse(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file, after checking that it is one."""
    assert content.endswith(b"\r\n")
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))
    assert all(tuple(row) == COLUMNS for row in rows)
    return rows


def rows_of(path: str | Path = "rows.csv") -> list[dict[str, str]]:
    return parse(Path(path).read_bytes())


def search_first(folder: Path) -> str:
    """A ``PYTHONPATH`` that has Python look for modules in a folder first."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def killer(rows: int) -> Path:
    """A folder for ``PYTHONPATH`` that has the process killed in the middle of a row."""
    folder = Path("../killer").absolute()
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        "import os, signal\n"
        "from trustthepixels.infer.output import writer\n"
        f"real_write, room = os.write, [{rows} + 1]\n"  # the header is the first
        "def write(descriptor, data):\n"
        "    if room[0] == 0:\n"
        "        real_write(descriptor, bytes(data)[:9])\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    room[0] -= 1\n"
        "    return real_write(descriptor, data)\n"
        "writer.os = type('os', (), {**vars(os), 'write': staticmethod(write)})\n"
    )
    return folder
