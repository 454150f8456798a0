"""Statements of files about their origin, read next to the decoding of a scan.

Decoding does not wait for it, and no verdict depends on it. A file is decoded first, and reading
its metadata never fails a file.
"""

from typing import Any

from ..errors import ImageError
from ..images.encoded import EncodedImage
from ..images.limits import Limits
from ..provenance.credentials.available import is_available
from ..provenance.find import find, read_metadata
from ..provenance.options import Details, ProvenanceOptions
from ..results import Provenance
from .messages import MAX_DETAILS, limits_as_json, provenance_from_json
from .pool import WorkerPool


class OriginReader:
    """Reader of the metadata of files.

    Args:
        options: detail that is kept, and trusted signatures.
        workers: processes that can be killed; without them, credentials are not checked.
    """

    def __init__(self, options: ProvenanceOptions | None, workers: WorkerPool | None) -> None:
        self._options = options or ProvenanceOptions()
        self._workers = workers
        self._checks = workers is not None and is_available()

    @property
    def details(self) -> Details:
        """Amount of detail that is kept."""
        return self._options.details

    def read(self, encoded: EncodedImage, limits: Limits, *, is_isolated: bool) -> Provenance:
        """Return a file's statements about its origin.

        Args:
            encoded: the whole file.
            limits: limits on one file.
            is_isolated: true if the file is decoded in a worker process; its metadata are then read
                in one too.

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
            # The check runs another project's code. The rest is bounded, and checks nothing.
            return find(read_metadata(encoded), None, self._options.details)
