"""No file makes a scan open a connection, whatever addresses stand in it."""

import contextlib
import io
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import c2pa
import pytest
from credential_signing import Signer, manifest, trusted
from metadata_writers import plain
from scanning import SCRIPTS, run
from signed_corpus import AI, jpeg_remote
from tiny_model import write_tiny_model


class Listener:
    """A server on loopback that counts who comes."""

    def __init__(self):
        self.visits = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._count, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def _count(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.visits += 1
                connection.close()

    def close(self):
        self._server.close()


@pytest.fixture
def listener():
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def pointing(listener, tmp_path):
    """A folder of files that name the listener in every way that the library knows."""
    folder = tmp_path / "photos"
    folder.mkdir()
    asked = Signer("Asked", address=f"{listener.address}/ocsp")
    address = f"{listener.address}/manifest.c2pa"
    files = {
        "only-remote.jpg": trusted().sign(
            plain("JPEG"), "image/jpeg", manifest(AI), remote_url=address, embedded=False
        ),
        "also-remote.jpg": trusted().sign(
            plain("JPEG"), "image/jpeg", manifest(AI), remote_url=address
        ),
        "pointer.jpg": jpeg_remote(address),
        "ocsp.png": asked.sign(plain("PNG"), "image/png", manifest(AI)),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_a_scan_connects_to_nobody(listener, pointing, tmp_path):
    model = write_tiny_model(tmp_path / "tiny.onnx")
    code, output, errors = run(pointing, "--out", "-", "--model", model, "--provenance")
    assert code == 0, errors
    assert output.count(b"c2pa:remote") == 3
    assert output.count(b"intact") == 2
    assert listener.visits == 0


def test_the_library_would_connect_if_it_were_let(listener, pointing):
    """Without this, the listener proves nothing."""
    data = (pointing / "only-remote.jpg").read_bytes()
    with contextlib.suppress(c2pa.C2paError):
        c2pa.Reader("image/jpeg", io.BytesIO(data)).json()
    assert listener.visits > 0


def test_a_scan_needs_no_network(pointing, tmp_path):
    """In a network namespace without interfaces the rows are the same."""
    alone = [shutil.which("unshare") or "", "--user", "--map-root-user", "--net"]
    probe = [*alone, sys.executable, "-c", ""] if alone[0] else ["false"]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("this system makes no network namespaces")
    model = write_tiny_model(tmp_path / "tiny.onnx")
    command = [str(SCRIPTS / "scan-folder")]
    arguments = (Path(pointing), "--out", "-", "--model", model, "--provenance")
    outside, inside = run(*arguments, command=command), run(*arguments, command=[*alone, *command])
    assert inside[:2] == outside[:2]
    assert outside[0] == 0
