"""Options for reading provenance."""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from .credentials.trust import TrustList, bundled_trust_list, load_trust_list


class Details(Enum):
    """Amount of detail that is kept of what was read."""

    NONE = auto()
    ALL = auto()
    """All texts, which can be private."""


@dataclass(frozen=True, slots=True)
class ProvenanceOptions:
    """Options for reading provenance.

    Attributes:
        details: what is kept beside the evidence.
        trust_list: certificates of trusted signers; ``None`` for the bundled list.
    """

    details: Details = Details.NONE
    trust_list: TrustList | None = None

    @property
    def certificates(self) -> str:
        """Certificates of trusted signers, in PEM."""
        return (self.trust_list or bundled_trust_list()).certificates


def options_of(details: str = "NONE", trust_list: str | Path | None = None) -> ProvenanceOptions:
    """Return options from their texts on a command line or in a message.

    Args:
        details: name of the ``Details`` that are kept.
        trust_list: path of a file of certificates; ``None`` for the bundled list.

    Raises:
        InputError: the trust list cannot be used.
    """
    trusted = None if trust_list is None else load_trust_list(Path(trust_list))
    return ProvenanceOptions(Details[details], trusted)
