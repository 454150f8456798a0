"""One verified model on one device: uint8 batches in, probabilities out.

The rest of the package never uses ONNX Runtime, which is imported on first use.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..choices import Device
from ..errors import ModelError, OutOfMemoryError, ProviderError
from ..images.pixels import PixelArray
from ..results import LABELS
from .file import ModelFile
from .products import with_float_products
from .providers import (
    LOG_FATAL,
    PROVIDERS,
    errors_of,
    is_too_much,
    load_onnxruntime,
    provider_options,
    reason_of,
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
        device: the device on which it runs; never ``auto``.
        provider: ONNX Runtime's name of the execution provider.
        fallback_reason: reason why ``auto`` did not take the GPU that this ONNX Runtime was built
            for; empty if it did, or if ONNX Runtime was not built for one.
        inference: the ``onnxruntime.InferenceSession``.
        errors: exceptions that ``inference`` raises.
    """

    model: ModelFile
    device: Device
    provider: str
    inference: Any
    errors: tuple[type[Exception], ...]
    fallback_reason: str = ""

    @property
    def spec(self) -> ModelSpec:
        """Specification of the model."""
        return self.model.spec

    def run(self, images: PixelArray) -> FloatArray:
        """Return calibrated probabilities that pictures are AI-generated, float32 (batch,), 0 to 1.

        Args:
            images: uint8 RGB of shape (batch, *``spec.input_shape.axes``).

        Raises:
            ModelError: the model returned a value outside 0 to 1.
            ProviderError: the device failed, for example because its memory is full.
        """
        (p_ai,) = self._outputs([P_AI_NAME], images)
        return self.checked(p_ai, len(images))

    def checked(self, p_ai: FloatArray, count: int) -> FloatArray:
        """Return the model's answers unchanged.

        Raises:
            ModelError: their number is not ``count``, or a value is outside 0 to 1.
        """
        # NaN fails this comparison too.
        if p_ai.shape != (count,) or not np.all((p_ai >= 0.0) & (p_ai <= 1.0)):
            raise ModelError(f"{self.model.path} returned a value that is not a probability")
        return p_ai

    def logits(self, images: PixelArray) -> FloatArray:
        """Return raw scores, float32 (batch, 2), in the order of ``spec.labels``.

        Args:
            images: uint8 RGB of shape (batch, *``spec.input_shape.axes``).

        Raises:
            ModelError: the model returned a value that is not finite.
            ProviderError: the device failed, for example because its memory is full.
        """
        (logits,) = self._outputs([LOGITS_NAME], images)
        if logits.shape != (len(images), len(LABELS)) or not np.isfinite(logits).all():
            raise ModelError(f"{self.model.path} returned a logit that is not finite")
        return logits

    @contextmanager
    def typed_errors(self, batch_size: int) -> Iterator[None]:
        """Turn exceptions of ``inference`` with a batch of this size into typed errors.

        Raises:
            OutOfMemoryError: the batch is too large for the device.
            ProviderError: the device failed for another reason.
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


def check_alone(session: Session) -> None:
    """Let a session score the built-in picture alone.

    Raises:
        ProviderError: its answer differs from that in the specification, or the device failed.
        ModelError: its answer is outside 0 to 1.
    """
    check_known_answer(session.model, session.provider, session.run, batch_size=1)


def open_session(
    model: ModelFile,
    device: Device,
    threads: int,
    *,
    check: Callable[[Session], None] = check_alone,
    cuda_graphs: bool = False,
) -> Session:
    """Load a model on a device, and check both.

    The model scores the built-in picture once. This finds a provider that computes wrong values
    before the first verdict.

    Args:
        model: a verified file.
        device: ``auto`` takes CUDA if it works, else the CPU; any other is taken or refused.
        threads: threads of one operator on the CPU, of OpenVINO all together; at least 1.
        check: check of the session, for callers that let it judge more than one picture.
        cuda_graphs: let CUDA launch a batch's kernels at once, as a captured graph. Such a session
            takes full batches in memory that stays where it is, from one thread.

    Raises:
        ProviderError: ONNX Runtime is missing or broken, the device is unavailable, or its answer
            for the built-in picture differs from that in the specification.
        ModelError: ONNX Runtime refuses the graph, or its answer is outside 0 to 1.
        SignatureError: the inputs or outputs differ from the contract.
    """
    onnxruntime = load_onnxruntime()

    def checked_on(device: Device) -> Session:
        file = _for_device(model, device)
        session = _open_on(onnxruntime, file, device, threads, cuda_graphs=cuda_graphs)
        if not cuda_graphs:
            check(session)
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
    """Return the model with the products in which the device is fast."""
    if device is Device.CPU:
        return model
    return replace(model, content=with_float_products(model.content))


def _open_on(
    onnxruntime: ModuleType,
    model: ModelFile,
    device: Device,
    threads: int,
    *,
    cuda_graphs: bool,
) -> Session:
    require_provider(onnxruntime, device)
    errors = errors_of(onnxruntime)
    try:
        # Without ONNX Runtime's own fallback, which would continue on the CPU. Versions without
        # the argument announce the fallback on standard output, where only data belongs.
        with redirect_stdout(io.StringIO()):
            inference = onnxruntime.InferenceSession(
                model.content,
                _options(onnxruntime, threads),
                providers=list(PROVIDERS[device]),
                provider_options=provider_options(device, threads, cuda_graphs=cuda_graphs),
                enable_fallback=0,
            )
        inference.disable_fallback()
    except errors as error:
        if device is Device.CPU:
            raise ModelError(
                f"ONNX Runtime cannot load {model.path}: {reason_of(error)}"
            ) from error
        raise ProviderError(f"the device '{device}' cannot be used: {reason_of(error)}") from error
    provider = PROVIDERS[device][0]
    if provider not in inference.get_providers():
        raise ProviderError(
            f"the device '{device}' cannot be used: {provider} did not start "
            f"(are its driver and libraries installed?)"
        )
    check_signature(inference, model)
    return Session(model, device, provider, inference, errors)


def _options(onnxruntime: ModuleType, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A thread that spins while it waits takes the core from the decoders.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = LOG_FATAL
    # Otherwise the bytes decide, and a file verified as ONNX could be read as another format.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


class Classifier(Protocol):
    """The part of a ``Session`` that the pipeline needs."""

    @property
    def spec(self) -> ModelSpec:
        """Specification of the model."""

    def run(self, images: PixelArray) -> npt.NDArray[np.float32]:
        """Return probabilities (batch,) for uint8 images (batch, *input_shape.axes).

        ``ScanOptions.batches_in_flight`` is the number of threads that call it at once.
        """
