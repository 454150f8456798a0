"""Words on standard error are best effort: rows and exit codes do not depend on them."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from image_files import encoded
from scanning import SCAN, SCAN_FOLDER, parse, run, start

pytest.importorskip("fcntl", reason="a shell and pipes as POSIX has them")

SINKS = {
    "read only": 'exec "$@" 2</dev/null',
    "closed pipe": '"$@" 2> >(exec true); exit $?',
}
if Path("/dev/full").exists():  # not on macOS
    SINKS["full disk"] = 'exec "$@" 2>/dev/full'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(3):
        (tmp_path / "photos" / f"{number}.png").write_bytes(encoded("PNG"))
    return tmp_path


def shell(script: str, command: list[str]) -> list[str]:
    return ["bash", "-c", script, "bash", *command]


@pytest.mark.parametrize("sink", SINKS.values(), ids=SINKS)
@pytest.mark.parametrize("bad", [0, 1], ids=["fine", "with a bad file"])
def test_a_scan_keeps_its_rows_and_code(folder, tiny_model, sink, bad):
    (folder / "photos" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture") if bad else None
    code, output, errors = run(
        *("photos", "--out", "rows.csv", "--model", tiny_model),
        command=shell(sink, SCAN_FOLDER),
        cwd=folder,
    )
    assert (code, output, errors) == (bad, b"", "")
    assert len(parse((folder / "rows.csv").read_bytes())) == 3 + bad


@pytest.mark.parametrize("sink", SINKS.values(), ids=SINKS)
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("scan", "missing", "--out", "rows.csv"), 2),
        (("predict", "missing.png"), 1),
        (("predict", "photos/0.png"), 0),
        (("info", "missing.onnx"), 3),
        (("info",), 0),
        (("bench", "missing"), 2),
        (("nonsense",), 2),
        (("--help",), 0),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_every_command_keeps_its_code(folder, sink, arguments, expected):
    usual = run(*arguments, command=[SCAN[0]], cwd=folder)
    there = run(*arguments, command=shell(sink, [SCAN[0]]), cwd=folder)
    assert (usual[0], there[0]) == (expected, expected)


def test_both_streams_in_a_pipe_without_a_reader(folder, tiny_model):
    script = '"$@" 2>&1 | true; exit ${PIPESTATUS[0]}'
    code, _, _ = run(
        *("photos", "--out", "rows.csv", "--model", tiny_model),
        command=shell(script, SCAN_FOLDER),
        cwd=folder,
    )
    assert code == 0
    assert len(parse((folder / "rows.csv").read_bytes())) == 3


def full_pipe() -> tuple[int, int]:
    """A pipe that takes no byte more, whose reader does not read."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x")
    os.set_blocking(writer, True)
    return reader, writer


def test_a_scan_ends_with_a_full_pipe(folder, tiny_model):
    reader, writer = full_pipe()
    try:
        code, _, _ = run(
            *("photos", "--out", "rows.csv", "--model", tiny_model), stderr=writer, cwd=folder
        )
    finally:
        os.close(writer)
        os.close(reader)
    assert code == 0
    assert len(parse((folder / "rows.csv").read_bytes())) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_scan_with_a_full_pipe(folder, tiny_model, number):
    reader, writer = full_pipe()
    os.mkfifo(folder / "list")
    try:
        with start(
            *("--files-from", "list", "--out", "rows.csv", "--model", tiny_model),
            stderr=writer,
            cwd=folder,
        ) as process:
            try:
                with (folder / "list").open("w") as names:
                    print("photos/0.png", file=names, flush=True)
                    while (
                        not (folder / "rows.csv").exists()
                        or b",ok," not in (folder / "rows.csv").read_bytes()
                    ):
                        assert process.poll() is None
                        time.sleep(0.01)
                    process.send_signal(number)
                    assert process.wait(60) == 128 + number
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    finally:
        os.close(writer)
        os.close(reader)
    assert len(parse((folder / "rows.csv").read_bytes())) == 1
