"""One export: from the checkpoint to a checked file, or to no file at all."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from tqdm import tqdm

from trustthepixels.infer.choices import Device
from trustthepixels.infer.errors import UsageError
from trustthepixels.infer.model.file import ModelFile, read_model_file
from trustthepixels.infer.model.providers import load_onnxruntime
from trustthepixels.infer.model.self_test import known_picture
from trustthepixels.infer.model.session import Session, open_session
from trustthepixels.infer.model.spec import ModelSpec
from trustthepixels.infer.results import P_AI_DECIMALS
from trustthepixels.train.calibration.file import read_calibration
from trustthepixels.train.data.manifest import Sample, fingerprint, targets_of
from trustthepixels.train.networks.network import Classifier
from trustthepixels.train.networks.weights import load_checkpoint
from trustthepixels.train.pictures.load import load_pixels

from .answers import FloatArray, scanner_pixels, session_p_ai, torch_p_ai
from .checks import (
    AGREEMENT_BOUND,
    BATCH_SIZES,
    P_AI_BOUNDS,
    TOKEN_AGREEMENT_BOUND,
    agreement_checks,
    batch_size_checks,
    calibration_checks,
    difference_checks,
    invariance_checks,
    p_ai_by_batch_size,
    preprocessing_checks,
    signature_checks,
    verdict_checks,
)
from .graph import OPSET, export_graph
from .half import to_float16
from .int8.quantize import to_int8
from .int8.rows import has_tokens
from .pictures import Pictures, choose_pictures
from .report import Check, table, to_json
from .request import ExportRequest, Precision
from .write import model_bytes, staged

_LARGEST_BATCH = max(BATCH_SIZES)


def export_model(request: ExportRequest, show: Callable[[str], None]) -> None:
    """Write the model and its report if every check passes.

    Args:
        request: the export's request.
        show: takes the table of the checks, also after a failure.

    Raises:
        ExportCheckError: a check failed; neither file was written.
        ProviderError: ONNX Runtime, which runs the checks, is not installed.
        TrustThePixelsError: the checkpoint, the data or the output cannot be used.
    """
    if request.report == request.out:
        raise UsageError("the report and the model are the same file; use --report with another")
    load_onnxruntime()
    torch.set_num_threads(request.threads)
    with staged(request.out) as model_path, staged(request.report) as report_path:
        network, spec = load_checkpoint(request.checkpoint)
        if request.calibration is not None:
            calibration, thresholds = read_calibration(request.calibration)
            # Accuracies depend on the calibration of their measurement; areas do not.
            figures = {name: v for name, v in spec.evaluation.items() if name.endswith("_auc")}
            spec = replace(spec, calibration=calibration, thresholds=thresholds, evaluation=figures)
        pictures = choose_pictures(request)
        graph = _graph(request, network, spec, pictures)
        model_path.write_bytes(model_bytes(graph, spec, request.precision))
        file = read_model_file(model_path)
        checks = _until_failure(_checks(request, network, file, pictures))
        show(table(checks))
        checks[-1].require()
        answer = _known_answer(file, request)
        known = replace(spec, known_answer=answer)
        model_path.write_bytes(model_bytes(graph, known, request.precision))
        # Verified as a scan does it: digest, signature and known answer.
        file = read_model_file(model_path)
        open_session(file, Device.CPU, request.threads)
        facts = _facts(request, file, pictures)
        report_path.write_text(to_json(checks, facts), encoding="utf-8")


def _graph(
    request: ExportRequest, network: Classifier, spec: ModelSpec, pictures: Pictures
) -> onnx.ModelProto:
    graph = export_graph(network, spec)
    match request.precision:
        case Precision.FP32:
            return graph
        case Precision.FP16:
            return to_float16(graph)
        case Precision.INT8:
            load = partial(load_pixels, shape=spec.input_shape)
            paths = [sample.path for sample in pictures.calibration]
            return to_int8(graph, paths, load, request.range_method)


def _known_answer(file: ModelFile, request: ExportRequest) -> float:
    """Return ``p_ai`` of the built-in picture, by which a session verifies its device."""
    session = open_session(file, Device.CPU, request.threads)
    (p_ai,) = session.run(known_picture(file.spec.input_shape)[np.newaxis])
    return round(float(p_ai), P_AI_DECIMALS)


def _checks(
    request: ExportRequest, network: Classifier, file: ModelFile, pictures: Pictures
) -> Iterator[Check]:
    """Yield all checks of a file, which is read back from the disk."""
    spec = file.spec
    model = onnx.load_model_from_string(file.content)
    yield from signature_checks(model, spec)
    images = scanner_pixels([sample.path for sample in pictures.check], spec.input_shape)
    yield from preprocessing_checks(model, spec, pictures.check, images)
    session = open_session(file, Device.CPU, request.threads)
    answers = p_ai_by_batch_size(session, images)
    yield from batch_size_checks(answers)
    other = open_session(file, Device.CPU, 1 if request.threads > 1 else 2)
    yield from invariance_checks(answers, session_p_ai(other, images, _LARGEST_BATCH))
    yield from calibration_checks(session, images[:_LARGEST_BATCH])
    if request.precision is Precision.INT8:
        p_ai, reference = _on_validation(session, network, pictures.validation)
        targets = targets_of(pictures.validation)
        least = TOKEN_AGREEMENT_BOUND if has_tokens(model) else AGREEMENT_BOUND
        yield from agreement_checks(p_ai, reference, targets, spec, least)
        return
    reference = torch_p_ai(network, spec, images)
    yield from difference_checks(answers, reference, P_AI_BOUNDS[request.precision])
    if request.precision is Precision.FP32:
        yield from verdict_checks(answers, reference, spec)


def _on_validation(
    session: Session, network: Classifier, samples: list[Sample]
) -> tuple[FloatArray, FloatArray]:
    """Return ``p_ai`` of the file and of PyTorch, (n,) each; one batch of pixels is in memory."""
    p_ai, reference = [], []
    with tqdm(total=len(samples), desc="validation", unit="img", disable=None) as bar:
        for start in range(0, len(samples), _LARGEST_BATCH):
            batch = samples[start : start + _LARGEST_BATCH]
            images = scanner_pixels([sample.path for sample in batch], session.spec.input_shape)
            p_ai.append(session.run(images))
            reference.append(torch_p_ai(network, session.spec, images))
            bar.update(len(batch))
    return np.concatenate(p_ai), np.concatenate(reference)


def _until_failure(checks: Iterable[Check]) -> list[Check]:
    """Return the checks up to the first failure; later ones would mean nothing."""
    made = []
    for check in checks:
        made.append(check)
        if not check.passed:
            break
    return made


def _facts(request: ExportRequest, file: ModelFile, pictures: Pictures) -> dict[str, Any]:
    """Return the report's facts besides the checks; none of them differs between runs."""
    facts: dict[str, Any] = {
        "model": request.out.name,
        "name": file.spec.name,
        "architecture": file.spec.architecture,
        "precision": file.spec.precision,
        "opset": OPSET,
        "bytes": len(file.content),
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "versions": dict(file.spec.versions),
        "checked_on": _described(pictures.check),
    }
    if request.precision is Precision.INT8:
        facts["range_method"] = request.range_method.value
        facts["calibrated_on"] = _described(pictures.calibration)
        facts["validated_on"] = _described(pictures.validation)
    return facts


def _described(samples: list[Sample]) -> dict[str, Any]:
    return {"pictures": len(samples), "fingerprint": fingerprint(samples)}


def default_report(out: Path) -> Path:
    """Return the default path of the report: next to the model."""
    return out.with_suffix(".report.json")
