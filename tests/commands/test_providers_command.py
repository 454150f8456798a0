"""ONNX Runtime and the GPU in every bad state: exit code 3 or a word on stderr, never silence.

The states are played around the real ONNX Runtime, from a ``sitecustomize`` of the command's own.
"""

import os
import re
from pathlib import Path

import pytest
from scanning import parse, run, search_first

PLAYED = """
import onnxruntime
real_session = onnxruntime.InferenceSession

class PlayedSession:
    def __init__(self, model, options, providers, **settings):
        self.providers = providers
        if "CUDAExecutionProvider" in providers and {starts!r} == "raises":
            raise RuntimeError({words!r})
        if "CUDAExecutionProvider" in providers and {starts!r} == "falls back":
            self.providers = ["CPUExecutionProvider"]
        settings.pop("provider_options", None)
        self.real = real_session(model, options, providers=["CPUExecutionProvider"], **settings)

    def __getattr__(self, name):
        return getattr(self.real, name)

    def get_providers(self):
        return self.providers

    def run(self, names, images):
        if len(images["images"]) > {room}:
            raise RuntimeError({words!r})
        p_ai = self.real.run(names, images)
        if {starts!r} == "computes nonsense" and "CUDAExecutionProvider" in self.providers:
            p_ai[0][:] = 0.5
        return p_ai

onnxruntime.InferenceSession = PlayedSession
onnxruntime.get_available_providers = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
"""

DRIVER = (
    "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; "
    "hostname=x ; file=cuda_call.cc ; line=121"
)
LIBRARIES = (
    "Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: "
    "cannot open shared object file: No such file or directory"
)
MEMORY = "Failed to allocate memory for requested buffer of size 822083584"


@pytest.fixture
def scan(tmp_path: Path, examples: Path, tiny_model: Path):
    """Scan with ONNX Runtime in a state."""

    def scan(*options: str, starts: str = "", words: str = "", room: int = 1000):
        (tmp_path / "sitecustomize.py").write_text(
            PLAYED.format(starts=starts, words=words, room=room)
        )
        return run(
            *(examples, "--out", "-", "--model", tiny_model, *options),
            env={**os.environ, "PYTHONPATH": search_first(tmp_path)},
        )

    return scan


@pytest.mark.parametrize("words", [DRIVER, LIBRARIES], ids=["old-driver", "no-libraries"])
def test_a_gpu_that_cannot_start(scan, words):
    code, output, errors = scan("--device", "cuda", starts="raises", words=words)
    assert (code, parse(output), errors.count("\n")) == (3, [], 1)
    assert words[:60] in errors
    code, output, errors = scan(starts="raises", words=words)
    assert (code, len(parse(output))) == (0, 18)
    assert "scanning on the CPU, because the GPU cannot be used: the device 'cuda'" in errors
    assert words[:60] in errors


def test_a_gpu_that_onnx_runtime_leaves_without_a_word(scan):
    code, _, errors = scan("--device", "cuda", starts="falls back")
    assert (code, errors.count("\n")) == (3, 1)
    assert "CUDAExecutionProvider did not start" in errors
    code, _, errors = scan(starts="falls back")
    assert code == 0
    assert "scanning on the CPU, because" in errors


def test_a_gpu_whose_memory_holds_smaller_batches_only(scan):
    code, output, errors = scan("--device", "cuda", words=MEMORY, room=20)
    assert (code, len(parse(output))) == (0, 18)
    assert "continuing with batches of 32, because the model failed on CUDAExecution" in errors
    assert "continuing with batches of 16, because" in errors
    assert MEMORY in errors


def test_a_gpu_whose_memory_holds_nothing(scan):
    code, output, errors = scan("--device", "cuda", words=MEMORY, room=0)
    assert (code, parse(output)) == (3, [])
    assert "with a batch of 1" in errors.splitlines()[-1]


def test_two_wheels_that_overwrite_each_other(tmp_path, examples, tiny_model):
    metadata = tmp_path / "onnxruntime_gpu-1.20.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.20.0\n")
    code, _, errors = run(
        *(examples, "--out", "-", "--model", tiny_model),
        env={**os.environ, "PYTHONPATH": search_first(tmp_path)},
    )
    assert (code, errors.count("\n")) == (3, 1)
    assert "onnxruntime and onnxruntime-gpu are both installed" in errors


@pytest.mark.parametrize(
    ("device", "wheel"),
    [("cuda", "'trustthepixels[gpu]'"), ("openvino", "onnxruntime-openvino")],
)
def test_a_wheel_without_the_provider_is_uninstalled_first(
    tmp_path, examples, tiny_model, device, wheel
):
    (tmp_path / "sitecustomize.py").write_text(
        "import onnxruntime\n"
        "onnxruntime.get_available_providers = lambda: ['CPUExecutionProvider']\n"
    )
    code, _, errors = run(
        *(examples, "--out", "-", "--model", tiny_model, "--device", device),
        env={**os.environ, "PYTHONPATH": search_first(tmp_path)},
    )
    assert (code, errors.count("\n")) == (3, 1)
    assert re.search(r"; first run: pip uninstall -y onnxruntime\S*, then: pip install ", errors)
    assert errors.endswith(f"{wheel}\n")
