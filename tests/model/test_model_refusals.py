"""Model files that must not be used: exit code 3, with the file and the reason, at once."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scanning import parse, run
from tiny_model import NAN_WEIGHTS, WRONG_INPUT_NAME, build_graph, flip_bit, write_tiny_model

from trustthepixels.infer.choices import Device, Trust
from trustthepixels.infer.errors import DigestError, ExitCode, ModelError
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.onnx_bytes import refers_outside
from trustthepixels.infer.model.session import open_session


def truncated(path: Path) -> Path:
    path.write_bytes(write_tiny_model(path).read_bytes()[:-100])
    return path


def written(content: bytes):
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


def sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(5 << 30)
    return path


def another_model(path: Path) -> Path:
    onnx.save(build_graph(), path)
    return path


REFUSED = {
    "missing": (lambda path: path, "No such file"),
    "empty": (written(b""), "the file is empty"),
    "truncated": (truncated, "truncated|damaged|checksum"),
    "html": (written(b"<!doctype html><html><body>404</body></html>"), "not an ONNX file"),
    "another-model": (another_model, "has no trustthepixels specification"),
    "wrong-input": (lambda path: write_tiny_model(path, WRONG_INPUT_NAME), "not 'images'"),
    "nan-weights": (lambda path: write_tiny_model(path, NAN_WEIGHTS), "not a probability"),
    "flipped-bit": (lambda path: flip_bit(write_tiny_model(path), 900), "digest|not an ONNX file"),
    "huge-length": (written(b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "truncated"),
    "endless-number": (written(b"\xff" * 1000), "truncated"),
    "five-gigabytes": (sparse, "larger|bytes|limit"),
    "a-device": (lambda _path: Path("/dev/zero"), "not a regular file"),
    "a-folder": (lambda path: path.parent, "a folder"),
}


@pytest.mark.parametrize("kind", list(REFUSED))
def test_it_is_refused_with_its_name_and_the_reason(tmp_path, kind):
    make, reason = REFUSED[kind]
    path = make(tmp_path / "model.onnx")
    with pytest.raises(Exception, match=reason) as caught:
        open_session(load_model(path), Device.CPU, 1)
    assert caught.value.exit_code is ExitCode.MODEL
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["html", "nan-weights", "flipped-bit"])
def test_the_command_says_so_in_one_line_and_leaves_no_output(tmp_path, examples, kind):
    path = REFUSED[kind][0](tmp_path / "model.onnx")
    code, output, errors = run(
        *(examples, "--out", tmp_path / "rows.csv", "--model", path, "--device", "cpu")
    )
    assert (code, output, errors.count("\n")) == (3, b"", 1)
    assert str(path) in errors
    assert not (tmp_path / "rows.csv").exists()


class TestUnverified:
    def test_a_digest_that_does_not_match_can_be_allowed_and_is_said(self, tmp_path, tiny_model):
        path = self.other_digest(tmp_path / "other.onnx")
        with pytest.raises(DigestError):
            read_model_file(path)
        model = read_model_file(path, Trust.ALLOW_UNVERIFIED)
        assert "does not match its digest" in model.doubt
        assert read_model_file(tiny_model, Trust.ALLOW_UNVERIFIED).doubt == ""
        assert model.fingerprint != read_model_file(tiny_model).fingerprint

    def test_by_the_command_with_a_warning_even_when_quiet(self, tmp_path, examples):
        path = self.other_digest(tmp_path / "other.onnx")
        code, output, errors = run(
            *(examples, "--out", "-", "--model", path, "--allow-unverified", "--quiet")
        )
        assert (code, len(parse(output)), errors.count("\n")) == (0, 18, 1)
        assert errors.startswith(f"warning: {path} is damaged: its content does not match")

    @pytest.mark.parametrize(
        "kind", ["empty", "html", "another-model", "wrong-input", "nan-weights"]
    )
    def test_nothing_else_is_allowed(self, tmp_path, kind):
        path = REFUSED[kind][0](tmp_path / "model.onnx")
        with pytest.raises(ModelError):
            open_session(load_model(path, Trust.ALLOW_UNVERIFIED), Device.CPU, 1)

    @staticmethod
    def other_digest(path: Path) -> Path:
        return write_tiny_model(path, graph_digest="0" * 64)


EXTERNAL = TensorProto(
    name="outside",
    data_type=TensorProto.FLOAT,
    dims=[1],
    data_location=TensorProto.EXTERNAL,
    external_data=[onnx.StringStringEntryProto(key="location", value="/etc/passwd")],
)
INSIDE = numpy_helper.from_array(np.ones(3, np.float32), "inside")


def with_initializer(graph: onnx.ModelProto) -> None:
    graph.graph.initializer.append(EXTERNAL)


def with_constant(graph: onnx.ModelProto) -> None:
    graph.graph.node.append(helper.make_node("Constant", [], ["c"], value=EXTERNAL))


def with_list_of_constants(graph: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"])
    node.attribute.append(helper.make_attribute("values", [INSIDE, EXTERNAL]))
    graph.graph.node.append(node)


def with_branch(graph: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [], [EXTERNAL])
    outer = helper.make_graph([helper.make_node("If", ["x"], [], then_branch=inner)], "o", [], [])
    graph.graph.node.append(helper.make_node("If", ["x"], [], else_branch=outer))


def with_sparse_initializer(graph: onnx.ModelProto) -> None:
    graph.graph.sparse_initializer.append(onnx.SparseTensorProto(values=EXTERNAL, indices=INSIDE))


def with_sparse_constant(graph: onnx.ModelProto) -> None:
    sparse = onnx.SparseTensorProto(values=INSIDE, indices=EXTERNAL)
    graph.graph.node.append(helper.make_node("Constant", [], ["c"], sparse_value=sparse))


def with_function(graph: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=EXTERNAL)
    graph.functions.append(onnx.FunctionProto(name="f", node=[node]))


def with_training(graph: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [], [EXTERNAL])
    graph.training_info.append(onnx.TrainingInfoProto(initialization=inner))


@pytest.mark.parametrize(
    "place",
    [
        with_initializer,
        with_constant,
        with_list_of_constants,
        with_branch,
        with_sparse_initializer,
        with_sparse_constant,
        with_function,
        with_training,
    ],
)
def test_data_outside_the_file_is_found_wherever_a_tensor_can_stand(place):
    model = build_graph()
    assert not refers_outside(model.SerializeToString())
    place(model)
    assert refers_outside(model.SerializeToString())


def test_it_is_refused_before_onnx_runtime_sees_the_file(tmp_path):
    model = build_graph()
    with_initializer(model)
    path = tmp_path / "outside.onnx"
    path.write_bytes(model.SerializeToString())
    for trust in Trust:
        with pytest.raises(ModelError, match=r"outside\.onnx stores weights outside the file"):
            load_model(path, trust)


def test_the_bundled_model_is_whole():
    assert not refers_outside(load_model().content)


def test_what_is_no_onnx_is_not_read_as_onnx_runtime_s_own_format(tiny_model):
    """A file can be both; verified is what it says as ONNX."""
    session = open_session(read_model_file(tiny_model), Device.CPU, 1)
    options = session.inference.get_session_options()
    assert options.get_session_config_entry("session.load_model_format") == "ONNX"
