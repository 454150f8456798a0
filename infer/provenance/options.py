"""Options for reading provenance."""

from dataclasses import dataclass
from enum import Enum, auto

from .credentials.trust import TrustList, bundled_trust_list


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
