"""Versions of installed distributions, as pip reports them."""

import re
from importlib import import_module
from types import ModuleType


def installed_version(distribution: str) -> str:
    """Return the version of an installed distribution; empty if it is not installed."""
    metadata = _metadata()
    try:
        version: str = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
    return version


def missing_distributions(distribution: str, extra: str) -> list[str]:
    """Return the distributions of an extra that are not installed, sorted."""
    marker = re.compile(rf"""extra\s*==\s*['"]{re.escape(extra)}['"]""")
    needed = set()
    for requirement in _metadata().requires(distribution) or ():
        specifier, _, condition = requirement.partition(";")
        name = re.match(r"[A-Za-z0-9._-]+", specifier.strip())
        if name and marker.search(condition):
            needed.add(name.group())
    return sorted(name for name in needed if not installed_version(name))


def _metadata() -> ModuleType:
    # It takes a third of the time of --help, which does not need it.
    return import_module("importlib.metadata")
