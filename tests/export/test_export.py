"""An exported model is one self-contained file that answers as the checkpoint does."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import pytest
from exporting import SPEC, write_inputs
from onnx import TensorProto, numpy_helper

from trustthepixels.export.answers import scanner_pixels, torch_p_ai
from trustthepixels.export.checks import agreement_checks
from trustthepixels.export.graph import export_graph
from trustthepixels.export.pictures import FEWEST, choose_pictures
from trustthepixels.export.request import ExportRequest, Precision, RangeMethod
from trustthepixels.export.run import export_model
from trustthepixels.infer.choices import Device
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.self_test import known_picture
from trustthepixels.infer.model.session import open_session
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.networks.weights import load_checkpoint


@pytest.fixture(scope="module")
def request_fp32(tmp_path_factory: pytest.TempPathFactory) -> ExportRequest:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def graph_fp32(request_fp32: ExportRequest) -> onnx.ModelProto:
    """Return the graph that PyTorch's exporter makes of the checkpoint, which takes seconds."""
    return export_graph(*load_checkpoint(request_fp32.checkpoint))


@pytest.fixture(scope="module")
def exported(
    request_fp32: ExportRequest,
    graph_fp32: onnx.ModelProto,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[Precision, ExportRequest]:
    """Return the checkpoint exported in every precision, each in its own folder."""
    requests = {}
    for precision in Precision:
        folder = tmp_path_factory.mktemp(precision)
        requests[precision] = into(folder, request_fp32, precision=precision)
        export_from(graph_fp32, requests[precision])
    return requests


def export_from(graph: onnx.ModelProto, request: ExportRequest) -> None:
    """Export a checkpoint whose graph is known already."""
    model = onnx.ModelProto()
    model.CopyFrom(graph)
    with mock.patch("trustthepixels.export.run.export_graph", lambda *_: model):
        export_model(request, lambda _table: None)


def into(folder: Path, request: ExportRequest, **changes: object) -> ExportRequest:
    """Return the request with another folder."""
    return replace(
        request,
        out=folder / "model.onnx",
        report=folder / "model.report.json",
        **changes,
    )


@pytest.fixture(params=list(Precision))
def precision(request: pytest.FixtureRequest) -> Precision:
    chosen: Precision = request.param
    return chosen


def weights_by_dtype(path: Path) -> dict[int, list[np.ndarray]]:
    weights: dict[int, list[np.ndarray]] = {}
    for value in onnx.load(path).graph.initializer:
        weights.setdefault(value.data_type, []).append(numpy_helper.to_array(value))
    return weights


def test_only_the_model_and_its_report_appear(exported, precision):
    folder = exported[precision].out.parent
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "model.report.json"]


def test_the_file_is_a_valid_onnx_model_without_side_car_data(exported, precision):
    path = exported[precision].out
    onnx.checker.check_model(path, full_check=True)
    locations = {value.data_location for value in onnx.load(path).graph.initializer}
    assert locations == {TensorProto.DEFAULT}


def test_the_file_carries_the_checkpoints_spec(exported, precision):
    checkpoint_spec = load_checkpoint(exported[precision].checkpoint)[1]
    spec = read_model_file(exported[precision].out).spec
    assert spec.precision == precision
    assert spec.versions["onnx"] == onnx.__version__
    kept = replace(
        spec,
        precision="fp32",
        graph_digest="",
        versions=checkpoint_spec.versions,
        known_answer=None,
    )
    assert kept == checkpoint_spec


def test_the_file_knows_its_answer_to_the_built_in_picture(exported, precision):
    file = read_model_file(exported[precision].out)
    session = open_session(file, Device.CPU, threads=1)
    (p_ai,) = session.run(known_picture(file.spec.input_shape)[None])
    assert file.spec.known_answer == pytest.approx(p_ai, abs=1e-6)


def test_the_same_inputs_give_the_same_bytes(exported, precision, tmp_path):
    again = into(tmp_path, exported[precision])
    export_model(again, lambda _table: None)
    assert again.out.read_bytes() == exported[precision].out.read_bytes()
    assert again.report.read_bytes() == exported[precision].report.read_bytes()


def test_nothing_in_the_files_names_the_machine(exported, precision):
    model = onnx.load(exported[precision].out)
    assert {entry.key for entry in model.metadata_props} == {
        "trustthepixels.spec",
        "trustthepixels.spec.sha256",
    }
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
    for path in (exported[precision].out, exported[precision].report):
        content = path.read_bytes()
        for name in (exported[precision].data, Path(__file__).parent, Path(onnx.__file__).parent):
            assert str(name).encode() not in content


def test_batch_norm_is_folded_into_the_convolutions(exported, precision):
    operators = {node.op_type for node in onnx.load(exported[precision].out).graph.node}
    assert "Conv" in operators
    assert "BatchNormalization" not in operators


