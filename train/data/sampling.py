"""Seeded choice that is independent of library versions, input order and platform."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum


class Sampling(StrEnum):
    """Way of choosing pictures from a data set.

    ``UNIFORM`` reads every label first and draws evenly from the whole data set; it may have to
    read all of the data. ``STREAMED`` takes the blocks of a data set (row groups of parquet files)
    in random order until there are enough pictures. It downloads little more than it needs, but
    pictures of one block come together.
    """

    UNIFORM = "uniform"
    STREAMED = "streamed"


def shuffled(keys: Iterable[str], seed: int) -> list[str]:
    """Return the keys in an order that depends only on the seed and the keys themselves.

    They are sorted by a keyed hash, so the first ``n`` are a uniform draw without replacement
    (bottom-k sampling, Cohen and Kaplan 2007) for any order of the input.
    """
    return sorted(keys, key=lambda key: _priority(key, seed))


def _priority(key: str, seed: int) -> bytes:
    text = f"{seed}:{key}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).digest()
