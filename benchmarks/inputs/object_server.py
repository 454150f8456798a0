"""A small S3 server on loopback: GET, HEAD, PUT, DELETE, lists and lists to delete, with faults.

Google's protocol for XML is almost the same, so it also answers for ``gs://``.

It costs little processor time, keeps objects in memory, checks no signature, and waits before each
answer as a distant store does. ``python -m benchmarks.inputs.object_server FOLDER LATENCY_S``
serves a folder as the bucket ``pictures`` and prints its port.
"""

import asyncio
import contextlib
import hashlib
import re
import sys
import threading
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

_MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT"
_PAGE = 1000
_BUCKET = "pictures"
_NO_GENERATION = "x-goog-if-generation-match"
"""Header of Google's that, with 0, asks for a new object."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are lower-case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def key(self) -> str:
        """Key of the object, after the bucket; empty for the bucket itself."""
        return unquote(urlsplit(self.target).path).lstrip("/").partition("/")[2]


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply.

    Attributes:
        status: HTTP status; 0 closes the connection without a reply.
        body: content.
        headers: further headers.
        sent: bytes of the body that are sent before the connection is closed; ``None`` for all.
        pause_s: seconds between the bytes of the body, sent one at a time.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    pause_s: float = 0.0


Answer = Callable[[Request], Awaitable[Reply]]


def failure(status: int, code: str) -> Reply:
    """Return a reply as S3 refuses a request."""
    body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return Reply(status, body.encode(), {"Content-Type": "application/xml"})


@dataclass(slots=True)
class Objects:
    """Objects of one bucket, in memory.

    Attributes:
        contents: contents by key.
        buckets: buckets that exist; they share the contents.
        latency_s: seconds before each answer.
        requests: number of requests so far.
        most_at_once: most requests at one time.
    """

    contents: MutableMapping[str, bytes]
    buckets: frozenset[str] = frozenset({_BUCKET})
    latency_s: float = 0.0
    requests: int = 0
    most_at_once: int = 0
    _now: int = 0
    _sorted: list[str] = field(default_factory=list)
    _tags: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    async def answer(self, request: Request) -> Reply:
        """Return the reply to a request, after the latency."""
        self.requests += 1
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            return self._answer(request)
        finally:
            self._now -= 1

    def _answer(self, request: Request) -> Reply:
        bucket = unquote(urlsplit(request.target).path).lstrip("/").partition("/")[0]
        if bucket not in self.buckets:
            return failure(404, "NoSuchBucket")
        if not request.key and request.method == "POST":
            return self._deleted(request)
        if not request.key:
            return self._listed(parse_qs(urlsplit(request.target).query))
        if request.method == "PUT":
            return self._put(request)
        if request.method == "DELETE":
            self.contents.pop(request.key, None)
            return Reply(204)
        content = self.contents.get(request.key)
        if content is None:
            return failure(404, "NoSuchKey")
        tag = self._tag(request.key, content)
        if request.headers.get("if-match", tag) != tag:
            return failure(412, "PreconditionFailed")
        headers = {"ETag": tag, "Last-Modified": _MODIFIED}
        wanted = request.headers.get("range", "")
        if not wanted:
            return Reply(200, content, headers)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first), min(len(content), int(last or len(content)) + 1)
        if start >= len(content):
            return failure(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        return Reply(206, content[start:end], headers)

    def _put(self, request: Request) -> Reply:
        headers = request.headers
        is_new = headers.get("if-none-match") == "*" or headers.get(_NO_GENERATION) == "0"
        if is_new and request.key in self.contents:
            return failure(412, "PreconditionFailed")
        old = self.contents.get(request.key)
        wanted = request.headers.get("if-match")
        if wanted is not None and (old is None or self._tag(request.key, old) != wanted):
            return failure(412, "PreconditionFailed")
        self.contents[request.key] = request.body
        return Reply(200, headers={"ETag": self._tag(request.key, request.body)})

    def _deleted(self, request: Request) -> Reply:
        keys = re.findall(r"<Key>(.*?)</Key>", request.body.decode())
        for key in keys:
            self.contents.pop(unescape(key), None)
        items = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        body = f"<DeleteResult>{items}</DeleteResult>".encode()
        return Reply(200, body, {"Content-Type": "application/xml"})

    def _tag(self, key: str, content: bytes) -> str:
        known = self._tags.get(key)
        if known is None or known[0] is not content:
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            known = self._tags[key] = (content, f'"{digest}"')
        return known[1]

    def _listed(self, query: Mapping[str, list[str]]) -> Reply:
        if len(self._sorted) != len(self.contents) or not all(
            map(self.contents.__contains__, self._sorted)
        ):
            self._sorted = sorted(self.contents, key=str.encode)
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        start = bisect_right(self._sorted, after.encode(), key=str.encode)
        keys = [key for key in self._sorted[start:] if key.startswith(prefix)][: _PAGE + 1]
        page = keys[:_PAGE]
        is_coded = query.get("encoding-type") == ["url"]
        coded: Callable[[str], str] = quote_plus if is_coded else escape
        items = "".join(
            f"<Contents><Key>{coded(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{escape(self._tag(key, self.contents[key]))}</ETag>"
            f"<Size>{len(self.contents[key])}</Size></Contents>"
            for key in page
        )
        more = (
            f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
            if keys[_PAGE:]
            else ""
        )
        is_cut = "true" if more else "false"
        more += "<EncodingType>url</EncodingType>" if is_coded else ""
        body = (
            f"<ListBucketResult><IsTruncated>{is_cut}</IsTruncated>{more}{items}</ListBucketResult>"
        )
        return Reply(200, body.encode(), {"Content-Type": "application/xml"})


@dataclass(slots=True)
class Faults:
    """Replies that are spoilt: each key has a list of changes, one for each request of it.

    Attributes:
        answer: makes sound replies.
        changes: changes by key, first one first; a key's last one stays in force.
        everything: change of every reply after its own ones; ``None`` for none.
    """

    answer: Answer
    changes: dict[str, list[Callable[[Reply], Reply]]] = field(default_factory=dict)
    everything: Callable[[Reply], Reply] | None = None

    async def __call__(self, request: Request) -> Reply:
        """Return the reply to a request, spoilt if it is its turn."""
        reply = await self.answer(request)
        changes = self.changes.get(request.key)
        if changes:
            reply = (changes.pop(0) if len(changes) > 1 else changes[0])(reply)
        return reply if self.everything is None else self.everything(reply)


def sound(reply: Reply) -> Reply:
    """Change nothing."""
    return reply


def cut(reply: Reply) -> Reply:
    """Close the connection in the middle of the body."""
    return replace(reply, sent=len(reply.body) // 2)


def shortened(reply: Reply) -> Reply:
    """Send half of the body as if it were all."""
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def closed(_reply: Reply) -> Reply:
    """Close the connection without a reply."""
    return Reply(0)


def slow(reply: Reply) -> Reply:
    """Send the body one byte at a time."""
    return replace(reply, pause_s=0.1)


def throttled(_reply: Reply) -> Reply:
    """Ask to slow down."""
    return failure(503, "SlowDown")


def denied(_reply: Reply) -> Reply:
    """Refuse access."""
    return failure(403, "AccessDenied")


async def _serve(
    answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            headers = dict(_header(line) for line in lines if line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            reply = await answer(Request(method, target, headers, body))
            if not reply.status:
                break
            fields = {"Content-Length": str(len(reply.body)), **reply.headers}
            text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            start = f"HTTP/1.1 {reply.status} -\r\n{text}\r\n".encode("latin-1")
            content = b"" if method == "HEAD" else reply.body[: reply.sent]
            if not reply.pause_s:
                writer.write(start + content)
            else:
                writer.write(start)
                for byte in content:
                    await asyncio.sleep(reply.pause_s)
                    writer.write(bytes([byte]))
                    await writer.drain()
            await writer.drain()
            if reply.sent is not None:
                break
    writer.close()


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


class Server:
    """A server on loopback in a thread of its own; it can die, and come back on the same port.

    Args:
        answer: makes the replies; runs in the server's thread.

    Attributes:
        port: its port.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self._thread.start()
        self.come_back()

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def come_back(self) -> None:
        """Listen again."""
        self._run(self._listen())

    def die(self) -> None:
        """Close all connections, and refuse new ones."""
        self._run(self._close())

    def end(self) -> None:
        """Stop for good."""
        self.die()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, work: "Awaitable[None]") -> None:
        asyncio.run_coroutine_threadsafe(_awaited(work), self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await _serve(self.answer, reader, writer)
        finally:
            self._writers.discard(writer)


async def _awaited(work: "Awaitable[None]") -> None:
    await work


@contextlib.contextmanager
def served(answer: Answer) -> Iterator[Server]:
    """Run a server while the block runs."""
    server = Server(answer)
    try:
        yield server
    finally:
        server.end()


def folder_contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder as objects, by their paths below it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def main() -> None:
    objects = Objects(folder_contents(Path(sys.argv[1])), latency_s=float(sys.argv[2]))
    with served(objects.answer) as server:
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
