"""One verified model on one device: uint8 batches in, probabilities out.

The rest of the package never touches ONNX Runtime; it enters here and is imported on first use.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import ModelError, OutOfMemoryError, ProviderError, one_line
from ..images.preprocess import PixelArray
from ..results import LABELS
from .file import ModelFile, read_model_file
from .providers import (
    LOG_FATAL,
    NVIDIA,
    PLAIN,
    PROVIDERS,
    Acceleration,
    Device,
    library_advice,
    load_onnxruntime,
    provider_options,
    require_provider,
)
from .self_test import check_known_answer
from .signature import INPUT_NAME as INPUT_NAME
from .signature import LOGITS_NAME as LOGITS_NAME
from .signature import P_AI_NAME as P_AI_NAME
from .signature import FloatArray, check_signature
from .spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Session:
    """A model that is ready to run. Made by ``open_session``; safe to share between threads.

    Attributes:
        model: the verified file.
        device: where it runs; never ``auto``.
        provider: ONNX Runtime's name of the execution provider.
        fallback_reason: why ``auto`` did not take the GPU that this ONNX Runtime was built for;
            empty where it did or where there is none.
        inference: the ``onnxruntime.InferenceSession``.
        errors: what ``inference`` raises.
    """

    model: ModelFile
    device: Device
    provider: str
    inference: Any
    errors: tuple[type[Exception], ...]
    fallback_reason: str = ""

    @property
    def spec(self) -> ModelSpec:
        """What the model is and how its numbers become verdicts."""
        return self.model.spec

    def run(self, images: PixelArray) -> FloatArray:
        """Calibrated probabilities that pictures are AI-generated, float32 (batch,), 0 to 1.

        Args:
            images: uint8 RGB of shape (batch, height, width, 3), size as in ``spec``.

        Raises:
            ModelError: the model gave something that is no probability.
            ProviderError: the device failed, for example for lack of memory.
        """
        (p_ai,) = self._outputs([P_AI_NAME], images)
        return self.checked(p_ai, len(images))

    def checked(self, p_ai: FloatArray, count: int) -> FloatArray:
        """Answers of the model as they are.

        Raises:
            ModelError: there are not ``count`` of them, or one is no probability.
        """
        # Written so that NaN fails it too.
        if p_ai.shape != (count,) or not np.all((p_ai >= 0.0) & (p_ai <= 1.0)):
            raise ModelError(f"{self.model.path} gave a value that is no probability")
        return p_ai

    def logits(self, images: PixelArray) -> FloatArray:
        """Raw scores, float32 (batch, 2), in the order of ``spec.labels``.

        Args:
            images: uint8 RGB of shape (batch, height, width, 3), size as in ``spec``.

        Raises:
            ModelError: the model gave something that is not finite.
            ProviderError: the device failed, for example for lack of memory.
        """
        (logits,) = self._outputs([LOGITS_NAME], images)
        if logits.shape != (len(images), len(LABELS)) or not np.isfinite(logits).all():
            raise ModelError(f"{self.model.path} gave a logit that is not finite")
        return logits

    @contextmanager
    def typed_errors(self, batch_size: int) -> Iterator[None]:
        """Turn what ``inference`` raises with a batch of this size into our errors.

        Raises:
            OutOfMemoryError: the device has no room for it.
            ProviderError: the device failed otherwise.
        """
        try:
            yield
        except self.errors as error:
            kind = OutOfMemoryError if is_too_much(error) else ProviderError
            raise kind(
                f"the model failed on {self.provider} with a batch of {batch_size}: "
                f"{reason_of(error)}"
            ) from error

    def _outputs(self, names: list[str], images: PixelArray) -> list[FloatArray]:
        with self.typed_errors(len(images)):
            outputs: list[FloatArray] = self.inference.run(names, {INPUT_NAME: images})
        return outputs


def open_session(
    model: ModelFile, device: Device, threads: int, acceleration: Acceleration = PLAIN
) -> Session:
    """Load a model on a device and check that both are what was asked for.

    The model judges the built-in picture once, so that a provider which computes nonsense is found
    before the first verdict.

    Args:
        model: a verified file.
        device: ``auto`` takes CUDA where it works, else the CPU; any other is taken or refused.
        threads: threads of one operator on the CPU, of OpenVINO all together; at least 1.
        acceleration: what a GPU is asked for.

    Raises:
        ProviderError: ONNX Runtime is absent or broken, the device cannot be had, or computes
            another answer than the model's specification knows.
        ModelError: ONNX Runtime refuses the graph, or its answer is no probability.
        SignatureError: its inputs or outputs are not the contract's.
    """
    onnxruntime = load_onnxruntime()

    def checked_on(device: Device) -> Session:
        file = _for_device(model, device)
        session = _open_on(onnxruntime, file, device, threads, acceleration)
        if not acceleration.graphs:
            check_known_answer(file, session.provider, session.run, batch_size=1)
        return session

    if device is not Device.AUTO:
        return checked_on(device)
    if PROVIDERS[Device.CUDA][0] not in onnxruntime.get_available_providers():
        return checked_on(Device.CPU)
    try:
        return checked_on(Device.CUDA)
    except ProviderError as error:
        return replace(checked_on(Device.CPU), fallback_reason=str(error))


def _for_device(model: ModelFile, device: Device) -> ModelFile:
    """The model in the precision in which the device is fast."""
    if device not in NVIDIA or model.half is None:
        return model
    return read_model_file(model.half)


def _open_on(
    onnxruntime: ModuleType,
    model: ModelFile,
    device: Device,
    threads: int,
    acceleration: Acceleration,
) -> Session:
    require_provider(onnxruntime, device)
    errors = _errors_of(onnxruntime)
    try:
        # Without ONNX Runtime's own fallback, which would go on with the CPU. Versions that do not
        # know the argument announce the fallback on standard output, where only data belongs.
        with redirect_stdout(io.StringIO()):
            inference = onnxruntime.InferenceSession(
                model.content,
                _options(onnxruntime, threads),
                providers=list(PROVIDERS[device]),
                provider_options=provider_options(
                    device, model.spec.input_size, threads, acceleration
                ),
                enable_fallback=0,
            )
        inference.disable_fallback()
    except errors as error:
        if device is Device.CPU:
            raise ModelError(
                f"ONNX Runtime cannot load {model.path}: {reason_of(error)}"
            ) from error
        raise ProviderError(
            f"the device '{device}' cannot be used: {reason_of(error)}{library_advice(device)}"
        ) from error
    provider = PROVIDERS[device][0]
    if provider not in inference.get_providers():
        raise ProviderError(
            f"the device '{device}' cannot be used: {provider} did not start "
            f"(are its driver and libraries installed?){library_advice(device)}"
        )
    check_signature(inference, model)
    return Session(model, device, provider, inference, errors)


def _options(onnxruntime: ModuleType, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A thread that spins while it waits takes the core from those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = LOG_FATAL
    # Else the bytes decide, and what was verified as ONNX could be read as something else.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _errors_of(onnxruntime: ModuleType) -> tuple[type[Exception], ...]:
    """ONNX Runtime's exceptions; they share no base class of their own."""
    state = onnxruntime.capi.onnxruntime_pybind11_state
    own = (value for value in vars(state).values() if isinstance(value, type))
    return (
        *(cls for cls in own if issubclass(cls, Exception)),
        RuntimeError,
        ValueError,
        MemoryError,
    )


class Classifier(Protocol):
    """What the pipeline needs of a ``Session``."""

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""

    def run(self, images: PixelArray) -> npt.NDArray[np.float32]:
        """Probabilities (batch,) for uint8 images (batch, height, width, 3).

        Called by as many threads at once as ``ScanOptions.batches_in_flight`` says.
        """


_LIBRARY_SAYS = re.compile(r"\b(?:CUDA|CUDNN|CUBLAS|CUFFT) failure \d+: [^;]+?(?= ;|$)")
"""In a text of hundreds of characters that begins with a function's signature."""


_TOO_MUCH = (
    "out of memory",
    "failed to allocate",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
    # How cuDNN refuses a tensor that is larger than its convolutions take.
    "cudnn_status_not_supported",
)
"""What ONNX Runtime's arenas, CUDA, cuDNN, cuBLAS and C++ say; none has a code of its own."""


def reason_of(error: Exception) -> str:
    """One line of why a session failed."""
    text = one_line(error)
    found = _LIBRARY_SAYS.search(text)
    return found.group() if found else text


def is_too_much(error: Exception) -> bool:
    """Whether a device refused a batch for its size: a smaller one may fit."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _TOO_MUCH)
