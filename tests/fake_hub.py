"""The part of the Hugging Face Hub's interface that streaming a data set needs, on this machine."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

REPOSITORY = "someone/pictures"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(ThreadingHTTPServer):
    """Serves one data set from a folder and remembers how many bytes of each file it gave."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.sent: dict[str, int] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Variables that send the hub's client here."""
        return {
            "HF_ENDPOINT": f"http://127.0.0.1:{self.server_address[1]}",
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }


@contextmanager
def serving(root: Path) -> Iterator[FakeHub]:
    """A hub that runs for the length of a block."""
    with FakeHub(root) as hub:
        thread = threading.Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        payload = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for pattern, method in (
            (rf"/api/datasets/{REPOSITORY}(?:/revision/.+)?", self._info),
            (rf"/api/datasets/{REPOSITORY}/tree/[^/]+(?:/(?P<folder>.*))?", self._tree),
            (rf"/api/datasets/{REPOSITORY}/paths-info/[^/]+", lambda _: self._paths(payload)),
            (rf"/datasets/{REPOSITORY}/resolve/[^/]+/(?P<file>.*)", self._file),
        ):
            match = re.fullmatch(pattern, path)
            if match:
                return method(match)
        return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815 - the names that http.server calls

    def _info(self, _match: re.Match[str]) -> None:
        files = [path for path in self.server.root.rglob("*") if path.is_file()]
        siblings = [{"rfilename": path.relative_to(self.server.root).as_posix()} for path in files]
        self._send_json({"id": REPOSITORY, "sha": COMMIT, "tags": [], "siblings": siblings})

    def _tree(self, match: re.Match[str]) -> None:
        folder = self.server.root / (match["folder"] or "")
        if not folder.exists():
            return self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        recursive = "recursive=true" in self.path.lower()
        entries = folder.rglob("*") if recursive else folder.iterdir()
        return self._send_json([self._entry(path) for path in sorted(entries)])

    def _paths(self, payload: bytes) -> None:
        try:
            wanted = json.loads(payload)["paths"]
        except ValueError:
            wanted = parse_qs(payload.decode()).get("paths", [])
        paths = [self.server.root / path for path in wanted]
        self._send_json([self._entry(path) for path in paths if path.exists()])

    def _file(self, match: re.Match[str]) -> None:
        path = self.server.root / match["file"]
        if not path.is_file():
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        data = path.read_bytes()
        tag = hashlib.sha1(data).hexdigest()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{tag}"', "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not asked:
            self._count(match["file"], 0, len(data))
            return self._send(200, data, headers)
        start, end = int(asked[1]), min(int(asked[2] or len(data)) + 1, len(data))
        self._count(match["file"], start, end)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        return self._send(206, data[start:end], headers)

    def _count(self, file: str, start: int, end: int) -> None:
        if self.command == "GET":
            self.server.sent[file] = self.server.sent.get(file, 0) + end - start

    def _entry(self, path: Path) -> dict[str, object]:
        name = path.relative_to(self.server.root).as_posix()
        kind, size = ("directory", 0) if path.is_dir() else ("file", path.stat().st_size)
        return {
            "type": kind,
            "path": name,
            "size": size,
            "oid": hashlib.sha1(name.encode()).hexdigest(),
        }

    def _send_json(self, content: object) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""
