"""Code that reads and writes files runs without parts of POSIX, as on Windows."""

import subprocess
import sys

import pytest

WITHOUT_POSIX = """
import os, signal, sys
for name in ("fcntl", "resource"):
    sys.modules[name] = None
for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "O_NOCTTY", "O_PATH", "pread", "fchmod",
             "sched_getaffinity", "set_blocking", "sysconf"):
    if hasattr(os, name):
        delattr(os, name)
del signal.pthread_kill
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
from trustthepixels.infer.files.walk import WalkOptions, walk
from trustthepixels.infer.output.destination import Existing
from trustthepixels.infer.output.output import open_output
from trustthepixels.infer.output.rows import RowFormat
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
