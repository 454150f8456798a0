"""Stores of obstore, each with one policy of retries.

obstore repeats what can succeed later: throttling (503, 429), lost connections and time-outs. A
body that breaks off is continued at its place, if the ETag is still the same.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from obstore.store import AzureStore, GCSStore, HTTPStore, ObjectStore, S3Store

from ..addresses import Scheme
from ..options import StoreOptions

_CONNECT_S = 5.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 5.0
_MOST_RETRIES = 1000
"""So many that the deadline ends the retries, and not their number."""


def opened_store(
    scheme: Scheme,
    bucket: str,
    options: StoreOptions,
    deadline: timedelta,
    special: Mapping[str, Any] | None = None,
) -> ObjectStore:
    """Return a store.

    Args:
        scheme: kind of the store.
        bucket: name of the bucket; of a web server, all that follows the scheme.
        options: options of the stores.
        deadline: time until a request is given up, with all its retries.
        special: further configuration of S3.

    Raises:
        exceptions.BaseError, ValueError: obstore refuses one of them.
    """
    common: dict[str, Any] = {
        "client_options": {
            "allow_http": True,
            "connect_timeout": min(timedelta(seconds=_CONNECT_S), deadline),
            "timeout": deadline,
        },
        "retry_config": {
            "max_retries": _MOST_RETRIES,
            "retry_timeout": deadline,
            "backoff": {
                "init_backoff": timedelta(seconds=_FIRST_WAIT_S),
                "max_backoff": timedelta(seconds=_LONGEST_WAIT_S),
                "base": 2,
            },
        },
    }
    config: Any = {"skip_signature": True} if options.anonymous else {}
    match scheme:
        case Scheme.HTTP | Scheme.HTTPS:
            return HTTPStore.from_url(f"{scheme}://{bucket}", **common)
        case Scheme.S3:
            config |= {"region": options.region} if options.region else {}
            config |= {"endpoint": options.endpoint} if options.endpoint else {}
            return S3Store(bucket, config=config | (special or {}), **common)
        case Scheme.GS:
            config |= {"base_url": options.endpoint} if options.endpoint else {}
            return GCSStore(bucket, config=config, **common)
        case Scheme.AZ:
            config |= {"endpoint": options.endpoint} if options.endpoint else {}
            return AzureStore(bucket, config=config, **common)
