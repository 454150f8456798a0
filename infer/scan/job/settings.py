"""Settings of a scan, from its request: options of the pipeline, columns, provenance."""

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from ...choices import Device
from ...files.options import WalkOptions
from ...output.rows import Columns
from ...system.cores import available_cores
from ...system.durable import Identity
from ..options import ScanOptions
from ..request import ScanRequest

if TYPE_CHECKING:
    from ...provenance.options import ProvenanceOptions


def columns_of(request: ScanRequest) -> Columns:
    """Return the columns of a scan's rows."""
    return Columns.WITH_PROVENANCE if request.reads_provenance else Columns.USUAL


def options_for(
    request: ScanRequest, device: Device, never: frozenset[Identity] = frozenset()
) -> ScanOptions:
    """Return the options of a scan.

    Args:
        request: the scan's request.
        device: device of the model; ``auto`` before it is known.
        never: files that are not scanned, such as the output.
    """
    options = ScanOptions.for_device(
        device,
        request.threads or available_cores(),
        batch_size=request.batch_size,
        decode_threads=request.decode_threads,
    )
    walk = WalkOptions(
        include=request.include,
        exclude=request.exclude,
        follow_links=request.follow_links,
        any_name=request.any_name,
        system_files=request.system_files,
        never=never,
    )
    return replace(
        options,
        walk=walk,
        stores=request.stores,
        limits=request.limits,
        memory=request.memory or options.memory,
        isolation=request.isolation,
        decode_processes=request.decode_processes,
        provenance=provenance_options(request),
    )


def provenance_options(request: ScanRequest) -> "ProvenanceOptions | None":
    """Return how to read provenance; ``None`` if the request does not ask for it.

    Raises:
        InputError: the trust list cannot be used.
    """
    if not request.reads_provenance:
        return None
    details = "ALL" if request.provenance_details else "NONE"
    # Most scans never ask for it, so its modules wait.
    provenance = import_module("...provenance.options", __package__)
    options: ProvenanceOptions = provenance.options_of(details, request.trust_list)
    return options
