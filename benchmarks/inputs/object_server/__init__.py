"""A small S3 server on loopback: GET, HEAD, PUT, DELETE, lists and lists to delete, with faults.

Google's protocol for XML is almost the same, so it also answers for ``gs://``.

It costs little processor time, keeps objects in memory, checks no signature, and waits before each
answer as a distant store does. ``python -m benchmarks.inputs.object_server FOLDER LATENCY_S``
serves a folder as the bucket ``pictures`` and prints its port.
"""

from .faults import Faults, closed, cut, denied, shortened, slow, sound, throttled
from .objects import Objects, failure, folder_contents
from .server import Answer, Reply, Request, Server, served

__all__ = [
    "Answer",
    "Faults",
    "Objects",
    "Reply",
    "Request",
    "Server",
    "closed",
    "cut",
    "denied",
    "failure",
    "folder_contents",
    "served",
    "shortened",
    "slow",
    "sound",
    "throttled",
]
