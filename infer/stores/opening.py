"""Opening of stores, and the check of named objects and prefixes before a scan."""

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import InputError, MissingExtraError
from ..files.read import NO_ANSWER, ReadError
from ..results import FileStatus, is_address
from .addresses import Address, parsed
from .options import StoreOptions

if TYPE_CHECKING:
    from .requests.client import Client

_CHECK_S = 10.0
"""Seconds until a store that does not answer at the start of a scan is given up."""


def open_client(options: StoreOptions, deadline_s: float) -> "Client":
    """Return a way to all stores.

    Raises:
        MissingExtraError: obstore is not installed.
    """
    try:
        module = import_module(".requests.client", __package__)
    except ModuleNotFoundError as error:
        raise MissingExtraError("reading from a store", "stores", "obstore") from error
    client: Client = module.Client(options, deadline_s)
    return client


def check_addresses(paths: Iterable[bytes], options: StoreOptions, deadline_s: float) -> None:
    """Check that named objects and prefixes exist and can be reached.

    Args:
        paths: arguments; those that are paths of this machine are left out.
        options: options of the stores.
        deadline_s: seconds until a request is given up.

    Raises:
        InputError: there is no such object, prefix or bucket, or its store refuses or does not
            answer.
        MissingExtraError: obstore is not installed.
    """
    addresses = [parsed(path) for path in filter(is_address, paths)]
    if not addresses:
        return
    client = open_client(options, min(deadline_s, _CHECK_S))
    for address in addresses:
        try:
            _check(client, address)
        except ReadError as error:
            raise InputError(f"{address}: {error.reason}") from None


def _check(client: "Client", address: Address) -> None:
    failure = ReadError(FileStatus.MISSING, "there is no such object or prefix")
    if not address.is_folder:
        try:
            client.head(address)
            return
        except ReadError as error:
            failure = error
            # The answer to HEAD has no text, so the listing gives the better reason.
            if not address.scheme.has_listing or error.reason.startswith(NO_ANSWER):
                raise
    if next(client.pages(address), None) is None and not address.is_folder:
        raise failure
