"""A model is brought to the size of its batches alike in a scan, in Python and in ``bench``."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from trustthepixels.infer import Detector
from trustthepixels.infer.choices import Device
from trustthepixels.infer.model import batching
from trustthepixels.infer.model.batching import Batches, in_batches, open_classifier
from trustthepixels.infer.model.cuda import pinned_memory, plain_memory
from trustthepixels.infer.model.file import read_model_file
from trustthepixels.infer.model.session import Session, open_session
from trustthepixels.infer.scan import measure as bench
from trustthepixels.infer.scan.options import ScanOptions


@pytest.fixture
def session(tiny_model) -> Session:
    return open_session(read_model_file(tiny_model), Device.CPU, 1)


@pytest.fixture
def made(monkeypatch) -> list["PlayedLanes"]:
    """All lanes that are made, which the CPU plays."""
    made: list[PlayedLanes] = []

    def make(*arguments) -> PlayedLanes:
        made.append(PlayedLanes(*arguments))
        return made[-1]

    monkeypatch.setattr(batching, "Lanes", make)
    return made


class PlayedLanes:
    """Stand-in for ``Lanes`` that records its arguments and its batches."""

    def __init__(self, session, open_one, batch_size, count):
        self.session, self.spec = session, session.spec
        self.shape = (batch_size, count)
        self.sizes: list[int] = []

    def run(self, images):
        self.sizes.append(len(images))
        return self.session.run(images)


def on_cuda(session: Session) -> Session:
    return replace(session, device=Device.CUDA)


class TestInBatches:
    def test_the_cpu_gets_neither_lanes_nor_pinned_memory(self, session, made):
        told: list[str] = []
        batched = in_batches(session, 4, 1, told.append)
        assert batched.allocate is plain_memory
        assert not made
        assert not told
        images = np.zeros((4, 224, 224, 3), np.uint8)
        assert np.array_equal(batched.classifier.run(images), session.run(images))

    def test_cuda_gets_a_lane_for_each_batch_in_flight_and_is_tried_at_once(self, session, made):
        batched = in_batches(on_cuda(session), 6, 3, pytest.fail)
        assert batched.allocate is pinned_memory
        assert [(one.shape, one.sizes) for one in made] == [((6, 3), [6])]

    def test_where_lanes_cannot_be_had_it_says_so_and_goes_on_without(self, session):
        told: list[str] = []
        batched = in_batches(on_cuda(session), 2, 1, told.append)
        (line,) = told
        assert line.startswith("continuing without CUDA graphs, because ")
        assert batched.classifier.run(np.zeros((2, 224, 224, 3), np.uint8)).shape == (2,)

    def test_a_quantized_model_gets_no_lanes_and_nothing_is_said(self, session, made):
        spec = replace(session.spec, precision="int8")
        quantized = replace(on_cuda(session), model=replace(session.model, spec=spec))
        batched = in_batches(quantized, 2, 1, pytest.fail)
        assert not made
        assert batched.classifier.run(np.zeros((2, 224, 224, 3), np.uint8)).shape == (2,)

    def test_four_batches_share_the_threads_that_they_leave(self, tiny_model):
        """Each of the four brings one; the session counts one of its callers too."""
        batches = ScanOptions.for_device(Device.CPU, 8).batches
        opened = open_classifier(
            read_model_file(tiny_model), Device.CPU, lambda _device: batches, pytest.fail
        )
        options = opened.session.inference.get_session_options()
        assert options.intra_op_num_threads == 8 - 4 + 1


def test_a_model_opens_once_at_the_size_for_the_device_that_auto_took(tiny_model, monkeypatch):
    opened: list[tuple[Device, int]] = []
    asked: list[Device] = []

    def open_one(model, device, threads, **settings):
        opened.append((device, threads))
        return open_session(model, Device.CPU, threads, **settings)

    def batches(device):
        asked.append(device)
        return Batches(size=3, in_flight=1, threads=2)

    monkeypatch.setattr(batching, "open_session", open_one)
    open_classifier(read_model_file(tiny_model), Device.AUTO, batches, pytest.fail)
    assert opened == [(Device.AUTO, 2)]
    assert asked == [Device.AUTO, Device.CPU]


def test_a_scan_in_python_goes_through_lanes_which_the_next_one_finds(tiny_model, examples, made):
    detector = Detector(tiny_model, "cpu")
    expected = list(detector.scan(examples))
    detector.session = on_cuda(detector.session)
    rows = [list(detector.scan(examples, ScanOptions(batch_size=6))) for _ in range(2)]
    assert rows == [expected, expected]
    (lanes_of_both,) = made
    assert lanes_of_both.shape == (6, 1)
    # The built-in picture; the first picture of each scan, and three batches of the others.
    assert lanes_of_both.sizes == [6] * (1 + 2 * 4)


def test_bench_measures_what_a_scan_does(session, examples, made, monkeypatch):
    monkeypatch.setattr(bench, "_MODEL_SECONDS", 0.0)
    options = ScanOptions(batch_size=3)
    buffers: list[tuple[int, ...]] = []

    def allocate(shape):
        buffers.append(shape)
        return plain_memory(shape)

    batched = in_batches(on_cuda(session), 3, 1, pytest.fail)
    folder = examples / "Real"
    report = bench.measure(folder, replace(batched, allocate=allocate), options, 1, 3)
    assert report.images == 3
    # The built-in picture, the model alone, end to end: the first picture and the others.
    assert made[0].sizes == [3, 3, 3, 3]
    # The model alone; decoding alone and end to end with a buffer in flight and two beside it.
    assert buffers == [(3, 224, 224, 3)] * 7


def test_other_devices_get_whole_batches_and_the_cpu_only_what_is_there(session, made):
    images = np.zeros((2, 224, 224, 3), np.uint8)
    on_gpu = in_batches(on_cuda(session), 6, 1, pytest.fail).classifier
    assert np.array_equal(on_gpu.run(images), session.run(images))
    assert made[0].sizes == [6, 6]
    seen: list[int] = []

    class Counted:
        def run(self, names, images):
            seen.append(len(images["images"]))
            return session.inference.run(names, images)

    on_cpu = in_batches(replace(session, inference=Counted()), 6, 1, pytest.fail).classifier
    assert seen == [2]
    assert np.array_equal(on_cpu.run(images), session.run(images))
    assert seen == [2, 2]


def test_a_scan_on_the_cpu_lets_the_files_bytes_go(tiny_model):
    file = read_model_file(tiny_model)
    before = sys.getrefcount(file.content)
    batched = open_classifier(file, Device.CPU, lambda device: Batches(2, 1, 1), print)
    after = sys.getrefcount(file.content)
    assert after == before
    assert batched.session.model.fingerprint == file.fingerprint
    images = np.zeros((2, *file.spec.input_shape.axes), np.uint8)
    assert batched.classifier.run(images).shape == (2,)
