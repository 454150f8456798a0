"""Which distributions are installed, as pip knows them."""


def installed_version(distribution: str) -> str:
    """The version of an installed distribution; empty where it is not installed."""
    # Imported here, because it takes a third of the time of --help.
    import importlib.metadata

    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
