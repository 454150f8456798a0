"""Checks of an exported file, each a figure with its bound.

The order is that of Hugging Face Optimum's validator: names, dtypes, dynamic batch axis, shapes,
preprocessing, values. Every function yields its checks one by one, so the caller can stop at the
first that fails.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto
from sklearn.metrics import balanced_accuracy_score

from trustthepixels.infer.errors import ModelError, ProviderError
from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.images.views import whole_of
from trustthepixels.infer.model.session import INPUT_NAME, LOGITS_NAME, P_AI_NAME, Session
from trustthepixels.infer.model.spec import ModelSpec
from trustthepixels.infer.model.verdicts import VerdictRule
from trustthepixels.infer.results import LABELS
from trustthepixels.train.calibration.calibrate import probability
from trustthepixels.train.data.manifest import Sample
from trustthepixels.train.pictures.load import load_pixels

from .answers import (
    IN_FULL,
    FloatArray,
    graph_normalised,
    scanner_pixels,
    session_p_ai,
    spec_normalised,
    torchvision_pixels,
)
from .report import Check, Relation
from .request import Precision

BATCH_SIZES = (1, 2, 7, 32)
"""One picture, a pair, an odd number, and a large batch."""

P_AI_BOUNDS = {Precision.FP32: 1e-4, Precision.FP16: 5e-3}
"""Largest difference of ``p_ai`` from PyTorch's."""

AGREEMENT_BOUND = 0.99
"""int8: smallest share of pictures with the verdict that PyTorch gives them."""

TOKEN_AGREEMENT_BOUND = 0.975
"""Smallest share of agreeing verdicts for a transformer. Its largest activations move with the
picture, so 8 bits hold less of the others than in a network of convolutions; the accuracy has the
same bound."""

ACCURACY_BOUND = 0.5
"""int8: largest fall of the balanced accuracy, in percentage points."""

NORMALISATION_BOUND = 1e-5
"""Largest difference of normalised pixels, which go up to 2.7; one step of a pixel is 0.017."""

CALIBRATION_BOUND = 1e-6
"""Largest difference of ``p_ai`` from the calibrated logits: below the printed decimals."""


def signature_checks(model: onnx.ModelProto, spec: ModelSpec) -> Iterator[Check]:
    """Check the file's declared input and outputs."""
    inputs = {value.name: value for value in model.graph.input}
    outputs = {value.name: value for value in model.graph.output}
    yield _equal("input names", ", ".join(inputs), INPUT_NAME)
    yield _equal("output names", ", ".join(outputs), f"{LOGITS_NAME}, {P_AI_NAME}")
    contract = (
        (inputs[INPUT_NAME], TensorProto.UINT8, spec.input_shape.axes),
        (outputs[LOGITS_NAME], TensorProto.FLOAT, (len(LABELS),)),
        (outputs[P_AI_NAME], TensorProto.FLOAT, ()),
    )
    for value, dtype, _ in contract:
        yield _equal(f"dtype of {value.name}", _dtype(value), TensorProto.DataType.Name(dtype))
    for value, _, _ in contract:
        yield _equal(f"batch axis of {value.name}", _batch_axis(value), "dynamic")
    for value, _, shape in contract:
        yield _equal(f"other axes of {value.name}", _listed(_axes(value)[1:]), _listed(shape))


def preprocessing_checks(
    model: onnx.ModelProto, spec: ModelSpec, samples: Sequence[Sample], images: PixelArray
) -> Iterator[Check]:
    """Check the scanner's pixels against training's and torchvision's, then the normalisation.

    Args:
        model: the exported graph.
        spec: specification of the model.
        samples: the pictures.
        images: the scanner's pixels of the samples, uint8 (n, *spec.input_shape.axes).
    """
    trained = [load_pixels(sample.path, spec.input_shape) for sample in samples]
    differing = sum(not np.array_equal(*pair) for pair in zip(images, trained, strict=True))
    yield _equal(f"pictures of {len(samples)} that training saw otherwise", differing, 0)
    references = [torchvision_pixels(sample.path, spec.input_size) for sample in samples]
    paths = [sample.path for sample in samples]
    compared = [
        not np.array_equal(whole_of(image), reference)
        for image, reference in zip(
            scanner_pixels(paths, spec.input_shape, IN_FULL), references, strict=True
        )
        if reference is not None
    ]
    yield _equal(
        f"pictures of {len(compared)} that torchvision resizes otherwise", sum(compared), 0
    )
    largest = _largest(graph_normalised(model, images), spec_normalised(spec, images))
    yield _at_most("normalised pixels: difference from mean and std", largest, NORMALISATION_BOUND)


def batch_size_checks(answers: Mapping[int, FloatArray]) -> Iterator[Check]:
    """Check that every batch size ran; ``answers`` holds ``p_ai`` (n,) of those that did."""
    yield _equal("batch sizes that run", _listed(answers), _listed(BATCH_SIZES))


