"""Seeded choice that no library version, input order or platform can change."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum


class Sampling(StrEnum):
    """How pictures are chosen from a data set.

    ``UNIFORM`` reads every label first and draws evenly from the whole data set; it may have to
    pass over all of the data. ``STREAMED`` takes the blocks of a data set (row groups of parquet
    files) in random order and keeps what they hold until there are enough, so that little more is
    downloaded than is kept; pictures of one block come together.
    """

    UNIFORM = "uniform"
    STREAMED = "streamed"


def shuffled(keys: Iterable[str], seed: int) -> list[str]:
    """The keys in an order that depends on nothing but the seed and the keys themselves.

    They are sorted by a keyed hash, so the first ``n`` are a uniform draw without replacement
    (bottom-k sampling, Cohen and Kaplan 2007), whatever order they came in.
    """
    return sorted(keys, key=lambda key: _priority(key, seed))


def _priority(key: str, seed: int) -> bytes:
    text = f"{seed}:{key}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).digest()
