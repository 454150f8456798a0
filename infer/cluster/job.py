"""A scan on a cluster from its request to its last part."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ..choices import Device
from ..files.paths import path_text
from ..files.walk import Found
from ..model.batching import Tell
from ..model.file import ModelFile
from ..output.parts.parts_output import PartsOutput, open_parts
from ..output.parts.shard import Shard
from ..output.run_identity import RunIdentity
from ..results import ScanRow
from ..scan.counts import Report, ScanCounts
from ..scan.job.settings import columns_of, options_for
from ..scan.job.start import check_request, roots_of, verified_model
from ..scan.request import ScanRequest
from ..scan.update import ShardFiles, not_kept
from ..stores.rows_folder import rows_folder
from ..stores.source import AnyFiles
from ..stores.stores import Stores
from ..system.cores import available_cores
from ..system.memory import default_memory
from ..system.signals import Signals
from ..system.versions import installed_version
from .crew import RayCrew, cluster, free_in, nodes_of
from .dispatch import Dispatch
from .fit import Node, Plan, Wish, check_free, planned
from .messages import ClusterError, Ready, Task
from .parts import PartsFolder
from .request import ClusterRequest

Progress = Callable[[ScanCounts], AbstractContextManager[Callable[[], None]]]
"""Function that opens a display of counts; it returns a function that shows their change."""

_GPUS_UNKNOWN = 1 << 20


def run_cluster(
    request: ClusterRequest, report: Report, signals: Signals, progress: Progress, tell: Tell
) -> None:
    """Check everything, then start the actors, then scan.

    Args:
        request: request with paths, options, output and actors.
        report: filled while the scan runs.
        signals: signals that can interrupt the scan.
        progress: shows the counts while the scan runs.
        tell: takes lines for the user.

    Raises:
        TrustThePixelsError: a requested file, model, device, cluster or output cannot be used, or
            something that the scan needs went away.
    """
    scan = request.scan
    check_request(scan)
    with ExitStack() as stack:
        roots = stack.enter_context(roots_of(scan))
        folder = rows_folder(scan.out, scan.stores, scan.limits.timeout_s)
        columns = columns_of(scan)
        words = _Words(verified_model(scan, tell))
        if request.address is None:
            # Too many processors are found before Ray is started; it counts GPUs later.
            planned(_wish(request), [Node(available_cores(), _GPUS_UNKNOWN)])
        output = stack.enter_context(open_parts(folder, scan.row_format, scan.existing, columns))
        report.output = output
        stack.enter_context(signals.surfacing())
        ray = stack.enter_context(cluster(request.address, available_cores()))
        plan = planned(_wish(request), nodes_of(ray))
        check_free(plan, *free_in(ray))
        say: Tell = (lambda _text: None) if scan.quiet else tell
        dispatch = Dispatch(RayCrew(ray, plan, _task(request, plan), say), words.check)
        dispatch.gather()
        kept = output.begin(RunIdentity(words.all.identity))
        report.counts.add_kept(kept.verdicts, kept.origins)
        report.begin(words.all.provider)
        say(f"scanning with {plan} ({words.all.provider})")
        chunks = in_chunks(_files(scan, roots, report, output), request.part_rows)
        parts = PartsFolder(folder, scan.row_format, columns, output.new_name)
        show = stack.enter_context(progress(report.counts))
        for done in dispatch.done(chunks, parts):
            output.add(done.part, done.totals)
            report.counts.add_all(done.counts.verdicts, done.counts.origins)
            show()
            signals.check()
        dropped = output.drop_outdated()
        report.counts.drop_kept(dropped.verdicts, dropped.origins)


def _files(
    scan: ScanRequest, roots: Iterable[bytes], report: Report, output: PartsOutput
) -> Iterator[Found]:
    """Yield the files that have no row yet, as they can travel."""
    stores = Stores(scan.stores, scan.limits, tags_named=scan.files_from is None)
    whole = ShardFiles(roots, Shard(1, 1))
    walk = options_for(scan, Device.CPU).walk
    source = AnyFiles(whole.roots, walk, report.left_out, stores)
    files = whole.chosen(source.find())
    if report.counts.kept:
        files = not_kept(files, output.kept(), output.is_outdated)
    return map(_portable, files)


class _Words:
    """First words of all actors, which must agree with each other and with this machine.

    Args:
        model: the model as this machine has it.
    """

    def __init__(self, model: ModelFile) -> None:
        self._own = {
            "model": model.fingerprint,
            "trustthepixels": installed_version("trustthepixels"),
        }
        self._first: Ready | None = None

    def check(self, word: Ready) -> None:
        """Check the word of an actor.

        Raises:
            ClusterError: another actor, or this machine, has other versions or another device.
        """
        other = {name: word.identity[name] for name in self._own}
        difference = RunIdentity(self._own).difference(RunIdentity(other))
        if not difference and self._first is not None:
            first, own = RunIdentity(self._first.identity), RunIdentity(word.identity)
            difference = first.difference(own)
        if difference:
            raise ClusterError(
                f"{word.node} would judge otherwise: {difference}; install the same on all "
                "machines, and name the device"
            )
        self._first = self._first or word

    @property
    def all(self) -> Ready:
        """Word on which all agree."""
        assert self._first is not None
        return self._first


def _wish(request: ClusterRequest) -> Wish:
    # A Ray of its own has no other tasks.
    room = 0 if request.address is None else 1
    return Wish(request.actors, request.cpus, request.gpus_of_each, room)


def _task(request: ClusterRequest, plan: Plan) -> Task:
    """Return the task of each actor: the same rows on any machine, and its own threads."""
    scan = request.scan
    memory = scan.memory or default_memory()
    own = replace(scan, threads=plan.cpus, decode_threads=plan.cpus, memory=memory)
    if scan.device is Device.AUTO:
        # Ray would not count a GPU that an actor takes by itself.
        own = replace(own, device=Device.CUDA if plan.gpus else Device.CPU)
    return Task(own, str(Path.cwd()), needs_gpu=plan.gpus > 0)


def _portable(file: Found) -> Found:
    """Return a file as it can travel: its failure as the row that it will be."""
    if file.failure is None:
        return file
    row = ScanRow(path_text(file.path), file.failure.status, error=file.failure.reason)
    return replace(file, failure=None, known=row)


def in_chunks(files: Iterator[Found], size: int) -> Iterator[tuple[Found, ...]]:
    """Yield files in chunks of one size; the last one may be smaller."""
    while some := tuple(islice(files, size)):
        yield some
