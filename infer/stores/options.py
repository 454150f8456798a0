"""Options of object stores. Credentials are none of them: they come from the environment alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Options of all stores of a scan; ``None`` leaves a value to the environment.

    Attributes:
        endpoint: address of an S3-compatible or other server, with ``http://`` or ``https://``.
        region: region of the buckets.
        anonymous: true signs no request, for public buckets.
    """

    endpoint: str | None = None
    region: str | None = None
    anonymous: bool = False


DEFAULT_STORE_OPTIONS = StoreOptions()
