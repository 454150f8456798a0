"""Shard of a scan: the files whose path hashes there.

A file belongs to shard ``1 + h % count``. ``h`` is the number in the first eight bytes, big-endian,
of BLAKE2b (``digest_size=8``) of its path below the root that was scanned: the bytes of the names,
with ``/`` between them. So folders and buckets with equal names have equal shards, wherever they
are. A file that is named itself, as an argument or in a list, counts with its path as it is named.
"""

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

from ...errors import UsageError

_NUMBERS = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """Part of a scan.

    Attributes:
        number: number of the part, from 1 on.
        count: number of all parts.
    """

    number: int
    count: int

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the shard that a text such as ``3/16`` names.

        Raises:
            UsageError: the text names none.
        """
        numbers = _NUMBERS.fullmatch(text)
        shard = cls(int(numbers[1]), int(numbers[2])) if numbers else cls(0, 0)
        if not 1 <= shard.number <= shard.count:
            raise UsageError(f"--shard {text}: not a shard; use K/N with K from 1 to N, as 3/16")
        return shard

    def takes(self, path: bytes, root: bytes) -> bool:
        """Return whether a file belongs to this shard.

        Args:
            path: path of the file.
            root: folder, prefix or file that was named and led to it.
        """
        folder = root.rstrip(b"/")
        relative = path.removeprefix(b"" if folder == b"." else folder).lstrip(b"/")
        digest = blake2b(relative or path, digest_size=8).digest()
        return 1 + int.from_bytes(digest) % self.count == self.number

    def __str__(self) -> str:
        """Return the text that ``of`` reads."""
        return f"{self.number}/{self.count}"
