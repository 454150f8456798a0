"""CBOR (RFC 8949) to plain values, bounded in depth and number."""

import struct

_MAX_DEPTH = 16
_MAX_ITEMS = 20_000

_INDEFINITE = 31
_BREAK = object()
_SIMPLE: dict[int, object] = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}


def decode_cbor(data: bytes) -> object:
    """Return the first item of ``data``; ``None`` if it is damaged, too deep or too long."""
    try:
        return _Decoder(data).item(0)
    except (ValueError, IndexError, struct.error, TypeError):
        return None


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._left = _MAX_ITEMS

    def item(self, depth: int) -> object:
        """The item at the current position.

        Raises:
            ValueError: it is damaged, too deep, or one too many.
            IndexError: it is cut off.
        """
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
            raise ValueError("too many items")
        first = self._data[self._position]
        self._position += 1
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info)
        if info == _INDEFINITE:
            return self._indefinite(major, depth)
        count = self._argument(info)
        match major:
            case 0:
                return count
            case 1:
                return -1 - count
            case 2:
                return self._bytes(count)
            case 3:
                return self._bytes(count).decode("utf-8", "replace")
            case 4:
                return [self.item(depth + 1) for _ in range(self._fits(count))]
            case 5:
                return dict(self._pair(depth) for _ in range(self._fits(count)))
        return self.item(depth + 1)  # a tag says how to read what follows, which is kept as it is

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise ValueError("reserved")
        return int.from_bytes(self._bytes(1 << (info - 24)), "big")

    def _bytes(self, count: int) -> bytes:
        start, self._position = self._position, self._position + count
        if self._position > len(self._data):
            raise IndexError
        return self._data[start : self._position]

    def _fits(self, count: int) -> int:
        if count > self._left:
            raise ValueError("too many items")
        return count

    def _pair(self, depth: int) -> tuple[object, object]:
        key = self.item(depth + 1)
        # A key of another kind is legal; no map of C2PA has one.
        return (key if isinstance(key, str | int | bytes) else None), self.item(depth + 1)

    def _simple(self, info: int) -> object:
        if info == _INDEFINITE:
            return _BREAK
        if info in _FLOATS:
            return struct.unpack(_FLOATS[info], self._bytes(1 << (info - 24)))[0]
        if info == 24:
            self._position += 1
        return _SIMPLE.get(info)

    def _indefinite(self, major: int, depth: int) -> object:
        items = []
        while (item := self.item(depth + 1)) is not _BREAK:
            items.append(item)
        if major == 2:
            return b"".join(part for part in items if isinstance(part, bytes))
        if major == 3:
            return "".join(part for part in items if isinstance(part, str))
        if major == 4:
            return items
        if major == 5:
            return dict(zip(map(_key, items[::2]), items[1::2], strict=False))
        raise ValueError("reserved")


def _key(item: object) -> object:
    return item if isinstance(item, str | int | bytes) else None