def invariance_checks(
    answers: Mapping[int, FloatArray], other_threads: FloatArray
) -> Iterator[Check]:
    """Check that no bit of an answer depends on the batch size or the number of threads.

    Args:
        answers: ``p_ai`` (n,) by batch size.
        other_threads: ``p_ai`` (n,) by batch size, with another number of threads.
    """
    first, *others = [*answers.values(), other_threads]
    changing = np.any([other != first for other in others], axis=0)
    yield _equal("pictures whose p_ai depends on batch or threads", int(changing.sum()), 0)


def calibration_checks(session: Session, images: PixelArray) -> Iterator[Check]:
    """Check that ``p_ai`` equals the spec's calibration of ``logits``."""
    expected = probability(session.logits(images), session.spec.calibration)
    difference = _largest(session.run(images), expected)
    yield _at_most("p_ai: difference from the calibrated logits", difference, CALIBRATION_BOUND)


def difference_checks(
    answers: Mapping[int, FloatArray], reference: FloatArray, bound: float
) -> Iterator[Check]:
    """Check, for fp32 and fp16, ``p_ai`` of each batch size against PyTorch's, (n,) each."""
    for batch_size, p_ai in answers.items():
        name = f"p_ai: difference from PyTorch, batch size {batch_size}"
        yield _at_most(name, _largest(p_ai, reference), bound)


def verdict_checks(
    answers: Mapping[int, FloatArray], reference: FloatArray, spec: ModelSpec
) -> Iterator[Check]:
    """Check, for fp32, that no verdict changes at any operating point."""
    for point in spec.thresholds.ai:
        rule = spec.rule(false_positive_rate=point.false_positive_rate)
        expected = _verdicts(rule, reference)
        changed = sum(int((_verdicts(rule, p_ai) != expected).sum()) for p_ai in answers.values())
        yield _equal(f"verdicts changed, --fpr {point.false_positive_rate:g}", changed, 0)


def agreement_checks(
    p_ai: FloatArray,
    reference: FloatArray,
    targets: npt.NDArray[np.int64],
    spec: ModelSpec,
    least: float = AGREEMENT_BOUND,
) -> Iterator[Check]:
    """Check, for int8, verdicts and balanced accuracy on validation pictures against PyTorch's.

    Args:
        p_ai: probabilities of the exported model, (n,).
        reference: probabilities of PyTorch, (n,).
        targets: indices of the true labels, n.
        spec: its default operating point makes the verdicts.
        least: smallest share of verdicts that agree, 0 to 1.
    """
    rule = spec.rule()
    agreement = float((_verdicts(rule, p_ai) == _verdicts(rule, reference)).mean())
    # Three in n: what none of n pictures shows may still befall so many (the rule of three).
    unseen = 100.0 * min(1.0, 3.0 / len(targets))
    name = f"verdict agreement on {len(targets)} pictures, sure to {unseen:.1f} points"
    # One verdict may change, however few the pictures are.
    bound = min(least, 1.0 - 1.0 / len(targets))
    yield Check(name, agreement, Relation.AT_LEAST, bound)
    before, after = (balanced_accuracy_score(targets, p >= 0.5) for p in (reference, p_ai))
    fall = 100.0 * float(before - after)
    one_verdict = 50.0 / max(1, min(np.bincount(targets, minlength=len(LABELS))))
    bound = max(ACCURACY_BOUND, one_verdict)
    yield _at_most("balanced accuracy: fall in points", fall, bound)


def p_ai_by_batch_size(session: Session, images: PixelArray) -> dict[int, FloatArray]:
    """Return ``p_ai`` (n,) at every batch size that the model accepts."""
    answers = {}
    for batch_size in BATCH_SIZES:
        try:
            answers[batch_size] = session_p_ai(session, images, batch_size)
        except (ModelError, ProviderError):
            # The batch axis is frozen inside the graph; the missing size fails the check.
            continue
    return answers


def _verdicts(rule: VerdictRule, p_ai: FloatArray) -> npt.NDArray[np.str_]:
    return np.array([rule(float(value)).label for value in p_ai])


def _largest(values: FloatArray, reference: FloatArray) -> float:
    if values.shape != reference.shape:
        return float("inf")
    return float(np.abs(values.astype(np.float64) - reference).max())


def _axes(value: onnx.ValueInfoProto) -> list[str]:
    axes = value.type.tensor_type.shape.dim
    return [axis.dim_param or str(axis.dim_value) for axis in axes]


def _batch_axis(value: onnx.ValueInfoProto) -> str:
    first = "".join(_axes(value)[:1])
    return f"frozen at {first}" if first.isdecimal() else "dynamic" if first else "absent"


def _dtype(value: onnx.ValueInfoProto) -> str:
    return str(TensorProto.DataType.Name(value.type.tensor_type.elem_type))


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values) or "none"


def _equal(name: str, measured: float | str, bound: float | str) -> Check:
    return Check(name, measured, Relation.EQUAL, bound)


def _at_most(name: str, measured: float, bound: float) -> Check:
    return Check(name, measured, Relation.AT_MOST, bound)
