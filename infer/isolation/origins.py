"""Reading of what files state about their origin, beside the decoding of a scan.

Decoding does not wait for it, and no verdict depends on it: a file is decoded first, whatever it
states, and reading its metadata never fails a file.
"""

from typing import Any

from ..errors import ImageError
from ..images.encoded import EncodedImage
from ..images.limits import Limits
from ..provenance.credentials.check import is_available
from ..provenance.find import find, read_metadata
from ..provenance.options import Details, ProvenanceOptions
from ..results import Provenance
from .messages import MAX_DETAILS, limits_as_json, provenance_from_json
from .pool import WorkerPool


class OriginReader:
    """Reads the metadata of files.

    Args:
        options: what is read, and whose signatures are trusted.
        workers: processes that can be killed; without them, credentials are not checked.
    """

    def __init__(self, options: ProvenanceOptions, workers: WorkerPool | None) -> None:
        self._options = options
        self._workers = workers
        self._checks = workers is not None and is_available()

    @property
    def details(self) -> Details:
        """Amount of detail that is kept."""
        return self._options.details

    def read(self, encoded: EncodedImage, limits: Limits, *, is_isolated: bool) -> Provenance:
        """Return what a file states about its origin.

        Args:
            encoded: the whole file.
            limits: limits on what it may cost.
            is_isolated: decoded in a worker process; its metadata then are read in one too.

        Raises:
            Cancelled: the run was cancelled.
        """
        if is_isolated and self._workers is not None:
            return self._isolated(encoded, limits, self._workers)
        metadata = read_metadata(encoded)
        if self._checks and metadata.has_credentials and self._workers is not None:
            return self._isolated(encoded, limits, self._workers)
        return find(metadata, None, self._options.details)

    def _isolated(self, encoded: EncodedImage, limits: Limits, workers: WorkerPool) -> Provenance:
        details = self._options.details.name
        requests: list[tuple[dict[str, Any], bytes]] = [
            ({"certificates": True}, self._options.certificates.encode()),
            ({"provenance": details, "limits": limits_as_json(limits)}, encoded.data),
        ]
        try:
            answer, texts = workers.ask(requests, limits, MAX_DETAILS)
            return provenance_from_json(answer.get("provenance"), texts)
        except (ImageError, ValueError):
            # The check is in code that is not ours. What follows is bounded, and checks nothing.
            return find(read_metadata(encoded), None, self._options.details)
