"""Rounding of int8: its parts, its coarseness, and equality on every CPU."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest
from exporting import SPEC, write_inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import numpy_helper

from trustthepixels.export.graph import export_graph
from trustthepixels.export.int8.activation_ranges import Range, least_squares_range
from trustthepixels.export.int8.bias_correction import correct_bias
from trustthepixels.export.int8.quantize import to_int8
from trustthepixels.export.int8.weight_scales import channel_scales
from trustthepixels.export.request import RangeMethod
from trustthepixels.infer.errors import InputError
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.networks.weights import load_checkpoint
from trustthepixels.train.pictures.load import load_pixels

weights = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 5), st.sampled_from([1, 3]), st.just(1)),
    elements=st.floats(-4.0, 4.0, width=32),
)


def rounded(weight: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(weight / scale[:, None, None, None]), -127, 127)


def squared_error(weight: np.ndarray, scale: np.ndarray, limit: int = 127) -> np.ndarray:
    scale = scale[:, None, None, None].astype(np.float64)
    integers = np.clip(np.rint(weight / scale), -limit, limit)
    return np.square(integers * scale - weight).sum(axis=(1, 2, 3))


class TestWeightScales:
    @given(weights)
    @settings(deadline=None)
    def test_two_neighbours_never_overflow_sixteen_bits(self, weight):
        integers = rounded(weight, channel_scales(weight)).transpose(0, 2, 3, 1)
        rows = integers.reshape(len(weight), -1)
        if rows.shape[1] % 2:
            rows = np.pad(rows, ((0, 0), (0, 1)))
        # vpmaddubsw: unsigned activations, up to 255, times signed weights, added in 16 bits.
        for sign in (1, -1):
            pairs = np.maximum(sign * rows, 0).reshape(len(rows), -1, 2).sum(axis=2)
            assert 255 * pairs.max(initial=0.0) <= 255 * 128

    def test_are_finer_than_seven_bits_where_large_weights_have_small_neighbours(self):
        rng = np.random.default_rng(0)
        weight = rng.normal(size=(16, 64, 3, 3)).astype(np.float32)
        seven_bits = np.abs(weight).max(axis=(1, 2, 3)) / 64
        ours = squared_error(weight, channel_scales(weight))
        assert ours.sum() < 0.6 * squared_error(weight, seven_bits, limit=64).sum()

    def test_a_channel_of_zeros_has_a_scale(self):
        assert (channel_scales(np.zeros((2, 4, 3, 3), np.float32)) > 0).all()


class TestActivationRanges:
    def test_a_rare_large_value_is_given_up(self):
        counts = np.zeros(1000, np.int64)
        counts[:100], counts[-1] = 10_000, 1
        assert least_squares_range(counts, Range(0.0, 10.0)).high < 10.0

    def test_values_spread_evenly_keep_their_full_range(self):
        counts = np.full(1000, 100)
        assert least_squares_range(counts, Range(-1.0, 3.0)) == Range(-1.0, 3.0)


@dataclass(frozen=True)
class Quantized:
    exact: onnx.ModelProto
    rounded: onnx.ModelProto
    pixels: np.ndarray


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    request = write_inputs(tmp_path_factory.mktemp("inputs"))
    network, spec = load_checkpoint(request.checkpoint)
    pictures = [sample.path for sample in load_samples(request.data)][:32]
    load = partial(load_pixels, shape=SPEC.input_shape)
    exact = export_graph(network, spec)
    rounded = to_int8(exact, pictures, load, RangeMethod.LEAST_SQUARES)
    return Quantized(exact, rounded, np.stack([load(picture) for picture in pictures]))


@pytest.fixture
def graph(quantized: Quantized) -> onnx.GraphProto:
    return quantized.rounded.graph


def test_rounding_leaves_the_mean_of_the_logits(quantized):
    exact, rounded = (
        onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        ).run(["logits"], {"images": quantized.pixels})[0]
        for model in (quantized.exact, quantized.rounded)
    )
    assert np.abs(rounded - exact).max() > 1e-4
    np.testing.assert_allclose(rounded.mean(axis=0), exact.mean(axis=0), rtol=0, atol=1e-5)


def test_a_network_whose_last_layer_has_no_bias_is_refused(quantized):
    model = onnx.ModelProto.FromString(quantized.exact.SerializeToString())
    last = next(node for node in model.graph.node if "logits" in node.output)
    last.op_type = "ReduceMean"
    with pytest.raises(InputError, match="not linear with a bias"):
        correct_bias(model, quantized.exact, [quantized.pixels])


def test_every_convolution_but_the_first_has_int8_weights(graph):
    stored = {value.name: numpy_helper.to_array(value).dtype for value in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}
    first, *others = [node for node in graph.node if node.op_type == "Conv"]
    assert stored[first.input[1]] == np.float32
    assert others
    for node in others:
        assert stored[made_by[node.input[1]].input[0]] == np.int8
        assert made_by[node.input[0]].op_type == "DequantizeLinear"


def test_no_addition_takes_a_rounded_shortcut(graph):
    made_by = {name: node for node in graph.node for name in node.output}
    rounded_sources = {
        made_by[made_by[made_by[name].input[0]].input[0]].op_type
        for node in graph.node
        if node.op_type == "Add"
        for name in node.input
        if name in made_by and made_by[name].op_type == "DequantizeLinear"
    }
    assert rounded_sources == {"Conv"}
