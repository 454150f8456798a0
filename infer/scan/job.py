"""A scan from its request to its last row."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import asdict, replace
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ..choices import Device, Existing, Mark
from ..errors import InputError, UsageError
from ..files.lists import open_list
from ..files.paths import path_text
from ..files.patterns import Patterns
from ..files.walk import WalkOptions
from ..images.limits import Isolation
from ..isolation.pool import WorkerPool
from ..model.batching import BatchedModel, Tell, open_classifier
from ..model.bundled import load_model
from ..model.file import ModelFile
from ..model.providers import load_onnxruntime
from ..model.spec import ModelSpec
from ..model.verdicts import VerdictRule
from ..output.details import open_details
from ..output.output import open_output
from ..output.parts.parts_output import open_parts
from ..output.parts.shard import Shard
from ..output.rows import Columns, escape_path, names_of
from ..output.run_identity import Json, RunIdentity
from ..output.writer import RowSink
from ..results import ScanRow, is_address
from ..stores.addresses import parsed
from ..stores.rows_folder import rows_folder
from ..stores.source import AnyFiles, Stores, check_addresses
from ..system.background import waited_for
from ..system.cores import available_cores
from ..system.durable import Identity
from ..system.signals import Signals
from ..system.versions import installed_version
from .counts import Report, ScanCounts
from .lost import while_present
from .options import ScanOptions
from .pipeline import scan_found
from .request import ScanRequest
from .update import ShardFiles, Update, not_kept, object_stamp, stamp_of

if TYPE_CHECKING:
    from ..provenance.options import ProvenanceOptions

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
        model, rule = waited_for("model", lambda: open_model(request, tell))
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
        shard = None if part is None else ShardFiles(roots, part)
        updates = request.existing is Existing.UPDATE
        # A long list would cost a request more for each line.
        tags_named = updates or request.files_from is None
        stores = Stores(options.stores, options.limits, options.memory, tags_named=tags_named)
        named = roots if shard is None else shard.roots
        source = AnyFiles(named, options.walk, report.left_out, stores)
        files = source.find()
        if shard is not None:
            files = shard.chosen(files)
        if report.counts.kept:
            files = not_kept(files, output.kept(), output.is_outdated)
        if shard is not None:
            files = shard.noted(files)
        update = Update(output.earlier, stamp_of if updates else object_stamp)
        files = update.marked(files)
        rows = stack.enter_context(
            closing(scan_found(files, model.classifier, rule, options, model.allocate, source))
        )
        show = stack.enter_context(progress(report.counts))
        for row in while_present(rows):
            details(row)
            root = 0 if shard is None else shard.next_root()
            output.write(row, root, update.next_stamp())
            show(row)
            signals.check()
        dropped = output.drop_outdated()
        report.counts.drop_kept(dropped.verdicts, dropped.origins)
        report.counts.kept += update.taken_over


def _part_of(request: ScanRequest) -> Shard | None:
    """Return the part of the files that a scan takes; ``None`` if rows need no roots.

    Raises:
        UsageError: the request names no shard.
    """
    if request.shard is not None:
        return Shard.of(request.shard)
    return Shard(1, 1) if is_address(os.fsencode(request.out)) else None


def columns_of(request: ScanRequest) -> Columns:
    """Return the columns of a scan's rows."""
    return Columns.WITH_PROVENANCE if request.reads_provenance else Columns.USUAL


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
    return open_parts(folder, request.row_format, request.existing, columns)


def _has_objects(request: ScanRequest) -> bool:
    """Return whether objects may be among the files."""
    return request.files_from is not None or any(map(is_address, map(os.fsencode, request.paths)))


def check_request(request: ScanRequest) -> None:
    """Refuse options that cannot work, before anything slow is done.

    Raises:
        UsageError: a pattern is invalid, or this system lacks what an option needs.
    """
    for patterns in (request.include, request.exclude):
        Patterns(patterns)
    if request.isolation is Isolation.ALL and not WorkerPool.is_available:
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
    provenance = import_module("..provenance.options", __package__)
    options: ProvenanceOptions = provenance.options_of(details, request.trust_list)
    return options


def run_identity(
    request: ScanRequest, model: BatchedModel, rule: VerdictRule, options: ScanOptions
) -> RunIdentity:
    """Return the settings that decide the rows; threads and batch sizes do not."""
    depends_on_folder = request.files_from is not None or not all(map(os.path.isabs, request.paths))
    return RunIdentity(
        {
            "trustthepixels": installed_version("trustthepixels"),
            "columns": list(names_of(columns_of(request))),
            "model": model.session.model.fingerprint,
            "provider": model.session.provider,
            "thresholds": asdict(rule),
            "limits": asdict(options.limits),
            "memory": options.memory,
            "paths": [_text(_shown(path).rstrip("/") or path) for path in request.paths],
            "working folder": _text(str(Path.cwd())) if depends_on_folder else None,
            "a list of files": request.files_from is not None,
            "--include": [_text(pattern) for pattern in request.include],
            "--exclude": [_text(pattern) for pattern in request.exclude],
            "--follow-links": request.follow_links,
            "--any-name": request.any_name,
            "--system-files": request.system_files,
            **({"--shard": request.shard} if request.shard else {}),
            **_provenance_identity(options.provenance),
        }
    )


def _provenance_identity(options: "ProvenanceOptions | None") -> dict[str, Json]:
    """Return the settings that decide the columns of provenance, if there are any."""
    if options is None:
        return {}
    digest = hashlib.sha256(options.certificates.encode()).hexdigest()
    return {"trust list": digest[:16], "c2pa-python": installed_version("c2pa-python")}


def _shown(path: str) -> str:
    """Return a path or, without what can sign it, an address."""
    argument = os.fsencode(path)
    return str(parsed(argument)) if is_address(argument) else path


def _text(argument: str) -> str:
    """Return an argument in the form of rows' paths, in any locale."""
    return escape_path(path_text(os.fsencode(argument)))
