"""``trustthepixels evaluate`` from its options to its figures and files."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from trustthepixels.infer.errors import OutputError
from trustthepixels.infer.model.providers import Device
from trustthepixels.infer.system.cores import available_cores
from trustthepixels.infer.system.terminal import note

from .contact_sheet import draw_contact_sheet, worst_mistakes
from .evaluate import evaluate
from .evaluation_html import write_html
from .evaluation_json import write_json, write_predictions
from .evaluation_parts import Part, Portion, choose_parts
from .evaluation_plots import draw_histogram, draw_reliability, draw_roc, draw_tiers
from .evaluation_request import EvaluationRequest
from .leak_probe import LeakProbe, probe_facts, probe_swap, see_swapped
from .measurement import Measurement, Report
from .pictures.load import see_picture
from .pictures.tiers import Tier
from .predictions import Prediction, See, predict
from .scoring import Scorer, open_scorer

EVALUATION_NAME = "evaluation.json"
PREDICTIONS_NAME = "predictions.csv"
HTML_NAME = "report.html"

Answer = Callable[[Part, See], list[Prediction]]
"""From a part of the data, seen in some way, to what its models say."""


def run_evaluation(request: EvaluationRequest) -> Report:
    """Score the pictures that were asked for and work out the figures.

    The device goes to stderr if it was not named, and a progress bar where that is a terminal.

    Raises:
        TrustThePixelsError: the data, a model, the device or an option cannot be used.
    """
    parts = choose_parts(request)
    names = [request.model, *request.fold_models.values()]
    threads = request.threads or available_cores()
    scorers = {name: open_scorer(name, request.device, threads) for name in dict.fromkeys(names)}
    model = scorers[request.model]
    if request.device is Device.AUTO:
        note(f"device: {model.device}")
    with tqdm(total=_pictures_to_score(parts, request), unit="img", disable=None) as bar:
        answer = partial(_answer, request, scorers, bar.update)
        measurements = [
            _measure(part, tier, answer, request, scorers)
            for part in parts
            for tier in request.tiers
        ]
        probes = [
            _probe(part, measurements, answer, model.spec.input_size)
            for part in parts
            if request.leak_probe
        ]
    return Report(model, request.rule(model.spec), scorers, tuple(measurements), tuple(probes))


def write_evaluation(folder: Path, report: Report) -> None:
    """Write the JSON, the predictions, the pictures and the page into a folder that exists.

    Raises:
        OutputError: something cannot be written.
    """
    with _writing(folder):
        write_predictions(folder / PREDICTIONS_NAME, report)
        for measurements in report.by_part:
            if len(measurements) > 1:
                draw_tiers(measurements, folder / f"{measurements[0].part.slug}-tiers.png")
        for measurement in report.measurements:
            _draw(measurement, f"{report.model.spec.name}, {measurement.title}", folder)
        write_html(folder / HTML_NAME, report)
        write_json(folder / EVALUATION_NAME, report)


def prepare_folder(folder: Path) -> None:
    """Create the output folder, before the work starts.

    Raises:
        OutputError: it cannot be made.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _pictures_to_score(parts: Sequence[Part], request: EvaluationRequest) -> int:
    passes = len(request.tiers)
    if request.leak_probe:
        passes += 1 if Tier.CLEAN in request.tiers else 2
    return passes * sum(len(part.samples) for part in parts)


def _answer(
    request: EvaluationRequest,
    scorers: dict[str, Scorer],
    progress: Callable[[int], object],
    part: Part,
    see: See,
) -> list[Prediction]:
    def answer(portion: Portion) -> list[Prediction]:
        scorer = scorers[portion.model]
        return predict(
            portion.samples,
            scorer,
            request.rule(scorer.spec),
            see,
            batch_size=request.batch_size,
            decode_threads=request.decode_threads or available_cores(),
            progress=progress,
        )

    return [
        replace(prediction, fold=portion.fold)
        for portion in part.portions
        for prediction in answer(portion)
    ]


def _measure(
    part: Part,
    tier: Tier,
    answer: Answer,
    request: EvaluationRequest,
    scorers: dict[str, Scorer],
) -> Measurement:
    rules = {request.rule(scorers[portion.model].spec) for portion in part.portions}
    predictions = answer(part, partial(see_picture, tier=tier))
    return Measurement(part, tier, evaluate(predictions, rules.pop() if len(rules) == 1 else None))


def _probe(
    part: Part, measurements: Sequence[Measurement], answer: Answer, input_size: tuple[int, int]
) -> LeakProbe:
    known = [one for one in measurements if one.part is part and one.tier is Tier.CLEAN]
    before = known[0].evaluation.predictions if known else answer(part, see_picture)
    swaps = probe_swap(before, answer(part, see_swapped))
    return LeakProbe(part, probe_facts(before, input_size), swaps)


def _draw(measurement: Measurement, title: str, folder: Path) -> None:
    evaluation, slug = measurement.evaluation, measurement.slug
    draw_roc(evaluation, title, folder / f"{slug}-roc.png")
    draw_reliability(evaluation, title, folder / f"{slug}-reliability.png")
    draw_histogram(evaluation, title, folder / f"{slug}-histogram.png")
    mistakes = worst_mistakes(evaluation)
    draw_contact_sheet(mistakes, measurement.tier, title, folder / f"{slug}-mistakes.png")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error
