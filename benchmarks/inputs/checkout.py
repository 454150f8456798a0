"""The scanner of a checkout, in a folder that a Python searches before its installed packages."""

import os
from pathlib import Path

_PACKAGE = "trustthepixels"


def scanner_of(checkout: Path, place: Path, *behind: str | Path) -> dict[str, str]:
    """Return variables that put a checkout's scanner before the installed one.

    Args:
        checkout: root of the checkout.
        place: folder for the package; made if it does not exist.
        behind: further folders to search, after it.
    """
    package = place / _PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    # Otherwise the installed package hides this folder.
    (package / "__init__.py").touch()
    if not (package / "infer").is_symlink():
        (package / "infer").symlink_to(checkout.resolve() / "infer")
    return {"PYTHONPATH": os.pathsep.join(map(str, (place, *behind)))}
