"""Mutants of the corpus, read one after the other: ``python mutants.py SEED COUNT [checked]``.

It runs under the limits of a process that decodes, and prints how many mutants it has read. A
crash, a hang or an allocation beyond the limit ends it early.
"""

import random
import sys

from metadata_corpus import plain_cases
from metadata_writers import read_metadata
from signed_corpus import anchors, signed_cases

from trustthepixels.infer.isolation.child import limit_memory
from trustthepixels.infer.provenance.credentials.check import checked_store
from trustthepixels.infer.provenance.find import find
from trustthepixels.infer.provenance.options import Details

_MEMORY = 256 << 20
"""Bytes for reading a header in a process that decodes."""


def mutant(data, others, random_numbers):
    """A copy of a file with a few things wrong."""
    changed = bytearray(data)
    for _ in range(random_numbers.randint(1, 6)):
        # Metadata stand in front; pixels matter little here.
        end = len(changed) if random_numbers.random() < 0.3 else min(len(changed), 3000)
        at = random_numbers.randrange(max(1, end))
        match random_numbers.randrange(7):
            case 0:
                changed[at : at + 1] = bytes((random_numbers.randrange(256),))
            case 1:
                changed[at : at + 4] = random_numbers.choice(
                    (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1")
                )
            case 2:
                del changed[at : at + random_numbers.randint(1, 64)]
            case 3:
                changed[at:at] = changed[at : at + random_numbers.randint(1, 512)]
            case 4:
                other = random_numbers.choice(others)
                start = random_numbers.randrange(len(other))
                changed[at:at] = other[start : start + random_numbers.randint(1, 2000)]
            case 5:
                del changed[at:]
            case 6:
                changed[at : at + 1] = (
                    bytes((changed[at] ^ 1 << random_numbers.randrange(8),))
                    if (at < len(changed))
                    else b""
                )
        if not changed:
            break
    return bytes(changed)


def main(seed, count, *, is_checked):
    random_numbers = random.Random(seed)
    files = [case.data for case in plain_cases()]
    files += [case.data for case in signed_cases()] if is_checked else []
    if is_checked:
        files = [data for data in files if read_metadata(data).has_credentials]
    limit_memory(_MEMORY)
    for _ in range(count):
        data = mutant(random_numbers.choice(files), files, random_numbers)
        metadata = read_metadata(data)
        store = None
        if is_checked and metadata.has_credentials:
            store = checked_store(data, metadata.format, anchors())
        provenance = find(metadata, store, Details.ALL)
        assert len(provenance.evidence) <= 16
        assert len(provenance.details) < 1 << 20
    print(count)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), is_checked="checked" in sys.argv[3:])
