"""Installed distributions, as pip finds them."""


def installed_version(distribution: str) -> str:
    """Return the version of an installed distribution; empty if it is not installed."""
    # Imported here: it takes a third of the time of --help.
    import importlib.metadata

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