def test_no_answer_depends_on_batch_size_or_threads(exported, precision):
    file = read_model_file(exported[precision].out)
    paths = [sample.path for sample in load_samples(exported[precision].data)][:64]
    images = scanner_pixels(paths, SPEC.input_shape)
    alone = np.concatenate(
        [open_session(file, Device.CPU, 1).run(image[np.newaxis]) for image in images[:8]]
    )
    for threads in (1, 2, 3):
        together = open_session(file, Device.CPU, threads).run(images)
        assert np.array_equal(alone, together[:8])


def test_fp32_answers_as_pytorch_does(exported):
    request = exported[Precision.FP32]
    network, spec = load_checkpoint(request.checkpoint)
    paths = [sample.path for sample in load_samples(request.data)]
    images = scanner_pixels(paths, spec.input_shape)
    p_ai = open_session(read_model_file(request.out), Device.CPU, 1).run(images)
    assert np.ptp(p_ai) > 0.5
    assert np.abs(p_ai - torch_p_ai(network, spec, images)).max() <= 1e-4


def test_fp16_halves_the_file_and_keeps_outputs_in_float32(exported):
    request = exported[Precision.FP16]
    weights = weights_by_dtype(request.out)
    largest = max(weights[TensorProto.FLOAT], key=lambda array: array.size)
    assert largest.size <= 2 * 512
    assert request.out.stat().st_size < 0.55 * exported[Precision.FP32].out.stat().st_size
    session = open_session(read_model_file(request.out), Device.CPU, 1)
    p_ai = session.run(np.zeros((3, *SPEC.input_size, 3), np.uint8))
    assert p_ai.dtype == np.float32
    # Were it rounded to float16 on the way, rounding it again would change nothing.
    assert np.any(p_ai != p_ai.astype(np.float16).astype(np.float32))


def test_int8_quarters_the_file(exported):
    sizes = {name: request.out.stat().st_size for name, request in exported.items()}
    assert sizes[Precision.INT8] < 0.3 * sizes[Precision.FP32]


def test_the_report_keeps_every_figure_with_its_bound(exported, precision):
    request = exported[precision]
    report = json.loads(request.report.read_text(encoding="utf-8"))
    assert report["passed"] is True
    assert report["model"] == request.out.name
    assert report["sha256"] == hashlib.sha256(request.out.read_bytes()).hexdigest()
    assert report["checked_on"]["pictures"] == 64
    for check in report["checks"]:
        assert set(check) == {"name", "measured", "relation", "bound", "passed"}
    names = " ".join(check["name"] for check in report["checks"])
    order = ["input names", "dtype of", "batch axis", "other axes", "training saw", "torchvision"]
    order += ["normalised", "batch sizes that run", "pictures whose p_ai", "calibrated logits"]
    assert [names.index(name) for name in order] == sorted(names.index(name) for name in order)


def test_the_int8_report_says_what_it_was_calibrated_and_validated_on(exported):
    report = json.loads(exported[Precision.INT8].report.read_text(encoding="utf-8"))
    assert report["calibrated_on"]["pictures"] == exported[Precision.INT8].calibration_size
    assert report["validated_on"]["pictures"] == 72


@pytest.mark.parametrize("method", [RangeMethod.PERCENTILE, RangeMethod.ENTROPY])
def test_the_other_ways_to_choose_ranges_work_too(request_fp32, graph_fp32, tmp_path, method):
    request = into(tmp_path, request_fp32, precision=Precision.INT8, range_method=method)
    export_from(graph_fp32, request)
    assert read_model_file(request.out).spec.precision == Precision.INT8


def test_a_hundred_and_twenty_pictures_are_enough_for_int8(
    tmp_path: Path, request_fp32: ExportRequest
) -> None:
    """The validation split that ``train`` makes of so few is smaller than a check needs."""
    rows = (request_fp32.data / "manifest.csv").read_text().splitlines()
    few = [row for row in rows[1:] if not row.split(",")[0].endswith("-7.jpg")][:120]
    manifest = request_fp32.data / "few.csv"
    manifest.write_text("\n".join([rows[0], *few]) + "\n")
    request = replace(
        request_fp32, precision=Precision.INT8, data=manifest, splits=None, out=tmp_path / "m.onnx"
    )
    pictures = choose_pictures(request)
    assert len(pictures.calibration) == request.calibration_size
    assert len(pictures.check) == len(pictures.validation) == FEWEST
    assert {sample.label for sample in pictures.check} == {"ai", "real"}


def test_the_checks_say_how_sure_they_are() -> None:
    reference = np.array([0.95, 0.05] * 20)
    changed = reference.copy()
    changed[0] = 0.5
    targets = np.array([1, 0] * 20)
    agreement, fall = agreement_checks(changed, reference, targets, SPEC)
    assert "on 40 pictures, sure to 7.5 points" in agreement.name
    assert agreement.passed and fall.passed
    changed[2] = 0.1
    assert not next(agreement_checks(changed, reference, targets, SPEC)).passed
