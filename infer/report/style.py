"""Style of the pages that people look at: of scans, and of evaluations in ``train``."""

from importlib.resources import files


def page_style() -> str:
    """Return the style sheet, for a ``style`` element; it loads nothing."""
    return files(__package__).joinpath("style.css").read_text("utf-8")
