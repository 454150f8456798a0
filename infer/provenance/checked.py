"""Provenance with checked credentials; only for processes that can be killed."""

from ..images.formats.registry import identify
from ..results import Provenance
from .credentials.available import is_available
from .credentials.check import checked_store
from .find import find, read_metadata
from .options import Details


def find_checked(data: bytes, certificates: str, details: str) -> Provenance:
    """Return what a file states about its origin, its credentials checked if that is possible.

    Args:
        data: the whole file.
        certificates: of trusted signers, in PEM.
        details: name of the ``Details`` that are kept.
    """
    metadata = read_metadata(identify(data))
    store = None
    if metadata.has_credentials and is_available():
        store = checked_store(data, metadata.format, certificates)
    return find(metadata, store, Details[details])
