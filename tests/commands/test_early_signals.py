"""A signal ends a command at any moment: no traceback, and the exit code says which."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scanning import SCAN, SCAN_FOLDER, parse, search_first, start

ENTRY = {
    "scan-folder": "from trustthepixels.infer.commands.entry import scan_folder as main",
    "trustthepixels": "from trustthepixels.infer.commands.entry import trustthepixels as main",
}

SENDS_ITSELF = """
import os, signal, sys
{entry}
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name.rpartition(".")[2] == {module!r}:
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Interrupts())
sys.argv = {arguments!r}
main()
"""


@pytest.mark.parametrize("module", ["run", "click", "terminal", "counts", "output"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["scan-folder", "trustthepixels"])
def test_while_the_first_modules_are_imported(tmp_path, command, number, code, module):
    arguments = [command, *["scan"][: command == "trustthepixels"], ".", "--out", "rows.csv"]
    script = SENDS_ITSELF.format(
        entry=ENTRY[command], module=module, number=int(number), arguments=arguments
    )
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, cwd=tmp_path, timeout=60
    )
    assert process.returncode == code
    assert b"Traceback" not in process.stderr
    assert process.stdout == b""


def test_a_signal_that_is_ignored_from_the_start_stays_ignored(tmp_path, tiny_model):
    shell = ["bash", "-c", 'trap "" INT TERM; : > ready; exec "$@"', "bash", *SCAN_FOLDER]
    process = start(
        *(".", "--out", "-", "--model", tiny_model, "--allow-empty"), command=shell, cwd=tmp_path
    )
    while not (tmp_path / "ready").exists():
        time.sleep(0.01)
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    assert parse(output) == []


@pytest.mark.parametrize("name", ["predict", "info", "train"])
def test_commands_that_expect_python_s_own_handlers_get_them(name):
    script = (
        "import signal\n"
        "from trustthepixels.infer.commands import entry\n"
        "from trustthepixels.infer.commands.main import group\n"
        "entry.end_on_signals()\n"
        f"group.get_command(None, {name!r})\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


BUSY = """
import pathlib, time
import trustthepixels.infer.{module} as module
real = module.{name}
def busy(*arguments, **keywords):
    pathlib.Path("busy").touch()
    {work}
    return real(*arguments, **keywords)
module.{name} = busy
"""

IN_A_LIBRARY = "__import__('hashlib').pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"
"""A call that takes longer than any test, and in which Python handles no signal."""

BUSY_WITH = {
    "the model": ("model.session", "_open_on", IN_A_LIBRARY),
    "the first batch": ("model.batching", "SmallerBatches.run", IN_A_LIBRARY),
    "a library that swallows it": (
        "model.session",
        "_open_on",
        "\n    try: time.sleep(600)\n    except BaseException: pass",
    ),
    "the walk": ("files.walk", "listing", "time.sleep(600)"),
    "a slow decode": ("scan.decoding.threads", "prepare", IN_A_LIBRARY),
    "the disk": ("system.durable", "os.fsync", "time.sleep(600)"),
}
"""Places of the command when the signal comes: module, function, and its work there."""


@pytest.mark.parametrize("what", BUSY_WITH)
def test_while_it_is_busy_with(tmp_path, examples, tiny_model, what):
    module, name, work = BUSY_WITH[what]
    (tmp_path / "sitecustomize.py").write_text(BUSY.format(module=module, name=name, work=work))
    with start(
        *(examples, "--out", "rows.csv", "--model", tiny_model, "--device", "cpu"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": search_first(tmp_path)},
        start_new_session=True,
    ) as process:
        while not (tmp_path / "busy").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        try:
            output, errors = process.communicate(timeout=120)
        finally:
            process.kill()
    assert (process.returncode, output) in [(143, b""), (130, b"")]
    assert errors.count(b"\n") == 1
    assert re.match(rb"interrupted: [01] files?: ", errors)
    assert len(parse((tmp_path / "rows.csv").read_bytes())) <= 1
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


SWALLOWED_IN_AN_IMPORT = """
import builtins, os, signal, time
import trustthepixels.infer.model.session as session
session._open_on = lambda *_, **__: time.sleep(600)
real_import = builtins.__import__
def interrupted_import(name, *arguments, **keywords):
    if name.endswith("scan.job.run"):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1.0)
        except BaseException:
            pass
    return real_import(name, *arguments, **keywords)
builtins.__import__ = interrupted_import
"""


def test_one_that_an_import_swallows_does_not_wait_for_the_model(tmp_path, examples, tiny_model):
    (tmp_path / "sitecustomize.py").write_text(SWALLOWED_IN_AN_IMPORT)
    process = start(
        *(examples, "--out", "rows.csv", "--model", tiny_model, "--device", "cpu"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": search_first(tmp_path)},
    )
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143, errors


def wait_for_our_first_line(process: subprocess.Popen[bytes]) -> None:
    """Python's own start cannot be answered for; it ends when SIGTERM has a handler."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if int(status.partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


@pytest.mark.slow
@pytest.mark.parametrize("command", [SCAN_FOLDER, SCAN], ids=["scan-folder", "scan"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_at_any_moment_of_a_scan(
    tmp_path, tiny_model, examples, monkeypatch, record_property, command, number, code
):
    """Twenty-five moments, from the start to the end; once, twice or five times in a row."""
    monkeypatch.chdir(tmp_path)
    longest = 0.0
    arguments = (examples, "--out", "rows.csv", "--force", "--model", tiny_model)
    began = time.monotonic()
    start(*arguments, command=command).communicate()
    whole = time.monotonic() - began
    moments = random.Random(int(number))
    for _ in range(25):
        moment = moments.uniform(0, 1.1) * whole
        process = start(*arguments, command=command)
        wait_for_our_first_line(process)
        time.sleep(moment)
        sent = time.monotonic()
        for _ in range(moments.choice([1, 2, 5])):
            process.send_signal(number)
        _, errors = process.communicate(timeout=240)
        longest = max(longest, time.monotonic() - sent)
        assert process.returncode in (code, 0), (moment, errors)
        assert b"Traceback" not in errors, (moment, errors)
        for path in Path().glob("rows.csv*"):
            if path.suffix != ".resume" and path.stat().st_size:
                parse(path.read_bytes())
            if process.returncode:
                path.unlink()
    record_property("longest_seconds", longest)
    print(f"{command[-1]} {code}: the longest took {longest:.2f} s, a whole scan {whole:.2f} s")
