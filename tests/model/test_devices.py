"""Default batches and threads of a model on a machine."""

import subprocess
import sys

import pytest

from trustthepixels.infer.choices import Device
from trustthepixels.infer.scan.options import (
    ScanOptions,
    threads_of_operators,
    usual_batch_size,
    usual_batches_in_flight,
)


@pytest.mark.parametrize("device", [Device.CPU, Device.OPENVINO])
@pytest.mark.parametrize(("threads", "batches"), [(1, 1), (2, 2), (4, 4), (5, 4), (64, 4)])
def test_on_the_cpu_a_batch_for_each_thread_up_to_four(device, threads, batches):
    assert usual_batches_in_flight(device, threads) == batches


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 5, 7, 16])
def test_a_session_makes_as_many_threads_as_its_callers_leave(threads):
    """Counted in a process of its own, after ONNX Runtime has made those that every session has."""
    code = f"""
import os
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.choices import Device
from trustthepixels.infer.model.session import open_session
from trustthepixels.infer.scan.options import ScanOptions
def count(): return len(os.listdir("/proc/self/task"))
model = load_model("edge")
one = open_session(model, Device.CPU, 1)
before = count()
options = ScanOptions.for_device(Device.CPU, {threads})
shared = open_session(model, Device.CPU, options.operator_threads)
print(count() - before + options.batches_in_flight)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == threads


def test_openvino_shares_all_threads_among_its_batches():
    assert threads_of_operators(Device.OPENVINO, 6) == 6


def test_a_gpu_gets_large_batches_and_the_next_one_while_it_computes():
    assert (usual_batch_size(Device.CUDA), usual_batches_in_flight(Device.CUDA, 16)) == (64, 2)


def test_what_computes_on_the_cpu_gets_small_batches():
    assert usual_batch_size(Device.CPU) == usual_batch_size(Device.OPENVINO) == 4


def test_until_auto_has_chosen_it_counts_as_the_cpu():
    assert ScanOptions.for_device(Device.AUTO, 3) == ScanOptions.for_device(Device.CPU, 3)


def test_a_number_that_is_given_wins():
    options = ScanOptions.for_device(Device.CUDA, 8, batch_size=5, decode_threads=3)
    assert (options.batch_size, options.decode_threads) == (5, 3)
