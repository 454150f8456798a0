"""What the options of a scan say, in three parts: what is scanned, what judges, what is written."""

from dataclasses import dataclass

from ..errors import UsageError
from ..model.file import Trust
from ..model.providers import Device
from ..output.destination import Existing
from ..output.rows import RowFormat


@dataclass(frozen=True, slots=True)
class ScanInput:
    """What is scanned."""

    paths: tuple[str, ...]
    files_from: str | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    follow_links: bool
    max_pixels: int | None
    max_bytes: int | None
    timeout: float | None
    memory: int | None
    truncated: str
    decode: str
    isolate: str


@dataclass(frozen=True, slots=True)
class ScanModel:
    """What judges, where, and with how much of the machine."""

    model: str
    device: Device
    false_positive_rate: float | None
    threshold: float | None
    unsure: bool
    threads: int | None
    batch_size: int | None
    decode_threads: int | None
    decode_processes: int | None
    trust: Trust


@dataclass(frozen=True, slots=True)
class ScanOutput:
    """Where rows and messages go."""

    out: str
    row_format: RowFormat
    force: bool
    resume: bool
    quiet: bool

    @property
    def existing(self) -> Existing:
        """What to do with a file that lies there.

        Raises:
            UsageError: two things at once.
        """
        if self.force and self.resume:
            raise UsageError("--force and --resume exclude each other")
        if self.resume:
            return Existing.RESUME
        return Existing.REPLACE if self.force else Existing.REFUSE
