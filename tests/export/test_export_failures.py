"""An export that fails a check names the figure and its bound, and leaves no file."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from exporting import write_inputs
from onnx import helper, numpy_helper
from PIL import Image

from trustthepixels.export import graph as graph_module
from trustthepixels.export.request import ExportRequest, Precision
from trustthepixels.export.run import export_model
from trustthepixels.infer.errors import (
    ExportCheckError,
    InputError,
    ModelError,
    OutputError,
    ProviderError,
    SignatureError,
    UsageError,
)
from trustthepixels.infer.images.decode import ModelInput, decode
from trustthepixels.infer.images.failures import ImageHeader
from trustthepixels.train.networks.network import normalisation
from trustthepixels.train.networks.weights import load_checkpoint, save_weights


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> ExportRequest:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def sound_graph(inputs: ExportRequest) -> onnx.ModelProto:
    return graph_module.export_graph(*load_checkpoint(inputs.checkpoint))


@pytest.fixture
def request_fp32(inputs: ExportRequest, tmp_path: Path) -> ExportRequest:
    """An export over an older file, which a failure must leave as it is."""
    out = tmp_path / "model.onnx"
    out.write_text("older")
    return replace(inputs, out=out, report=tmp_path / "model.report.json")


def assert_fails(
    request: ExportRequest, message: str, error: type[Exception] = ExportCheckError
) -> None:
    with pytest.raises(error, match=message):
        export_model(request, lambda _table: None)
    assert [path.name for path in request.out.parent.iterdir()] == ["model.onnx"]
    assert request.out.read_text() == "older"


@pytest.fixture
def exporter_gives(
    monkeypatch: pytest.MonkeyPatch, sound_graph: onnx.ModelProto
) -> Callable[[Callable[[onnx.GraphProto], None]], None]:
    """Make the exporter's graph differ from the sound one as a function says."""

    def install(damage: Callable[[onnx.GraphProto], None]) -> None:
        model = onnx.ModelProto()
        model.CopyFrom(sound_graph)
        damage(model.graph)
        monkeypatch.setattr("trustthepixels.export.run.export_graph", lambda *_: model)

    return install


def freeze_declared_axis(graph: onnx.GraphProto) -> None:
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1


def freeze_hidden_axis(graph: onnx.GraphProto) -> None:
    """Declared dynamic, but a reshape inside takes one picture only."""
    graph.node[-1].output[0] = "p_ai_unshaped"
    graph.initializer.append(numpy_helper.from_array(np.array([1]), "one"))
    graph.node.append(helper.make_node("Reshape", ["p_ai_unshaped", "one"], ["p_ai"]))


def mix_rows(graph: onnx.GraphProto) -> None:
    """Each answer is moved a little by the answers beside it."""
    graph.node[-1].output[0] = "p_ai_alone"
    graph.initializer.append(numpy_helper.from_array(np.float32(0.999), "most"))
    graph.node.extend(
        [
            helper.make_node("ReduceMin", ["p_ai_alone"], ["least"], keepdims=1),
            helper.make_node("Sub", ["p_ai_alone", "least"], ["above"]),
            helper.make_node("Mul", ["above", "most"], ["moved"]),
            helper.make_node("Add", ["moved", "least"], ["p_ai"]),
        ]
    )


