"""``trustthepixels evaluate`` from its options to its figures and files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm
from trustthepixels.infer.commands.terminal import note
from trustthepixels.infer.cpu import available_cores
from trustthepixels.infer.devices import Device
from trustthepixels.infer.errors import InputError, OutputError, UsageError

from .contact_sheet import draw_contact_sheet, worst_mistakes
from .evaluate import Evaluation, evaluate, predict
from .evaluation_plots import draw_histogram, draw_reliability, draw_roc
from .evaluation_report import (
    EVALUATION_NAME,
    PREDICTIONS_NAME,
    Subject,
    write_json,
    write_predictions,
)
from .manifest import MANIFEST_NAME, Sample, load_samples, without_sources
from .scoring import open_scorer
from .splits import Split, read_splits, select
from .tiers import Tier


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What to evaluate on what, and how.

    Attributes:
        model: an ONNX file of ours, the name of a bundled model, or weights of a training run.
        data: a manifest, or a folder with one or with ``AI/`` and ``Real/``.
        splits: a ``file,split`` CSV, needed with ``split``.
        split: the part to evaluate; ``None`` for everything.
        exclude_sources: sources of the manifest to leave out.
        tier: what happens to each picture before preprocessing.
        false_positive_rate: operating point of the verdicts; ``None`` for the model's own.
        threshold: ``p_ai`` from which the verdict is ``ai``, in place of an operating point.
        device: where the model runs.
        batch_size: pictures per call of the model.
        decode_threads: threads that decode; ``None`` for as many as there are cores.
        threads: threads of the model; ``None`` likewise.
    """

    model: str
    data: Path
    splits: Path | None = None
    split: Split | None = None
    exclude_sources: tuple[str, ...] = ()
    tier: Tier = Tier.CLEAN
    false_positive_rate: float | None = None
    threshold: float | None = None
    device: Device = Device.AUTO
    batch_size: int = 32
    decode_threads: int | None = None
    threads: int | None = None


def run_evaluation(request: EvaluationRequest) -> tuple[Subject, Evaluation]:
    """Score the pictures that were asked for and work out the figures.

    The device goes to stderr if it was not named, and a progress bar where that is a terminal.

    Raises:
        TrustThePixelsError: the data, the model, the device or an option cannot be used.
    """
    samples = _choose(request)
    cores = available_cores()
    scorer = open_scorer(request.model, request.device, request.threads or cores)
    rule = scorer.spec.rule(
        false_positive_rate=request.false_positive_rate, threshold=request.threshold
    )
    if request.device is Device.AUTO:
        note(f"device: {scorer.device}")
    with tqdm(total=len(samples), unit="img", disable=None) as bar:
        predictions = predict(
            samples,
            scorer,
            rule,
            request.tier,
            batch_size=request.batch_size,
            decode_threads=request.decode_threads or cores,
            progress=bar.update,
        )
    subject = Subject(
        scorer=scorer,
        data=_name(request.data),
        split=request.split or "",
        excluded_sources=request.exclude_sources,
        tier=request.tier,
    )
    return subject, evaluate(predictions, rule)


def write_evaluation(folder: Path, subject: Subject, evaluation: Evaluation) -> None:
    """Write the JSON, the predictions and the pictures into a folder that exists.

    Raises:
        OutputError: something cannot be written.
    """
    parts = (subject.scorer.spec.name, subject.data, subject.split, f"{subject.tier} tier")
    title = ", ".join(part for part in parts if part)
    with _writing(folder):
        write_predictions(folder / PREDICTIONS_NAME, evaluation)
        draw_roc(evaluation, title, folder / "roc.png")
        draw_reliability(evaluation, title, folder / "reliability.png")
        draw_histogram(evaluation, title, folder / "histogram.png")
        mistakes = worst_mistakes(evaluation)
        draw_contact_sheet(mistakes, subject.tier, title, folder / "mistakes.png")
        write_json(folder / EVALUATION_NAME, subject, evaluation)


def prepare_folder(folder: Path) -> None:
    """Create the output folder, before the work starts.

    Raises:
        OutputError: it cannot be made.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _choose(request: EvaluationRequest) -> list[Sample]:
    if (request.splits is None) != (request.split is None):
        raise UsageError("--splits and --split go together: the file, and the part of it")
    samples = without_sources(load_samples(request.data), request.exclude_sources)
    if request.splits is not None and request.split is not None:
        samples = select(samples, read_splits(request.splits), request.split)
    if not samples:
        raise InputError("no pictures are left to evaluate")
    return samples


def _name(data: Path) -> str:
    """The data set's folder name, whichever way it was given."""
    resolved = data.resolve()
    return resolved.parent.name if resolved.name == MANIFEST_NAME else resolved.name


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error
