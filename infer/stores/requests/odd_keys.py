"""Keys that obstore refuses, in S3: with an empty part, ``.``, ``..`` or a control character.

obstore refuses a page of a listing that has such a key. So that page is read as an object: obstore
signs and repeats any request, and takes the address of a store as it is. What it adds to this
address becomes the value of ``x-id``, since S3 ignores parameters that begin with ``x-``.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode
from xml.etree import ElementTree

from ..options import StoreOptions

_DOTS = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")
_ODD = re.compile(r"//|[\x00-\x1f\x7f]")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def is_odd(key: str) -> bool:
    """Return whether obstore refuses a key."""
    return _ODD.search(key) is not None or has_dots(key)


def has_dots(key: str) -> bool:
    """Return whether a part of a key is ``.`` or ``..``, so that no URL stands for it."""
    return _DOTS.search(key) is not None


def url_of_bucket(bucket: str, options: StoreOptions) -> str:
    """Return the address of a bucket of S3, as obstore finds it."""
    region = options.region or _first(_REGIONS) or "us-east-1"
    endpoint = options.endpoint or _first(_ENDPOINTS) or f"https://s3.{region}.amazonaws.com"
    return f"{endpoint.rstrip('/')}/{bucket}"


def object_query(key: str) -> str:
    """Return what follows the bucket's address in the address of an object."""
    return f"/{quote(key)}?x-id="


def page_query(prefix: str, after: str) -> str:
    """Return what follows the bucket's address in the address of a page of a listing.

    Args:
        prefix: prefix of the keys.
        after: key before the page; empty for the first page.
    """
    values = {"list-type": "2", "encoding-type": "url", "prefix": prefix}
    values |= {"start-after": after} if after else {}
    return f"?{urlencode(values, quote_via=quote, safe='')}&x-id="


def page_of(content: bytes) -> tuple[Sequence[Mapping[str, Any]], bool]:
    """Return the objects of a page, as obstore lists them, and whether more pages follow.

    Raises:
        ValueError: the content is no page.
    """
    try:
        page = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise ValueError("no page of a listing") from error
    decoded = unquote_plus if page.findtext("{*}EncodingType") == "url" else str
    entries = [
        {
            "path": decoded(entry.findtext("{*}Key", "")),
            "size": int(entry.findtext("{*}Size", "")),
            "e_tag": entry.findtext("{*}ETag"),
        }
        for entry in page.iterfind("{*}Contents")
    ]
    return entries, page.findtext("{*}IsTruncated") == "true" and bool(entries)


def _first(names: tuple[str, ...]) -> str:
    return next(filter(None, map(os.environ.get, names)), "")
