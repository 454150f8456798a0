"""Request of a scan on a cluster."""

from dataclasses import dataclass

from ..choices import Device
from ..errors import UsageError
from ..model.providers import ON_CPU
from ..scan.request import ScanRequest

PART_ROWS = 500
"""Default number of rows in a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRequest:
    """Request of a scan on a cluster. A number that is ``None`` depends on the machines.

    Attributes:
        scan: what is scanned, how it is judged, and where the rows go.
        address: ``auto`` or ``HOST:PORT`` of a cluster to join; ``None`` starts Ray here.
        actors: number of actors.
        cpus: processors of each actor.
        gpus: GPUs of each actor; ``None`` for one with ``--device cuda``, else none.
        part_rows: rows of a part, which is the unit of work.

    Raises:
        UsageError: the output is no folder; GPUs are asked for, and a device that is none; or the
            address is of another kind.
    """

    scan: ScanRequest
    address: str | None = None
    actors: int | None = None
    cpus: int | None = None
    gpus: float | None = None
    part_rows: int = PART_ROWS

    def __post_init__(self) -> None:
        """Refuse options that exclude each other."""
        if self.scan.out == "-" or self.scan.out.endswith((".csv", ".jsonl")):
            raise UsageError(
                f"--out {self.scan.out}: name a folder or a prefix; rows come in parts"
            )
        if self.gpus and self.scan.device in ON_CPU:
            raise UsageError(f"--gpus-per-actor and --device {self.scan.device} exclude each other")
        if self.gpus == 0 and self.scan.device is Device.CUDA:
            raise UsageError("--device cuda needs a GPU for each actor; see --gpus-per-actor")
        if self.address and "://" in self.address:
            raise UsageError(f"--address {self.address}: use auto or HOST:PORT, on a machine of it")

    @property
    def gpus_of_each(self) -> float:
        """GPUs of each actor."""
        if self.gpus is None:
            return 1.0 if self.scan.device is Device.CUDA else 0.0
        return self.gpus
