"""An HTTP server on loopback, whose replies can break off or come slowly."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


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
        self._run(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

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

    async def _finish(self) -> None:
        """Cancel what still answers, and wait for its end: a closed loop must have no tasks."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

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
