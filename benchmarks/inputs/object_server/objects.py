"""Objects in memory, and replies to requests for them as S3 and Google give them."""

import asyncio
import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from .server import Reply, Request

_MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT"
_PAGE = 1000
_BUCKET = "pictures"
_NO_GENERATION = "x-goog-if-generation-match"
"""Header of Google's that, with 0, asks for a new object."""


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


def folder_contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder as objects, by their paths below it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
