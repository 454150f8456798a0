"""Values that travel between the driver and its actors."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import ExitCode, TrustThePixelsError
from ..files.walk import Found
from ..output.parts.manifest import Totals
from ..output.parts.part import Part
from ..output.reader import KeptRows
from ..output.run_identity import Json
from ..scan.request import ScanRequest


class ClusterError(TrustThePixelsError):
    """Failure of an actor, or of the whole cluster.

    Attributes:
        exit_code: exit code of the actor's own error.
    """

    def __init__(self, text: str, exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Task:
    """Task of an actor for its whole life.

    Attributes:
        request: the scan's request; threads are those of the actor.
        folder: working folder, in which relative paths make sense.
        needs_gpu: true if the model must run on a GPU.
    """

    request: ScanRequest
    folder: str
    needs_gpu: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some files of the walk, in its order, whose rows become one part.

    Attributes:
        part: name of the part.
        files: the files; their number is at least one.
    """

    part: str
    files: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """First word of an actor.

    Attributes:
        identity: settings that decide its rows.
        provider: ONNX Runtime's name of the execution provider.
        node: name of its machine.
    """

    identity: Mapping[str, Json]
    provider: str
    node: str


@dataclass(frozen=True, slots=True)
class Done:
    """A part that is written.

    Attributes:
        part: description of the part.
        totals: counts of its rows, by status and by verdict.
        counts: the same, by verdict and by origin.
    """

    part: Part
    totals: Totals
    counts: KeptRows


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure that ends the scan.

    Attributes:
        reason: one line.
        exit_code: exit code of the command.
    """

    reason: str
    exit_code: ExitCode

    def error(self) -> ClusterError:
        """Return the failure as an error."""
        return ClusterError(self.reason, self.exit_code)
