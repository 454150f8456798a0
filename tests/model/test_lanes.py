"""Code for GPUs alone, as far as a CPU can run it: lanes, their memory, its options."""

from dataclasses import replace
from functools import partial

import numpy as np
import onnx
import pytest
from tiny_model import Graph, write_tiny_model

from trustthepixels.infer.choices import Device
from trustthepixels.infer.errors import ModelError, OutOfMemoryError, ProviderError
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.model.cuda import Lane, Lanes, batch_memory, pinned_memory
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.products import FLOAT_DOMAIN, INTEGER_DOMAIN
from trustthepixels.infer.model.providers import PROVIDERS, provider_options
from trustthepixels.infer.model.session import Session, open_session
from trustthepixels.infer.scan.options import ScanOptions
from trustthepixels.infer.scan.pipeline import scan_rows


@pytest.fixture
def open_one(tiny_model):
    return partial(open_session, read_model_file(tiny_model), Device.CPU, 1)


def noise(batch: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    bright = generator.uniform(0.2, 1.0, (batch, 1, 1, 1))
    return (generator.integers(0, 256, (batch, 224, 224, 3)) * bright).astype(np.uint8)


class TestLane:
    def test_gives_what_its_session_gives_batch_after_batch(self, open_one):
        lane, session = Lane(open_one, 3), open_one()
        batches = [noise(3, seed) for seed in range(4)]
        answers = [lane.run(images) for images in batches]
        # Compared only now: an answer must not lie in memory that the next one overwrites.
        for images, answer in zip(batches, answers, strict=True):
            assert np.array_equal(answer, session.run(images))

    def test_a_failure_of_the_device_is_typed(self, open_one):
        lane = Lane(open_one, 2)
        lane.session = replace(lane.session, inference=Failing("CUDA failure 2: out of memory"))
        with pytest.raises(OutOfMemoryError, match=r"with a batch of 2: .*out of memory"):
            lane.run(noise(2))
        lane.session = replace(lane.session, inference=Failing("CUDA failure 700"))
        with pytest.raises(ProviderError, match="CUDA failure 700"):
            lane.run(noise(2))

    def test_what_is_no_probability_is_refused(self, open_one):
        lane = Lane(open_one, 2)
        lane.session = replace(lane.session, inference=Failing(""))
        lane._p_ai.update_inplace(np.array([0.5, np.nan], np.float32))
        with pytest.raises(ModelError, match="not a probability"):
            lane.run(noise(2))

    def test_memory_that_cannot_be_had_is_an_error_of_the_device(self, open_one):
        # This ONNX Runtime has no memory of CUDA's.
        with pytest.raises(ProviderError, match="the model failed on"):
            Lane(lambda: replace(open_one(), device=Device.CUDA), 2)

    def test_a_session_that_cannot_be_opened_is_its_error(self, tiny_model):
        with pytest.raises(ProviderError, match="OpenVINO"):
            Lane(partial(open_session, read_model_file(tiny_model), Device.OPENVINO, 1), 2)


class Failing:
    """A device that fails, or, without words, computes nothing."""

    def __init__(self, words: str) -> None:
        self.words = words

    def run_with_iobinding(self, binding: object) -> None:
        if self.words:
            raise RuntimeError(self.words)


class TestLanes:
    def test_a_scan_through_lanes_gives_the_rows_of_one_without(self, open_one, examples):
        session = open_one()
        options = ScanOptions(batch_size=4, batches_in_flight=2)
        rule = session.spec.rule()
        lanes = Lanes(session, open_one, 4, 2)
        memory = batch_memory(Device.CUDA)
        rows = list(scan_rows([bytes(examples)], lanes, rule, options, memory))
        assert rows == list(scan_rows([bytes(examples)], session, rule, options))

    def test_a_batch_of_another_size_goes_past_them(self, open_one):
        session = open_one()
        lanes = Lanes(session, open_one, 4, 1)
        for size in (1, 3, 4, 5):
            assert np.array_equal(lanes.run(noise(size)), session.run(noise(size)))

    def test_each_lane_must_know_the_answer(self, open_one, tmp_path):
        opened: list[Session] = []

        def one_wrong() -> Session:
            gain = 5.0 if opened else 6.0
            path = write_tiny_model(tmp_path / f"{len(opened)}.onnx", Graph(gain=gain))
            session = open_session(read_model_file(path), Device.CPU, 1)
            known = replace(session.spec, known_answer=known_answer)
            opened.append(session)
            return replace(session, model=replace(session.model, spec=known))

        from trustthepixels.infer.model.self_test import known_picture

        known_answer = float(open_one().run(known_picture(InputShape(224, 224))[np.newaxis])[0])
        with pytest.raises(ProviderError, match="computes wrong answers"):
            Lanes(open_one(), one_wrong, 2, 2)
        assert len(opened) == 2


class TestOptions:
    def test_the_cpu_has_none(self):
        assert provider_options(Device.CPU, 2, cuda_graphs=True) == [{}]

    def test_there_is_one_for_each_provider(self):
        for device, providers in PROVIDERS.items():
            assert len(provider_options(device, 1)) == len(providers)

    def test_graphs_are_captured_where_they_are_asked_for(self):
        for graphs, value in ((True, "1"), (False, "0")):
            cuda, cpu = provider_options(Device.CUDA, 1, cuda_graphs=graphs)
            assert (cuda["enable_cuda_graph"], cpu) == (value, {})
            assert cuda["cudnn_conv_algo_search"] == "HEURISTIC"

    def test_openvino_computes_on_the_cpu_with_the_threads_that_it_is_given(self):
        openvino, cpu = provider_options(Device.OPENVINO, 3)
        assert (openvino, cpu) == ({"device_type": "CPU", "num_of_threads": "3"}, {})


class TestPinnedMemory:
    def test_is_plain_memory_where_there_is_no_cuda(self):
        buffer = pinned_memory((2, 5, 7, 3))
        assert (buffer.shape, buffer.dtype, buffer.any()) == ((2, 5, 7, 3), np.uint8, False)
        assert buffer.flags.writeable and buffer.flags.c_contiguous

    def test_is_registered_once_and_given_back(self, monkeypatch):
        from trustthepixels.infer.model import cuda as pinned

        runtime = PlayedRuntime(status=0)
        monkeypatch.setattr(pinned, "_cuda_runtime", lambda: runtime)
        buffer = batch_memory(Device.CUDA)((4, 8, 8, 3))
        address = buffer.ctypes.data
        assert (runtime.registered, runtime.given_back) == ([(address, 768)], [])
        part = buffer[1:]
        del buffer
        assert runtime.given_back == []
        del part
        assert runtime.given_back == [address]

    def test_that_the_driver_refuses_is_used_as_it_is(self, monkeypatch):
        from trustthepixels.infer.model import cuda as pinned

        runtime = PlayedRuntime(status=2)
        monkeypatch.setattr(pinned, "_cuda_runtime", lambda: runtime)
        buffer = pinned_memory((1, 8, 8, 3))
        del buffer
        assert runtime.given_back == []


class PlayedRuntime:
    """CUDA's runtime, as far as it pins memory."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.registered: list[tuple[int, int]] = []
        self.given_back: list[int] = []

    def cudaHostRegister(self, address, size, flags):  # noqa: N802 - CUDA's name
        self.registered.append((address.value, size.value))
        return self.status

    def cudaHostUnregister(self, address):  # noqa: N802
        self.given_back.append(address.value)


class TestProducts:
    """A GPU gets floating point where the CPU gets integers, out of the same file."""

    @pytest.fixture
    def file(self, tmp_path):
        file = read_model_file(write_tiny_model(tmp_path / "tiny.onnx"))
        model = onnx.load_model_from_string(file.content)
        body = [onnx.helper.make_node("Identity", ["x"], ["y"])]
        opset = [onnx.helper.make_opsetid("", 18)]
        model.functions.append(
            onnx.helper.make_function(INTEGER_DOMAIN, "Product", ["x"], ["y"], body, opset)
        )
        return replace(file, content=model.SerializeToString())

    @staticmethod
    def domain(session):
        (function,) = onnx.load_model_from_string(session.model.content).functions
        return function.domain

    def test_a_gpu_gets_the_other_domain(self, file, monkeypatch):
        assert self.domain(played_cuda(file, monkeypatch)) == FLOAT_DOMAIN

    def test_the_cpu_does_not(self, file):
        assert self.domain(open_session(file, Device.CPU, 1)) == INTEGER_DOMAIN


def played_cuda(model, monkeypatch) -> Session:
    """A session on a CUDA that is played by the CPU."""
    import onnxruntime

    real = onnxruntime.InferenceSession

    class Played:
        def __init__(self, content, options, providers, provider_options, **settings):
            self.real, self.providers = real(content, options), providers

        def __getattr__(self, name):
            return getattr(self.real, name)

        def get_providers(self):
            return self.providers

    monkeypatch.setattr(onnxruntime, "InferenceSession", Played)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: PROVIDERS[Device.CUDA])
    return open_session(model, Device.CUDA, 1)
