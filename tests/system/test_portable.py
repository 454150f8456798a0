"""Commands run without parts of POSIX, as on Windows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scanning import SCAN as SCAN_COMMAND
from scanning import SCAN_FOLDER, run, search_first

EXAMPLES = Path(__file__).parents[2] / "examples"

WITHOUT_POSIX = """
import os, signal, sys
import select, subprocess
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "O_NOCTTY", "O_PATH", "O_CLOEXEC", "pread",
             "fchmod", "sched_getaffinity", "get_blocking", "set_blocking", "sysconf",
             "memfd_create", "MFD_CLOEXEC", "MFD_ALLOW_SEALING", "fork", "killpg", "getuid",
             "geteuid", "statvfs"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGXCPU", "SIGXFSZ", "SIGPIPE", "pthread_kill"):
    delattr(signal, name)
del select.poll, select.epoll
os.supports_dir_fd.clear()

class Popen(subprocess.Popen):
    def __init__(self, *arguments, pass_fds=(), preexec_fn=None, start_new_session=False, **others):
        assert not (pass_fds or preexec_fn or start_new_session), "POSIX only"
        super().__init__(*arguments, **others)

subprocess.Popen = Popen
"""

IMPORTS = """
import importlib, pkgutil
for package in ("output", "files", "system"):
    package = importlib.import_module(f"trustthepixels.infer.{package}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
"""

SCAN = """
from trustthepixels.infer.files.read import read_file
from trustthepixels.infer.files.options import WalkOptions
from trustthepixels.infer.files.walk import walk
from trustthepixels.infer.choices import Existing
from trustthepixels.infer.output.output import open_output
from trustthepixels.infer.choices import RowFormat
from trustthepixels.infer.output.run_identity import RunIdentity
from trustthepixels.infer.results import FileStatus, ScanRow
from trustthepixels.infer.system.cores import available_cores
from trustthepixels.infer.system.memory import default_memory
from trustthepixels.infer.system.signals import interruptible

assert available_cores() >= 1 and default_memory() > 0
os.makedirs("photos/sub")
for name in ("photos/a.jpg", "photos/sub/b.png"):
    with open(name, "wb") as file:
        file.write(b"content")

def scan(existing, rows, fail=False):
    with interruptible(), open_output("rows.csv", RowFormat.CSV, existing) as output:
        output.begin(RunIdentity({"model": "tiny"}))
        kept = list(output.kept())
        found = [file.path for file in walk([b"photos"], WalkOptions())]
        for path in found[len(kept):][:rows]:
            assert read_file(path, 100) == b"content"
            output.write(ScanRow(os.fsdecode(path), FileStatus.UNSUPPORTED))
        if fail:
            raise KeyError
        return len(kept)

try:
    scan(Existing.REFUSE, 1, fail=True)
except KeyError:
    pass
assert scan(Existing.RESUME, 2) == 1
assert scan(Existing.REPLACE, 2) == 0
with open("rows.csv", "rb") as file:
    print(file.read().count(b"unsupported"))
"""


@pytest.mark.parametrize(("script", "says"), [(IMPORTS, ""), (SCAN, "2\n")], ids=["import", "scan"])
def test_without_posix(script, says, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX + script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.stdout, done.stderr[-2000:]) == (says, "")


@pytest.fixture
def posixless(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python starts without parts of POSIX."""
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "sitecustomize.py").write_text(WITHOUT_POSIX)
    return {**os.environ, "PYTHONPATH": search_first(tmp_path / "start")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The examples, pictures that workers decode elsewhere, damaged ones, and a long path."""
    from image_files import encoded, photograph

    folder = tmp_path / "pictures"
    folder.mkdir()
    for path in (*sorted(EXAMPLES.rglob("*.jpg"))[:4], *sorted(EXAMPLES.rglob("*.webp"))[:1]):
        (folder / path.name).write_bytes(path.read_bytes())
    picture = photograph().resize((160, 120))
    for kind in ("GIF", "TIFF", "AVIF", "PNG", "BMP"):
        (folder / f"one.{kind.lower()}").write_bytes(encoded(kind, picture))
    (folder / "cut.gif").write_bytes((folder / "one.gif").read_bytes()[:-2000])
    (folder / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    deep = folder.joinpath(*["d" * 200] * 6)
    deep.mkdir(parents=True)
    (deep / "one.png").write_bytes((folder / "one.png").read_bytes())
    return folder


@pytest.mark.parametrize("command", [SCAN_FOLDER, SCAN_COMMAND], ids=["scan-folder", "scan"])
@pytest.mark.parametrize("more", [[], ["--decode-threads", "9", "--provenance"]], ids=str)
def test_the_rows_are_the_same_without_posix(
    posixless, folder, tmp_path, tiny_model, command, more
):
    arguments = [folder, "--model", tiny_model, "--quiet", *more]
    usual = run(*arguments, "--out", "usual.csv", command=command, cwd=tmp_path)
    less = run(*arguments, "--out", "less.csv", command=command, cwd=tmp_path, env=posixless)
    assert (usual, less) == ((1, b"", ""), (1, b"", ""))
    rows = (tmp_path / "usual.csv").read_bytes()
    assert rows.count(b",ok,") == 11
    assert (tmp_path / "less.csv").read_bytes() == rows
    done = run(
        *arguments, "--out", "less.csv", "--update", command=command, cwd=tmp_path, env=posixless
    )
    assert done[0] == 1, done
    assert (tmp_path / "less.csv").read_bytes() == rows


def test_the_examples_without_posix(posixless, tmp_path):
    for name, keywords in (("usual.csv", {}), ("less.csv", {"env": posixless})):
        done = run(EXAMPLES, "--out", name, "--quiet", cwd=tmp_path, **keywords)
        assert done == (0, b"", "")
    rows = (tmp_path / "usual.csv").read_bytes()
    assert rows.count(b",ok,") == 18
    assert (tmp_path / "less.csv").read_bytes() == rows


def test_isolation_that_cannot_be_is_refused(posixless, folder, tmp_path, tiny_model):
    code, _, errors = run(
        *(folder, "--model", tiny_model, "--out", "rows.csv", "--isolate", "all"),
        cwd=tmp_path,
        env=posixless,
    )
    assert (code, len(errors.splitlines())) == (2, 1)
    assert "worker processes" in errors


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("info", "--json"), ("predict",), ("bench", "--rounds", "1")],
    ids=lambda arguments: arguments[0],
)
def test_other_commands_without_posix(posixless, folder, tmp_path, tiny_model, arguments):
    name, *options = arguments
    command = [SCAN_COMMAND[0], *arguments]
    if name == "predict":
        command += [str(sorted(folder.glob("*.jpg"))[-1]), "--model", str(tiny_model)]
    elif name == "info":
        command.append(str(tiny_model))
    elif name == "bench":
        command += [str(EXAMPLES), "--model", str(tiny_model)]
    code, output, errors = run(command=command, cwd=tmp_path, env=posixless)
    assert (code, "Traceback" in errors) == (0, False), errors
    assert output
    if "--json" in options:
        json.loads(output)
