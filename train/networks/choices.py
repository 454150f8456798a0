"""Devices and arithmetics of a training, without PyTorch, for the command line."""

from enum import StrEnum


class Device(StrEnum):
    """Device of a training; ``auto`` takes CUDA if it is available."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Precision(StrEnum):
    """Arithmetic of the forward and backward pass; ``auto`` takes bf16 if the hardware has it."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
