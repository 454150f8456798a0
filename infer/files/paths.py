"""Paths as text: the form in which a row shows the bytes of a file's name."""


def path_text(path: bytes) -> str:
    """Return a path as rows show it in any locale: UTF-8, other bytes as surrogate escapes."""
    return path.decode("utf-8", "surrogateescape")
