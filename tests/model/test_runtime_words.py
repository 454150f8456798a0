"""Errors of ONNX Runtime end up as one readable line."""

import pytest

from trustthepixels.infer.model.providers import is_too_much, reason_of

NO_DEVICE = (
    "[ONNXRuntimeError] : 1 : FAIL : /onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc"
    ":129 std::conditional_t<THRW, void, common::Status> onnxruntime::CudaCall(ERRTYPE, const char*"
    ", SUCCTYPE) [with ERRTYPE = cudaError; bool THRW = true] CUDA failure 100: no CUDA-capable "
    "device is detected ; GPU=-1 ; hostname=vm ; file=/onnxruntime_src/cuda_execution_provider.cc "
    "; line=355 ; expr=cudaSetDevice(info_.device_id); "
)
TOO_LARGE = (
    "Non-zero status code returned while running Conv node. Name:'node_Conv_596' Status Message: "
    "CUDNN failure 3000: CUDNN_STATUS_NOT_SUPPORTED ; GPU=0 ; hostname=vm ; line=82 ; expr=x"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (NO_DEVICE, "CUDA failure 100: no CUDA-capable device is detected"),
        (TOO_LARGE, "CUDNN failure 3000: CUDNN_STATUS_NOT_SUPPORTED"),
        (
            "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
            "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
        ),
        ("the graph\nis  wrong", "the graph is wrong"),
    ],
)
def test_what_the_library_says_is_what_is_left(text, reason):
    assert reason_of(RuntimeError(text)) == reason


@pytest.mark.parametrize(("text", "expected"), [(TOO_LARGE, True), (NO_DEVICE, False)])
def test_a_refusal_of_the_size_is_known(text, expected):
    assert is_too_much(RuntimeError(text)) is expected
