"""A scan from its options to its last row.

NumPy, Pillow and ONNX Runtime are imported where the scan starts, so that ``--help`` and wrong
usage answer at once.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import InputError
from ..files.lists import open_list
from ..files.paths import path_text
from ..model.providers import Device, usual_batch_size, usual_batches_in_flight
from ..output.rows import COLUMNS, escape_path
from ..output.writer import STANDARD_OUTPUT
from ..results import ScanRow
from ..system.background import waited_for
from ..system.signals import Signals
from ..system.terminal import note
from ..system.versions import installed_version
from .counts import ScanCounts, summary
from .request import ScanInput, ScanModel, ScanOutput

if TYPE_CHECKING:
    from ..images.limits import Limits
    from ..model.session import Session
    from ..model.spec import ModelSpec
    from ..model.verdicts import VerdictRule
    from ..output.output import Output
    from ..output.run_identity import RunIdentity
    from .options import ScanOptions


class Progress(Protocol):
    """Counts rows, and may show them while they come."""

    def __call__(
        self, counts: ScanCounts, *, visible: bool
    ) -> AbstractContextManager[Callable[[ScanRow], None]]:
        """Open the display; what it gives takes each row."""


@dataclass(slots=True)
class Report:
    """What there is to say at the end, however it came."""

    counts: ScanCounts = field(default_factory=ScanCounts)
    provider: str = ""
    started: float = field(default_factory=time.monotonic)
    output: "Output | None" = None

    def text(self, rows_in: str = "") -> str:
        """The summary.

        Args:
            rows_in: where the rows are; by default where they were written to.
        """
        line = summary(self.counts, time.monotonic() - self.started, self.provider)
        rows_in = rows_in or ("" if self.output is None else self.output.path)
        has_file = self.counts.files and rows_in not in ("", STANDARD_OUTPUT)
        return f"{line}; the rows are in {rows_in}" if has_file else line

    def advice(self) -> str:
        """How to go on with a scan that did not end; empty where that cannot be done."""
        return "; go on with --resume" if self.output and self.output.is_resumable else ""


def scan_folders(
    source: ScanInput,
    model: ScanModel,
    output: ScanOutput,
    report: Report,
    signals: Signals,
    progress: Progress,
) -> None:
    """Check everything that is quick to check, then load the model, then scan.

    Args:
        source: what is scanned.
        model: what judges.
        output: where rows and messages go.
        report: is filled while the scan goes on.
        signals: what can interrupt it.
        progress: shows the counts while the scan goes on.

    Raises:
        TrustThePixelsError: something that was asked for cannot be used, or the disk or the device
            failed.
    """
    with ExitStack() as stack:
        roots = stack.enter_context(_roots(source))
        from ..output.output import open_output

        rows_out = stack.enter_context(open_output(output.out, output.row_format, output.existing))
        report.output = rows_out
        stack.enter_context(signals.surfacing())
        session, rule = waited_for(
            "model", lambda: open_model(model, quiet=output.quiet), _import_the_rest
        )
        options = _options(source, model, session, frozenset(rows_out.identities))
        from ..model.batching import in_batches

        batched = waited_for(
            "model",
            lambda: in_batches(session, options.batch_size, options.batches_in_flight, note),
        )
        kept = rows_out.begin(_identity(source, session, rule, options))
        report.counts.add_kept(kept.verdicts)
        report.provider, report.started = session.provider, time.monotonic()
        from ..files.walk import walk
        from .pipeline import scan_found
        from .remaining import not_kept

        files = walk(roots, options.walk)
        if report.counts.kept:
            files = not_kept(files, rows_out.kept_paths())
        rows = stack.enter_context(
            closing(scan_found(files, batched.classifier, rule, options, batched.allocate))
        )
        show = stack.enter_context(progress(report.counts, visible=_is_watched(output)))
        for row in rows:
            rows_out.write(row)
            show(row)
            signals.check()


def _import_the_rest() -> None:
    """What the scan needs later, while ONNX Runtime loads the model on another core."""
    from . import pipeline, remaining  # noqa: F401


@contextmanager
def _roots(source: ScanInput) -> Iterator[Iterable[bytes]]:
    """What is named on the command line, then what the list names."""
    for path in source.paths:
        if not os.path.lexists(path):
            raise InputError(f"there is no file or folder {path!r}")
    named = [os.fsencode(path) for path in source.paths]
    if source.files_from is None:
        yield named
    else:
        with open_list(source.files_from) as listed:
            yield chain(named, listed)


def _options(
    source: ScanInput, model: ScanModel, session: "Session", never: frozenset[tuple[int, int]]
) -> "ScanOptions":
    from ..files.walk import WalkOptions
    from ..images.limits import Isolation
    from ..system.cores import available_cores
    from ..system.memory import default_memory
    from .options import ScanOptions

    return ScanOptions(
        walk=WalkOptions(
            include=source.include,
            exclude=source.exclude,
            follow_links=source.follow_links,
            never=never,
        ),
        limits=_limits(source),
        memory=source.memory or default_memory(),
        isolation=Isolation(source.isolate),
        batch_size=model.batch_size or usual_batch_size(session.device),
        batches_in_flight=usual_batches_in_flight(
            session.device, model.threads or available_cores()
        ),
        decode_threads=model.decode_threads or available_cores(),
        decode_processes=model.decode_processes,
    )


def _limits(source: ScanInput) -> "Limits":
    from ..images.limits import (
        MAX_BYTES,
        MAX_PIXELS,
        TIMEOUT_S,
        DecodeSize,
        Limits,
        TruncatedPolicy,
    )

    return Limits(
        max_pixels=source.max_pixels or MAX_PIXELS,
        max_bytes=source.max_bytes or MAX_BYTES,
        timeout_s=source.timeout or TIMEOUT_S,
        truncated=TruncatedPolicy(source.truncated),
        decode_size=DecodeSize(source.decode),
    )


def _identity(
    source: ScanInput, session: "Session", rule: "VerdictRule", options: "ScanOptions"
) -> "RunIdentity":
    """What decides about the rows; threads and batch sizes do not."""
    from ..output.run_identity import RunIdentity

    depends_on_folder = source.files_from is not None or not all(map(os.path.isabs, source.paths))
    return RunIdentity(
        {
            "trustthepixels": installed_version("trustthepixels"),
            "columns": list(COLUMNS),
            "model": session.model.fingerprint,
            "provider": session.provider,
            "thresholds": asdict(rule),
            "limits": asdict(options.limits),
            "memory": options.memory,
            "paths": [_text(path) for path in source.paths],
            "working folder": _text(str(Path.cwd())) if depends_on_folder else None,
            "a list of files": source.files_from is not None,
            "--include": [_text(pattern) for pattern in source.include],
            "--exclude": [_text(pattern) for pattern in source.exclude],
            "--follow-links": source.follow_links,
        }
    )


def _text(argument: str) -> str:
    """An argument as rows carry paths, whatever the locale."""
    return escape_path(path_text(os.fsencode(argument)))


def _is_watched(output: ScanOutput) -> bool:
    """Whether somebody sees standard error, and rows do not run through the same terminal."""
    if output.quiet or sys.stderr is None or not sys.stderr.isatty():
        return False
    return not (output.out == STANDARD_OUTPUT and sys.stdout.isatty())


def open_model(choice: ScanModel, *, quiet: bool) -> "tuple[Session, VerdictRule]":
    """The session that was asked for, and how its probabilities become verdicts.

    Args:
        choice: what was asked for.
        quiet: say nothing about what went as it should.

    Raises:
        ModelError: the model is missing, damaged or not one of ours.
        ProviderError: ONNX Runtime or the device cannot be had.
    """
    from ..model.batching import open_for_batches
    from ..model.bundled import load_model
    from ..system.cores import available_cores

    file = load_model(choice.model, choice.trust)
    if file.doubt:
        note(f"warning: {file.doubt}; going on because of --allow-unverified")
    _rule(choice, file.spec)
    threads = choice.threads or available_cores()
    session = open_for_batches(file, choice.device, threads)
    if session.fallback_reason:
        note(f"scanning on the CPU, because the GPU cannot be used: {session.fallback_reason}")
    elif choice.device is Device.AUTO and not quiet:
        note(f"scanning on the device '{session.device}' ({session.provider})")
    return session, _rule(choice, session.spec)


def _rule(choice: ScanModel, spec: "ModelSpec") -> "VerdictRule":
    return spec.rule(
        false_positive_rate=choice.false_positive_rate,
        threshold=choice.threshold,
        unsure=choice.unsure,
    )
