"""Paths as text: what a row shows of the bytes that name a file."""


def path_text(path: bytes) -> str:
    """A path as rows carry it, whatever the locale: UTF-8, other bytes as surrogate escapes."""
    return path.decode("utf-8", "surrogateescape")