def rename_input(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == "images":
                node.input[index] = "pixel_values"
    graph.input[0].name = "pixel_values"


def declare_float_input(graph: onnx.GraphProto) -> None:
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT


def declare_other_size(graph: onnx.GraphProto) -> None:
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = 224


def change_a_weight(graph: onnx.GraphProto) -> None:
    weight = next(value for value in graph.initializer if "fc.weight" in value.name)
    changed = numpy_helper.to_array(weight) * np.float32(1.01)
    weight.CopyFrom(numpy_helper.from_array(changed, weight.name))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (rename_input, "input names is pixel_values, must be = images"),
        (declare_float_input, "dtype of images is FLOAT, must be = UINT8"),
        (freeze_declared_axis, "batch axis of images is frozen at 1, must be = dynamic"),
        (declare_other_size, "other axes of images is 224, 64, 3, must be = 64, 64, 3"),
        (mix_rows, r"depends on batch or threads is \d+, must be = 0"),
        (change_a_weight, r"difference from PyTorch, .* is 0.\d+, must be ≤ 0.0001"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_graph_that_is_not_the_contracts_is_refused(
    request_fp32, exporter_gives, damage, message
):
    exporter_gives(damage)
    assert_fails(request_fp32, message)


def test_a_batch_axis_that_is_frozen_inside_is_refused(request_fp32, exporter_gives):
    exporter_gives(freeze_hidden_axis)
    assert_fails(request_fp32, "'p_ai' has its batch axis frozen at 1", SignatureError)


def test_an_exporter_that_freezes_the_batch_is_refused(request_fp32, monkeypatch):
    export = torch.onnx.export

    def without_dynamic_shapes(*arguments, dynamic_shapes, **options):
        return export(*arguments, **options)

    monkeypatch.setattr(torch.onnx, "export", without_dynamic_shapes)
    assert_fails(request_fp32, "batch axis of images is frozen at 2")


def test_a_normalisation_other_than_the_specs_is_refused(request_fp32, monkeypatch):
    # PyTorch and the graph agree with each other then, so only the spec can tell.
    monkeypatch.setattr(
        "trustthepixels.train.networks.network.normalisation",
        lambda mean, std: normalisation((0.5, 0.5, 0.5), std),
    )
    assert_fails(request_fp32, r"normalised pixels: .* is 0.4\d+, must be ≤ 1e-05")


def nearest(image, size, box=None):
    return np.array(image.resize(size[::-1], Image.Resampling.NEAREST, box).convert("RGB"))


def test_a_scanner_that_resizes_otherwise_than_training_is_refused(
    request_fp32, exporter_gives, monkeypatch
):
    exporter_gives(lambda _graph: None)

    def otherwise(data, shape, limits, budget):
        image = decode(data).image
        return ModelInput(nearest(image, shape.size), ImageHeader(*image.size, "JPEG"))

    monkeypatch.setattr("trustthepixels.train.pictures.load.decode_to_size", otherwise)
    assert_fails(request_fp32, "pictures of 64 that training saw otherwise is 64, must be = 0")


def test_a_resize_that_is_wrong_everywhere_is_refused(request_fp32, exporter_gives, monkeypatch):
    exporter_gives(lambda _graph: None)
    monkeypatch.setattr("trustthepixels.infer.images.views.resize", nearest)
    assert_fails(request_fp32, "64 that torchvision resizes otherwise is 64, must be = 0")


def test_int8_with_ranges_that_fit_no_picture_is_refused(request_fp32, exporter_gives, monkeypatch):
    exporter_gives(lambda _graph: None)
    request = replace(request_fp32, precision=Precision.INT8)
    black = np.zeros((64, 64, 3), np.uint8)
    monkeypatch.setattr("trustthepixels.export.run.load_pixels", lambda _path, shape: black)
    assert_fails(request, r"verdict agreement on 72 .* is 0.\d+, must be ≥ 0.98")


def test_a_network_that_gives_nothing_finite_is_refused(request_fp32, tmp_path_factory):
    network, spec = load_checkpoint(request_fp32.checkpoint)
    with torch.no_grad():
        network.backbone.get_classifier().bias.fill_(torch.nan)
    checkpoint = tmp_path_factory.mktemp("nan") / "weights.safetensors"
    save_weights(checkpoint, network, spec)
    request = replace(request_fp32, checkpoint=checkpoint)
    assert_fails(request, "returned a value that is not a probability", ModelError)


def test_the_table_shows_the_check_that_failed(request_fp32, exporter_gives):
    exporter_gives(freeze_declared_axis)
    shown: list[str] = []
    with pytest.raises(ExportCheckError):
        export_model(request_fp32, shown.append)
    (table,) = shown
    assert table.splitlines()[-1].endswith("FAILED")
    assert all(line.endswith("ok") for line in table.splitlines()[1:-1])


def test_an_interruption_leaves_no_file(request_fp32, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("trustthepixels.export.run.export_graph", interrupt)
    assert_fails(request_fp32, "", KeyboardInterrupt)


def test_fewer_pictures_than_the_checks_need_are_refused(request_fp32):
    sources = sorted({path.stem.split("-")[0] for path in request_fp32.data.glob("*/*.jpg")})
    request = replace(request_fp32, exclude_sources=tuple(sources[:-2]))
    assert_fails(request, r"has \d+ pictures to check the export on; 32 are needed", InputError)


def test_onnx_runtime_is_asked_for_by_name(request_fp32, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert_fails(request_fp32, r"\[cpu\].*\[gpu\]", ProviderError)


def test_the_command_asks_for_onnx_runtime_before_it_imports_it():
    code = (
        "import sys\n"
        "sys.modules['onnxruntime'] = None\n"
        "from trustthepixels.export.commands.export import export\n"
        "from trustthepixels.infer.errors import ProviderError\n"
        "try:\n"
        "    export(['w.safetensors', '--out', 'm.onnx', '--data', 'd'], standalone_mode=False)\n"
        "except ProviderError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "[cpu]" in done.stdout, done.stderr


def test_a_folder_in_the_place_of_the_output_is_refused(request_fp32):
    request = replace(request_fp32, out=request_fp32.data)
    with pytest.raises(OutputError, match="it is a folder"):
        export_model(request, lambda _table: None)


def test_an_output_in_a_folder_that_does_not_exist_is_refused_at_once(request_fp32):
    request = replace(request_fp32, out=request_fp32.out.parent / "no" / "model.onnx")
    with pytest.raises(OutputError, match="No such file or directory"):
        export_model(request, lambda _table: None)


def test_one_name_for_model_and_report_is_refused(request_fp32):
    assert_fails(replace(request_fp32, report=request_fp32.out), "same file", UsageError)
