"""Objects that a scan has found."""

from dataclasses import dataclass
from hashlib import blake2b

from ..files.walk import Found
from .addresses import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote(Found):
    """An object of a store.

    Attributes:
        address: its address; ``path`` shows it without credentials.
        size: bytes; ``None`` if no listing told.
        tag: its ETag; ``None`` if no listing told.
        is_named: true for an object that was named itself, and not found below a prefix.
    """

    address: Address
    size: int | None = None
    tag: str | None = None
    is_named: bool = False

    @property
    def stamp(self) -> tuple[int, int] | None:
        """Size in bytes, and a number that stands for the ETag; ``None`` without an ETag."""
        if self.size is None or self.tag is None:
            return None
        digest = blake2b(self.tag.encode(), digest_size=8).digest()
        return self.size, int.from_bytes(digest, signed=True)
