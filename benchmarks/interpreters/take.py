"""One scan with a model that costs nothing: ``python -m benchmarks.interpreters.take``.

Its arguments are a folder and the number of decode threads. It needs no more than a scan does.
"""

import hashlib
import json
import os
import sys
import time

from trustthepixels.infer.choices import RowFormat
from trustthepixels.infer.output.rows import encode_row
from trustthepixels.infer.scan.options import ScanOptions
from trustthepixels.infer.scan.pipeline import scan_rows

from ..no_model import NO_MODEL, NO_VERDICT


def main(folder: str, threads: int) -> None:
    """Scan a folder, and print files in a second, the digest of the rows and the Python."""
    options = ScanOptions(decode_threads=threads, batches_in_flight=threads, decode_processes=0)
    digest, count, start = hashlib.sha256(), 0, time.perf_counter()
    for row in scan_rows([os.fsencode(folder)], NO_MODEL, NO_VERDICT, options):
        digest.update(encode_row(row, RowFormat.CSV))
        count += 1
    rate = count / (time.perf_counter() - start)
    version = sys.version.replace("\n", " ")
    print(json.dumps({"rate": rate, "digest": digest.hexdigest(), "version": version}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
