"""Pipeline of a scan: files in, rows out, each stage in its own threads behind a bounded queue.

    stage      threads                  takes from       passes on to
    find       1  (scan-find)           the roots        ``found``, a Channel of files
    decode     N  (scan-decode-0 …)     ``found``        ``batches``, or ``rows`` for a bad file
    classify   M  (scan-classify-0 …)   ``batches``      ``rows``, a Channel of numbered rows
    in order   the caller's             ``rows``         the caller, in the order of the walk

``batches`` is a BatchAssembler of M + K buffers, which decode threads fill in place. They hand odd
files to worker processes and wait for them (``isolation.pool``). On many cores they pass most files
to ``decoding.processes``. On CUDA each batch is computed in its lane's own thread
(``device_0``, see ``model.cuda``). The caller writes the rows.

Every file gets a number when it is found and keeps a place in the ``window`` until its row has
left, so memory depends on the sizes in ``ScanOptions`` and never on the number of files. A failure
in any thread, an early ``close`` of the iterator and Ctrl-C end all of them.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING

from ..files.source import LOCAL, Source
from ..files.walk import Found
from ..flow.batches import BatchAssembler
from ..flow.budget import MemoryBudget
from ..flow.channel import Channel, Window
from ..flow.stages import Cancellable, Stages
from ..isolation.pool import WorkerPool, most_workers
from ..model.cuda import Allocate, plain_memory
from ..model.session import Classifier
from ..model.verdicts import VerdictRule
from ..results import ScanRow
from ..stores.source import AnyFiles
from ..stores.stores import Stores
from ..system.heap import return_large_blocks
from .decoding.processes import decode_processes_of
from .decoding.threads import DecodeThread, DecodeThreads
from .options import ScanOptions
from .prepare import PreparedImage, Resources

if TYPE_CHECKING:
    from ..isolation.origins import OriginReader
    from ..provenance.options import ProvenanceOptions

NumberedRow = tuple[int, ScanRow]


def scan_rows(
    roots: Iterable[bytes],
    classifier: Classifier,
    rule: VerdictRule,
    options: ScanOptions | None = None,
    allocate: Allocate = plain_memory,
) -> Generator[ScanRow]:
    """Scan folders and files, one row for each image file, in the order of the walk.

    Args:
        roots: folders and files, see ``walk``; read lazily.
        classifier: an open ``Session``.
        rule: rule from probabilities to verdicts.
        options: options of the scan.
        allocate: makes the batches' buffers.

    Raises:
        ModelError: the model returned a value outside 0 to 1.
        ProviderError: the device failed.
    """
    options = options or ScanOptions()
    stores = Stores(options.stores, options.limits, options.memory)
    source = AnyFiles(roots, options.walk, stores=stores)
    return scan_found(source.find(), classifier, rule, options, allocate, source)


def scan_found(
    files: Iterable[Found],
    classifier: Classifier,
    rule: VerdictRule,
    options: ScanOptions,
    allocate: Allocate = plain_memory,
    source: Source = LOCAL,
) -> Generator[ScanRow]:
    """Scan files that are found already, like ``scan_rows``; ``options.walk`` has no effect.

    Args:
        files: files to scan; taken lazily, in a separate thread.
        classifier: an open ``Session``.
        rule: rule from probabilities to verdicts.
        options: options of the scan.
        allocate: makes the batches' buffers.
        source: where the bytes of the files come from.
    """
    # The threads together keep no more than a tenth of the budget.
    return_large_blocks(options.memory // (10 * options.decode_threads))
    spec = classifier.spec
    window = Window(options.window)
    found = Channel[tuple[int, Found]](options.queue_size)
    shape = spec.input_shape
    buffers = [
        allocate((options.batch_size, *shape.axes))
        for _ in range(options.batches_in_flight + options.batch_buffers)
    ]
    batches = BatchAssembler[tuple[int, PreparedImage]](buffers, singles=options.batches_in_flight)
    rows = Channel[list[NumberedRow]](options.queue_size)
    workers = WorkerPool(most_workers()) if WorkerPool.is_available else None
    origins = None if options.provenance is None else origin_reader(options.provenance, workers)
    budget = MemoryBudget(options.memory, options.decode_threads)
    resources = Resources(budget, workers, options.isolation, source, origins)
    processes = decode_processes_of(options.processes, shape, options.limits, resources)

    def find() -> None:
        for number, file in enumerate(files):
            window.enter()
            batches.expect()
            source.expect(file)
            found.put((number, file))

    decoding = DecodeThreads(found, shape, options.limits, resources, processes)

    def decode() -> None:
        with closing(DecodeThread(decoding).prepared()) as files:
            for number, prepared in files:
                if isinstance(prepared, ScanRow):
                    rows.put([(number, prepared)])
                    batches.skip()
                else:
                    batches.add(prepared.pixels, (number, prepared))

    def classify() -> None:
        for batch in batches:
            p_ai = classifier.run(batch.images)
            rows.put(
                [
                    (number, prepared.row.judged(rule(p, prepared.doubt)))
                    for (number, prepared), p in zip(batch.tickets, p_ai, strict=False)
                ]
            )

    waits: list[Cancellable] = [window, found, batches, rows, resources.budget, source]
    waits += [ended for ended in (workers, processes) if ended is not None]
    stages = Stages(waits)
    try:
        stages.start("find", find, then=found.close)
        stages.start("decode", decode, threads=options.decode_threads, then=batches.close)
        stages.start("classify", classify, threads=options.batches_in_flight, then=rows.close)
        for row in in_order(stages.watched(rows)):
            yield row
            window.leave()
    finally:
        stages.stop()


def origin_reader(
    options: "ProvenanceOptions | None", workers: WorkerPool | None
) -> "OriginReader":
    """Return a reader of what files state about their origin.

    Args:
        options: what is read, and whose signatures are trusted; by default no details, and those
            of the bundled list.
        workers: processes that can be killed.
    """
    # Most scans never ask for it, so its modules wait.
    reader: OriginReader = import_module("..isolation.origins", __package__).OriginReader(
        options, workers
    )
    return reader


def in_order(numbered: Iterable[list[NumberedRow]]) -> Iterator[ScanRow]:
    """Yield rows in the order of their numbers, from 0 on; hold those that come early."""
    early: dict[int, ScanRow] = {}
    expected = 0
    for rows in numbered:
        early.update(rows)
        while expected in early:
            yield early.pop(expected)
            expected += 1
    if early:
        raise RuntimeError(f"row {expected} was lost, {len(early)} rows wait for it")
