"""Checks of a request, and what it names: its files and its model."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain

from ...choices import Device
from ...errors import InputError, UsageError
from ...files.lists import open_list
from ...files.patterns import Patterns
from ...images.limits import Isolation
from ...isolation.availability import can_start
from ...model.batching import BatchedModel, Tell, open_classifier
from ...model.bundled import load_model
from ...model.file import ModelFile
from ...model.providers import load_onnxruntime
from ...model.spec import ModelSpec
from ...model.verdicts import VerdictRule
from ...results import is_address
from ...stores.opening import check_addresses
from ..request import ScanRequest
from .settings import options_for


def check_request(request: ScanRequest) -> None:
    """Refuse options that cannot work, before anything slow is done.

    Raises:
        UsageError: a pattern is invalid, or this system lacks what an option needs.
    """
    for patterns in (request.include, request.exclude):
        Patterns(patterns)
    if request.isolation is Isolation.ALL and not can_start:
        raise UsageError(
            "--isolate all needs worker processes, which this system lacks; leave it out"
        )


@contextmanager
def roots_of(request: ScanRequest) -> Iterator[Iterable[bytes]]:
    """Return the paths of a request: its named ones, then those of its list."""
    for path in request.paths:
        if not is_address(os.fsencode(path)) and not os.path.lexists(path):
            raise InputError(f"no such file or folder: {path!r}")
    named = [os.fsencode(path) for path in request.paths]
    check_addresses(named, request.stores, request.limits.timeout_s)
    if request.files_from is None:
        yield named
    else:
        with open_list(request.files_from) as listed:
            yield chain(named, listed)


def open_model(request: ScanRequest, tell: Tell) -> tuple[BatchedModel, VerdictRule]:
    """Open the model at the size of a scan's batches, and make its rule.

    Args:
        request: the scan's request.
        tell: takes lines for the user.

    Raises:
        UsageError: the model has no such operating point or threshold.
        ModelError: the model is missing, damaged or not written by ``trustthepixels export``.
        ProviderError: ONNX Runtime or the device is unavailable.
    """
    # Checking a model's digest leaves a core to the import.
    with ThreadPoolExecutor(1) as beside:
        beside.submit(load_onnxruntime)
        file = verified_model(request, tell)
    model = open_classifier(
        file, request.device, lambda device: options_for(request, device).batches, tell
    )
    session = model.session
    if session.fallback_reason:
        tell(f"scanning on the CPU, because the GPU cannot be used: {session.fallback_reason}")
    elif request.device is Device.AUTO and not request.quiet:
        tell(f"scanning on the device '{session.device}' ({session.provider})")
    return model, _rule(request, session.spec)


def verified_model(request: ScanRequest, tell: Tell) -> ModelFile:
    """Return the model of a scan, not yet opened.

    Raises:
        UsageError: the model has no such operating point or threshold.
        ModelError: it is missing, damaged or not written by ``trustthepixels export``.
    """
    file = load_model(request.model, request.trust)
    if file.doubt:
        tell(f"warning: {file.doubt}; continuing because of --allow-unverified")
    # A missing operating point is wrong usage; it is reported before the device is opened.
    _rule(request, file.spec)
    return file


def _rule(request: ScanRequest, spec: ModelSpec) -> VerdictRule:
    return spec.rule(
        false_positive_rate=request.false_positive_rate,
        threshold=request.threshold,
        unsure=request.unsure,
    )
