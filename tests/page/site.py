"""A page's folder, and a small web server for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from trustthepixels.infer.page.runtime import FILES, PACKAGE, VERSION


def real_runtime() -> Path:
    """Return the folder of the unpacked npm package, which ``$ONNXRUNTIME_WEB`` names."""
    folder = os.environ.get("ONNXRUNTIME_WEB")
    if not folder:
        pytest.skip(f"name the folder of an unpacked {PACKAGE}@{VERSION} in $ONNXRUNTIME_WEB")
    return Path(folder)


def fake_runtime(folder: Path, version: str = VERSION) -> Path:
    """Write a package of the runtime's form, whose files hold nothing."""
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text(f'{{"name": "{PACKAGE}", "version": "{version}"}}')
    for name in FILES:
        (folder / "dist" / name).write_text(f"// {name}")
    return folder


def headers_in(folder: Path) -> list[tuple[str, str]]:
    """Return the headers that a folder asks its host to send."""
    lines = (folder / "_headers").read_text().splitlines()
    parts = [line.strip().partition(": ") for line in lines[1:]]
    return [(name, value) for name, _, value in parts]


class _Handler(SimpleHTTPRequestHandler):
    """Sends files of a folder with more headers, and writes requests down."""

    requests: list[str]
    headers_sent: list[tuple[str, str]]

    def __init__(self, *values, requests, headers_sent, **named) -> None:
        self.requests, self.headers_sent = requests, headers_sent
        super().__init__(*values, **named)

    def end_headers(self) -> None:
        for name, value in self.headers_sent:
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, _format: str, *_values: object) -> None:
        self.requests.append(f"{self.command} {self.path}")


@contextmanager
def served(folder: Path, headers: list[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder; give its address and the list of requests, which grows."""
    requests: list[str] = []
    handler = partial(_Handler, directory=str(folder), requests=requests, headers_sent=headers)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", requests
        finally:
            server.shutdown()
            thread.join()
