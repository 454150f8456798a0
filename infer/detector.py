"""Python API: a model that is ready to judge pictures."""

import logging
import os
import weakref
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .choices import DEFAULT_MODEL, Device
from .errors import UsageError
from .files.source import HeldFiles
from .files.walk import Found
from .images.decode import DecodedImage
from .images.formats.registry import identify
from .images.limits import Limits
from .isolation.policy import needs_worker
from .isolation.pool import WorkerPool
from .model.batching import BatchedModel, Batches, in_batches
from .model.bundled import load_model
from .model.providers import ON_CPU
from .model.session import Session, open_session
from .model.spec import ModelSpec
from .results import FileStatus, Provenance, ScanRow, Verdict
from .scan.inputs import ImageInput, content_of, decoded, model_input
from .scan.options import ScanOptions
from .scan.pipeline import origin_reader, scan_found, scan_rows
from .scan.prepare import PreparedImage, prepare
from .system.cores import available_cores

if TYPE_CHECKING:
    from .provenance.options import ProvenanceOptions

_log = logging.getLogger(__name__)


class Detector:
    """Detector that tells AI-generated pictures from photographs.

    >>> detector = Detector()
    >>> verdict = detector.predict("photo.jpg")
    >>> verdict.label, verdict.p_ai

    Args:
        model: the name of a bundled model, or the path of an ONNX file of ``trustthepixels
            export``.
        device: device of the model; any but ``auto`` is taken or refused.
        threads: threads of the model on the CPU; by default the cores that the process may use.
        false_positive_rate: rate of the operating point; by default the model's own.
        threshold: ``p_ai`` from which a picture is called AI, instead of an operating point.
        unsure: ``False`` for two verdicts: every picture that is not AI is real.
        limits: limits above which a picture is refused.

    Raises:
        ModelError: the model is missing, damaged or not written by ``trustthepixels export``.
        ProviderError: ONNX Runtime or the device is unavailable.
        UsageError: the device, operating point or threshold does not exist.
    """

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        device: Device | str = Device.AUTO,
        *,
        threads: int | None = None,
        false_positive_rate: float | None = None,
        threshold: float | None = None,
        unsure: bool = True,
        limits: Limits | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise UsageError(f"{threads} threads; there must be at least 1")
        self._threads = available_cores() if threads is None else threads
        # All of them for one operator: a single picture must be quick too.
        self.session: Session = open_session(load_model(model), _device(device), self._threads)
        self.rule = self.spec.rule(
            false_positive_rate=false_positive_rate, threshold=threshold, unsure=unsure
        )
        self._limits = limits or Limits()
        self._workers: WorkerPool | None = None
        self._sessions = {self._threads: self.session}
        self._batched: tuple[Batches, BatchedModel] | None = None

    @property
    def spec(self) -> ModelSpec:
        """Specification of the model."""
        return self.session.spec

    def predict(self, image: ImageInput) -> Verdict:
        """Return the verdict on one picture.

        Args:
            image: a path; the bytes of a file; a Pillow picture, whose EXIF orientation is applied;
                or RGB pixels, uint8 of shape (height, width, 3), upright.

        Raises:
            FileNotFoundError: there is no such file; the error is an ``ImageError``, too.
            ImageError: the picture cannot be read or decoded; the reason is in its ``status``.
            InputError: an array of another shape or type.
        """
        seen = model_input(image, self.spec.input_shape, self._limits)
        return self.rule(self.session.run(seen.pixels[np.newaxis])[0], seen.doubt)

    def row(self, path: str | os.PathLike[str]) -> ScanRow:
        """Return the row of one file, as a scan writes it, but without a limit on time.

        A file that cannot be judged is no error: its row has the reason.

        Args:
            path: path of a file; a folder is not entered.
        """
        found = Found(os.fsencode(path))
        prepared = prepare(found, self.spec.input_shape, self._limits)
        if isinstance(prepared, PreparedImage):
            p_ai = self.session.run(prepared.pixels[np.newaxis])[0]
            return prepared.row.judged(self.rule(p_ai, prepared.doubt))
        if prepared.status is FileStatus.VANISHED:
            return replace(prepared, status=FileStatus.MISSING)
        return prepared

    def provenance(
        self,
        image: str | os.PathLike[str] | bytes,
        options: "ProvenanceOptions | None" = None,
    ) -> Provenance:
        """Return what a file states about its own origin; no verdict depends on it.

        Content credentials are checked, in a process that stays for the next ones, if the extra
        ``c2pa`` is installed. Absence proves nothing, and plain metadata are easily forged.

        Args:
            image: a path, or the bytes of a file.
            options: the detail that is kept, and whose signatures are trusted.

        Raises:
            FileNotFoundError: there is no such file; the error is an ``ImageError``, too.
            ImageError: the file cannot be read.
        """
        encoded = identify(content_of(image, self._limits))
        if self._workers is None and WorkerPool.is_available:
            self._workers = WorkerPool()
            weakref.finalize(self, self._workers.cancel)
        reader = origin_reader(options, self._workers)
        is_isolated = needs_worker(encoded, self._limits)
        return reader.read(encoded, self._limits, is_isolated=is_isolated)

    def scan(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        options: ScanOptions | None = None,
    ) -> Generator[ScanRow]:
        """Yield one row for every picture in folders and single files, in the order of the walk.

        Rows come during the scan; memory does not depend on the number of files. A scan ends early
        with ``close`` on the iterator, or when that is collected.

        Args:
            paths: a folder or file, or several; an iterator is read lazily.
            options: options of the scan; by default those of ``scan-folder``, with this detector's
                limits. This module's log names options that the device cannot meet.

        Raises:
            ModelError: the model returned a value outside 0 to 1.
            ProviderError: the device failed.
        """
        if isinstance(paths, str | os.PathLike):
            paths = [paths]
        encoded = (os.fsencode(path) for path in paths)
        # The walk of a single root needs no memory, so it gets the roots as a sequence.
        roots = list(encoded) if isinstance(paths, Sequence) else encoded
        options = options or self._usual_options()
        batched = self._in_batches(options)
        return scan_rows(roots, batched.classifier, self.rule, options, batched.allocate)

    def judge(
        self, items: Iterable[tuple[str, bytes]], options: ScanOptions | None = None
    ) -> Generator[ScanRow]:
        """Judge pictures that are in memory: bytes in, rows out, in the order of the items.

        The rows are those of a scan of files with these bytes: limits, isolation and errors are the
        same. Items are taken while the rows come, at most a few batches ahead.

        Args:
            items: a name and the bytes of a file, each; the name is the row's path.
            options: as for ``scan``; ``walk`` and ``decode_processes`` have no effect.

        Raises:
            ModelError: the model returned a value that is not a probability.
            ProviderError: the device failed.
        """
        options = options or self._usual_options()
        batched = self._in_batches(options)
        batches = options.batches_in_flight + options.batch_buffers
        ahead = options.batch_size * batches + options.decode_threads
        source = HeldFiles(items)
        return scan_found(
            source.find(),
            batched.classifier,
            self.rule,
            replace(options, window=min(options.window, ahead)),
            batched.allocate,
            source,
        )

    def _usual_options(self) -> ScanOptions:
        options = ScanOptions.for_device(self.session.device, self._threads)
        return replace(options, limits=self._limits)

    def _in_batches(self, options: ScanOptions) -> BatchedModel:
        """Return the model for these batches, that of the last scan if it had the same ones."""
        wanted = options.batches
        if options.operator_threads is None:
            wanted = wanted._replace(threads=self._threads)
        if self._batched is not None and self._batched[0] == wanted:
            return self._batched[1]
        session = self._session_with(wanted.threads)
        batched = in_batches(session, wanted.size, wanted.in_flight, _log.warning)
        self._batched = wanted, batched
        return batched

    def _session_with(self, threads: int) -> Session:
        """Return the open session with these threads of an operator; open it at most once."""
        # A GPU computes whatever the threads are, so its session serves single pictures too.
        if self.session.device not in ON_CPU:
            return self.session
        if threads not in self._sessions:
            own = self.session
            self._sessions[threads] = open_session(own.model, own.device, threads)
        return self._sessions[threads]

    def decode(self, image: ImageInput) -> DecodedImage:
        """Return the full picture: upright, 8-bit RGB.

        Raises:
            FileNotFoundError: there is no such file; the error is an ``ImageError``, too.
            ImageError: the picture cannot be read or decoded; the reason is in its ``status``.
            InputError: an array of another shape or type.
        """
        return decoded(image, self._limits)


def _device(device: Device | str) -> Device:
    try:
        return Device(device)
    except ValueError:
        raise UsageError(f"no device '{device}'; use one of {', '.join(Device)}") from None
