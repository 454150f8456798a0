"""The list of certificates that content credentials are checked against.

The bundled one is the official C2PA Trust List, of the public repository
``c2pa-org/conformance-public``, licensed under CC BY 4.0 and not changed.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError, one_line

_BUNDLED = Path(__file__).with_name("c2pa-trust-list.pem")
_BUNDLED_NAME = "C2PA Trust List"
_BUNDLED_DATE = "2026-08-13"
"""The day when the list last changed in its repository."""

_BUNDLED_LICENCE = "CC BY 4.0"

_MAX_BYTES = 16 << 20
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class TrustList:
    """Certificates of trusted signers.

    Attributes:
        name: what to call it.
        date: its day, ISO 8601; empty if unknown.
        licence: terms under which it may be passed on; empty if unknown.
        certificates: in PEM.
    """

    name: str
    date: str
    certificates: str
    licence: str = ""

    @property
    def count(self) -> int:
        """Number of certificates."""
        return self.certificates.count(_CERTIFICATE)


@functools.cache
def bundled_trust_list() -> TrustList:
    """Return the official list that comes with this package."""
    return TrustList(_BUNDLED_NAME, _BUNDLED_DATE, _BUNDLED.read_text("utf-8"), _BUNDLED_LICENCE)


def load_trust_list(path: Path) -> TrustList:
    """Return the list in a PEM file.

    Raises:
        InputError: it cannot be read, or holds no certificate.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read as a trust list: {one_line(error)}") from error
    text = content.decode("utf-8", "replace")
    if _CERTIFICATE not in text or len(content) > _MAX_BYTES:
        raise InputError(f"{path}: not a trust list; use a PEM file of certificates")
    return TrustList(str(path), "", text)
