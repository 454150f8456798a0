"""``python -m benchmarks.inputs.object_server FOLDER LATENCY_S``."""

import sys
from pathlib import Path

from .objects import Objects, folder_contents
from .server import served


def main() -> None:
    objects = Objects(folder_contents(Path(sys.argv[1])), latency_s=float(sys.argv[2]))
    with served(objects.answer) as server:
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
