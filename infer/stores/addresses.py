"""Addresses of objects: ``s3://BUCKET/KEY``, ``gs://``, ``az://``; ``http(s)://`` for one file."""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..errors import InputError
from ..files.paths import path_text

_SECRETS = re.compile(
    r"sig|signature|x-(?:amz|goog)-(?:signature|credential|security-token)|.*(?:token|key|secret).*",
    re.IGNORECASE,
)
"""Names of a query's values that can give access to an object; rows do not show the values."""


class Scheme(StrEnum):
    """Kind of a store."""

    S3 = "s3"
    GS = "gs"
    AZ = "az"
    HTTP = "http"
    HTTPS = "https"

    @property
    def has_listing(self) -> bool:
        """True if the store lists its objects."""
        return self not in (Scheme.HTTP, Scheme.HTTPS)


@dataclass(frozen=True, slots=True)
class Address:
    """Address of an object, or of all objects below a prefix.

    Attributes:
        scheme: kind of the store.
        bucket: bucket or container; of a web server its name, with port and user.
        key: key in the bucket; of a web server the path and query, as they were given.
    """

    scheme: Scheme
    bucket: str
    key: str = ""

    @property
    def is_folder(self) -> bool:
        """True if it can only be a prefix of keys."""
        return self.scheme.has_listing and (not self.key or self.key.endswith("/"))

    def __str__(self) -> str:
        """Return the address as rows and messages show it, without credentials."""
        text = f"{self.scheme}://{self.bucket}/{self.key}"
        return text if self.scheme.has_listing else _shown(text)


def parsed(path: bytes) -> Address:
    """Return the address that an argument names.

    Raises:
        InputError: it has no bucket, or is not UTF-8.
    """
    scheme, _, rest = path_text(path).partition("://")
    bucket, _, key = rest.partition("/")
    try:
        rest.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{scheme}://…: an address of objects is UTF-8") from error
    if not bucket:
        # What follows can be a secret.
        raise InputError(f"{scheme}:///…: no bucket; write {scheme}://BUCKET/PREFIX")
    return Address(Scheme(scheme), bucket, key)


def _shown(url: str) -> str:
    parts = urlsplit(url)
    values = parse_qsl(parts.query, keep_blank_values=True)
    if any(_SECRETS.fullmatch(name) for name, _ in values):
        values = [(name, "" if _SECRETS.fullmatch(name) else value) for name, value in values]
        parts = parts._replace(query=urlencode(values))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
