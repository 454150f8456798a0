"""A scan from its request to its last row."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from importlib import import_module
from typing import Any

from ...choices import Existing, Mark
from ...errors import UsageError
from ...model.batching import Tell
from ...output.details import open_details
from ...output.output import open_output
from ...output.parts.shard import Shard
from ...output.writer import RowSink
from ...results import ScanRow, is_address
from ...stores.rows_folder import rows_folder
from ...system.background import waited_for
from ...system.signals import Signals
from ..counts import Report, ScanCounts
from ..request import ScanRequest
from .identity import run_identity
from .settings import columns_of, options_for
from .start import check_request, open_model, roots_of

Progress = Callable[[ScanCounts], AbstractContextManager[Callable[[ScanRow], None]]]
"""Function that opens a display of counts, which takes each row and counts it."""


def run_scan(
    request: ScanRequest, report: Report, signals: Signals, progress: Progress, tell: Tell
) -> None:
    """Check everything that is quick to check, then load the model, then scan.

    Args:
        request: request with paths, options and output.
        report: filled while the scan runs.
        signals: signals that can interrupt the scan.
        progress: shows the counts while the scan runs.
        tell: takes lines for the user, from any thread.

    Raises:
        TrustThePixelsError: a requested file, model, device or output cannot be used, or the disk
            or the device failed.
    """
    check_request(request)
    part = _part_of(request)
    with ExitStack() as stack:
        roots = stack.enter_context(roots_of(request))
        output = stack.enter_context(_opened_sink(request))
        report.output = output
        details = stack.enter_context(open_details(request.provenance_details, request.existing))
        stack.enter_context(signals.surfacing())
        # An import that swallowed the interruption must not let the scan wait for its model.
        signals.check()
        opened = model, rule = waited_for(
            "model", lambda: open_model(request, tell), meanwhile=_with_decoders
        )
        session = model.session
        options = options_for(request, session.device)
        identity = run_identity(request, model, rule, options)
        kept = output.begin(identity)
        report.counts.add_kept(kept.verdicts, kept.origins)
        report.begin(session.provider)
        if output.starts_anew and not request.quiet:
            tell(f"all files are scanned again: {output.starts_anew}")
        # With the files that the output lays beside its rows.
        options = options_for(request, session.device, frozenset(output.identities))
        rows = _with_decoders().scanned(request, roots, opened, options, output, part, report)
        stack.enter_context(closing(rows))
        show = stack.enter_context(progress(report.counts))
        for row, root, stamp in rows:
            details(row)
            output.write(row, root, stamp)
            show(row)
            signals.check()
        dropped = output.drop_outdated()
        report.counts.drop_kept(dropped.verdicts, dropped.origins)


def _with_decoders() -> Any:
    """Return the module of the rows, whose import takes as long as that of ONNX Runtime."""
    return import_module(".rows", __package__)


def _part_of(request: ScanRequest) -> Shard | None:
    """Return the part of the files that a scan takes; ``None`` if rows need no roots.

    Raises:
        UsageError: the request names no shard.
    """
    if request.shard is not None:
        return Shard.of(request.shard)
    return Shard(1, 1) if is_address(os.fsencode(request.out)) else None


def _opened_sink(request: ScanRequest) -> AbstractContextManager[RowSink]:
    """Open what ``--out`` names, before anything slow is done.

    Args:
        request: the scan's request.

    Raises:
        UsageError: an option needs a file of this machine.
        InputError: the store cannot be reached.
        OutputError: the output cannot be written, or must stay as it is.
    """
    columns = columns_of(request)
    if not is_address(os.fsencode(request.out)):
        return open_output(
            request.out,
            request.row_format,
            request.existing,
            columns,
            request.mark,
            is_shard=request.shard is not None,
            has_objects=_has_objects(request),
        )
    needs_file = {
        "--update": request.existing is Existing.UPDATE,
        "--shard": request.shard is not None,
        "--excel": request.mark is not Mark.NONE,
    }
    for option in filter(needs_file.__getitem__, needs_file):
        raise UsageError(f"{option} needs --out with a file of this machine")
    folder = rows_folder(request.out, request.stores, request.limits.timeout_s)
    # Most scans write a file, so these modules wait.
    parts = import_module("...output.parts.parts_output", __package__)
    sink: AbstractContextManager[RowSink] = parts.open_parts(
        folder, request.row_format, request.existing, columns
    )
    return sink


def _has_objects(request: ScanRequest) -> bool:
    """Return whether objects may be among the files."""
    return request.files_from is not None or any(map(is_address, map(os.fsencode, request.paths)))
