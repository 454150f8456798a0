"""With few resources (descriptors, memory, cores, no home) a scan works, or fails in one line."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from scanning import SCAN_FOLDER, parse, run, search_first

GIB = 1024 * 1024
"""In the unit of ``ulimit -v``."""


def limited(limits: str) -> list[str]:
    """The command in a shell with limits of its own."""
    return ["bash", "-c", f'{limits}; exec "$@"', "bash", *SCAN_FOLDER]


@pytest.mark.parametrize(
    "limits",
    [
        "ulimit -n 32",
        f"ulimit -v {GIB}",
        "ulimit -c 0; taskset -cp 0 $$ > /dev/null",
        "unset HOME; export TMPDIR=/nonexistent",
        "export HOME=/proc/self XDG_CACHE_HOME=/proc/self; exec < /dev/null",
    ],
    ids=["descriptors", "address-space", "one-core", "no-home-no-tmp", "read-only-home"],
)
def test_a_scan_works(examples, tiny_model, tmp_path, limits):
    code, output, errors = run(
        *(examples, "--out", "-", "--model", tiny_model), command=limited(limits), cwd=tmp_path
    )
    assert code == 0, errors
    assert len(parse(output)) == 18
    assert list(tmp_path.iterdir()) == [tiny_model]


@pytest.mark.slow
@pytest.mark.parametrize("limits", ["ulimit -n 32", f"ulimit -v {GIB}"])
def test_a_scan_with_the_bundled_model_works(examples, limits):
    code, output, errors = run(examples, "--out", "-", command=limited(limits))
    assert code == 0, errors
    assert len(parse(output)) == 18


@pytest.mark.parametrize("megabytes", [60, 120, 200])
def test_with_less_memory_than_python_needs_for_it_one_line_says_so(
    examples, tiny_model, tmp_path, megabytes
):
    code, output, errors = run(
        *(examples, "--out", "rows.csv", "--model", tiny_model),
        command=limited(f"ulimit -v {megabytes * 1024}"),
        cwd=tmp_path,
    )
    assert code == 3, errors
    assert output == b""
    assert "Traceback" not in errors
    assert re.search("memory|failed to map segment|bad_alloc", errors.splitlines()[-1])
    assert not (tmp_path / "rows.csv").exists()


def scan_where_threads_start_with(body: str, folder: Path, model: Path) -> tuple[int, str]:
    """Exit code and standard error of a scan in which starting a thread runs this code instead."""
    (folder / "sitecustomize.py").write_text(
        f"import threading\ndef start(self):\n    {body}\nthreading.Thread.start = start\n"
    )
    code, _, errors = run(
        *(".", "--out", "rows.csv", "--model", model, "--device", "cpu"),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": search_first(folder)},
    )
    return code, errors


def test_an_odd_error_near_the_limit_of_memory_is_no_bug(tmp_path, tiny_model):
    """Python's own modules fail in many ways there, which only chance brings about."""
    code, errors = scan_where_threads_start_with(
        "import resource\n"
        "    pages = int(open('/proc/self/statm').read().split()[0])\n"
        "    size = pages * resource.getpagesize() + (16 << 20)\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (size, size))\n"
        "    raise AttributeError('half a module')",
        tmp_path,
        tiny_model,
    )
    assert (code, errors.count("\n")) == (3, 1)
    assert "not enough memory" in errors


def test_no_threads_to_be_had_is_one_line(tmp_path, tiny_model):
    """The superuser is not limited by ``ulimit -u``, so the limit is played."""
    code, errors = scan_where_threads_start_with(
        'raise RuntimeError("can\'t start new thread")', tmp_path, tiny_model
    )
    assert (code, errors.count("\n")) == (3, 1)
    assert "no more threads" in errors


class TestNetwork:
    """Nothing is sent or fetched while scanning."""

    def test_no_socket_is_opened(self, examples, tiny_model, tmp_path):
        (tmp_path / "sitecustomize.py").write_text(
            "import os, sys\n"
            "def forbid(event, arguments):\n"
            "    if event.startswith('socket.') or event == 'urllib.Request':\n"
            "        os.write(2, f'NETWORK {event} {arguments}'.encode())\n"
            "        os._exit(99)\n"
            "sys.addaudithook(forbid)\n"
        )
        environment = {**os.environ, "PYTHONPATH": search_first(tmp_path)}
        probe = subprocess.run(
            ["python3", "-c", "import socket; socket.socket()"],
            env=environment,
            capture_output=True,
        )
        assert probe.returncode == 99
        code, output, errors = run(
            examples, "--out", "-", "--model", tiny_model, env=environment, cwd=tmp_path
        )
        assert code == 0, errors
        assert len(parse(output)) == 18

    def test_it_works_where_there_is_no_network_at_all(self, examples, tiny_model):
        alone = ["unshare", "--net", "--map-root-user"]
        if subprocess.run([*alone, "true"], capture_output=True).returncode:
            pytest.skip("this system does not let a process leave the network")
        code, output, _ = run(
            examples, "--out", "-", "--model", tiny_model, command=[*alone, *SCAN_FOLDER]
        )
        assert code == 0
        assert len(parse(output)) == 18


def test_a_full_disk_is_found_before_the_model_is_loaded(examples, tmp_path):
    """A disk of one page: the header fits in nowhere."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=9", "none", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount")
    try:
        Path(folder / "ballast").write_bytes(bytes(4096))
        code, _, errors = run(examples, "--out", folder / "rows.csv", "--model", "missing.onnx")
        assert (code, errors.count("\n")) == (2, 1)
        assert "No space left on device" in errors
        assert [path.name for path in folder.iterdir()] == ["ballast"]
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_folder_is_found_before_the_model_is_loaded(examples):
    code, _, errors = run(examples, "--out", "/sys/rows.csv", "--model", "missing.onnx")
    assert (code, errors.count("\n")) == (2, 1)
    assert "cannot write to /sys/rows.csv" in errors
