"""Run of ``trustthepixels evaluate``, from its request to its figures and files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from tqdm import tqdm

from trustthepixels.infer.choices import Device
from trustthepixels.infer.system.cores import available_cores
from trustthepixels.infer.system.terminal import note

from ..pictures.load import see_picture
from ..pictures.tiers import Tier
from .figures import evaluate
from .leaks.probe import LeakProbe, probe_facts, probe_swap, see_swapped
from .measurement import Measurement, Report
from .parts import Part, Portion, choose_parts
from .predictions import Prediction, See, predict
from .request import EvaluationRequest
from .scorer import Scorer, open_scorer

Answer = Callable[[Part, See], list[Prediction]]
"""Function from a part of the data, in some view, to its models' answers."""


def run_evaluation(request: EvaluationRequest) -> Report:
    """Score the requested pictures and compute the figures.

    The device is printed to stderr if it was not named; so is a progress bar on a terminal.

    Raises:
        TrustThePixelsError: the data, a model, the device or an option cannot be used.
    """
    parts = choose_parts(request)
    names = [request.model, *request.fold_models.values()]
    threads = request.threads or available_cores()
    scorers = {name: open_scorer(name, request.device, threads) for name in dict.fromkeys(names)}
    model = scorers[request.model]
    parts = [_compared(part, scorers) for part in parts]
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


def _compared(part: Part, scorers: Mapping[str, Scorer]) -> Part:
    """The part with the number of pictures that its models were trained on."""
    portions = (
        portion.compared_with(scorers[portion.model].spec.data_fingerprint)
        for portion in part.portions
    )
    return replace(part, portions=tuple(portions))


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
