"""Options of a scan."""

from dataclasses import dataclass, field

from ..files.walk import WalkOptions
from ..images.decode import Limits
from ..images.limits import Isolation
from ..system.cores import available_cores
from ..system.memory import default_memory
from .decode_processes import usual_decode_processes


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How a scan is done; nothing here but ``walk``, ``limits`` and ``memory`` changes a row.

    Attributes:
        walk: which files are found.
        limits: what is refused.
        memory: bytes that all files being decoded may take together; a file that needs more is
            refused, so this changes rows too.
        isolation: which files are decoded in processes of their own.
        batch_size: pictures that the model gets at once.
        decode_threads: threads that read, decode and resize.
        batches_in_flight: batches that the model works on at once.
        batch_buffers: batches that exist beside those in flight: one fills, the others wait.
        queue_size: items that wait between two stages.
        window: files between the walk and the rows, so how far rows can wait for an earlier one.
        decode_processes: decode threads that have a process do their work; ``None`` for the usual
            number.
    """

    walk: WalkOptions = field(default_factory=WalkOptions)
    limits: Limits = field(default_factory=Limits)
    memory: int = field(default_factory=default_memory)
    isolation: Isolation = Isolation.ODD
    batch_size: int = 4
    decode_threads: int = field(default_factory=available_cores)
    batches_in_flight: int = 1
    batch_buffers: int = 2
    queue_size: int = 256
    window: int = 8192
    decode_processes: int | None = None

    @property
    def helpers(self) -> int:
        """How many of the decode threads get a helper process, see ``helpers``."""
        if self.decode_processes is None:
            return usual_decode_processes(self.decode_threads)
        return min(self.decode_processes, self.decode_threads)
