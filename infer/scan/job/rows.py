"""Rows of a scan, from its request and its open model; this module loads the decoders."""

from collections.abc import Generator, Iterable
from contextlib import closing

from ...choices import Existing
from ...model.batching import BatchedModel
from ...model.verdicts import VerdictRule
from ...output.parts.shard import Shard
from ...output.stamps import Stamp
from ...output.writer import RowSink
from ...results import ScanRow
from ...stores.source import AnyFiles
from ...stores.stores import Stores
from ..counts import Report
from ..lost import while_present
from ..options import ScanOptions
from ..pipeline import scan_found
from ..request import ScanRequest
from ..update import ShardFiles, Update, not_kept, object_stamp, stamp_of

WrittenRow = tuple[ScanRow, int, Stamp | None]
"""A row, the number of its root, and the stamp of its file."""


def scanned(
    request: ScanRequest,
    roots: Iterable[bytes],
    opened: tuple[BatchedModel, VerdictRule],
    options: ScanOptions,
    output: RowSink,
    part: Shard | None,
    report: Report,
) -> Generator[WrittenRow]:
    """Find the files of a request and yield the rows that its output lacks.

    Args:
        request: the scan's request.
        roots: its paths, then those of its list.
        opened: the model and its rule.
        options: options of the scan, with the files that are never scanned.
        output: output that has begun, for the rows that it keeps.
        part: part of the files that the scan takes; ``None`` if rows need no roots.
        report: gets what the walk leaves out, and the rows that an update takes over.

    Raises:
        TrustThePixelsError: a requested file, the device or a share cannot be used.
    """
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
    model, rule = opened
    with closing(
        scan_found(files, model.classifier, rule, options, model.allocate, source)
    ) as rows:
        for row in while_present(rows):
            yield row, 0 if shard is None else shard.next_root(), update.next_stamp()
    report.counts.kept += update.taken_over
