"""One verified model on one device: uint8 batches in, probabilities out.

The rest of the package never touches ONNX Runtime; it enters here and is imported on first use.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from .devices import LOG_FATAL, PROVIDERS, Device, load_onnxruntime, require_provider
from .errors import ModelError, OutOfMemoryError, ProviderError, SignatureError, one_line
from .known_answer import known_answer_tolerance, known_picture
from .model_file import ModelFile
from .preprocess import PixelArray
from .spec import LABELS, ModelSpec

INPUT_NAME = "images"
LOGITS_NAME = "logits"
P_AI_NAME = "p_ai"

FloatArray = npt.NDArray[np.float32]


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
        # Written so that NaN fails it too.
        if p_ai.shape != images.shape[:1] or not np.all((p_ai >= 0.0) & (p_ai <= 1.0)):
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

    def _outputs(self, names: list[str], images: PixelArray) -> list[FloatArray]:
        try:
            outputs: list[FloatArray] = self.inference.run(names, {INPUT_NAME: images})
        except self.errors as error:
            reason = one_line(error)
            kind = OutOfMemoryError if _is_out_of_memory(error) else ProviderError
            raise kind(
                f"the model failed on {self.provider} with a batch of {len(images)}: {reason}"
            ) from error
        return outputs


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _OUT_OF_MEMORY)


_OUT_OF_MEMORY = (
    "out of memory",
    "failed to allocate",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
)
"""What ONNX Runtime's arenas, CUDA, cuDNN, cuBLAS and C++ say; none has a code of its own."""


def open_session(model: ModelFile, device: Device, threads: int) -> Session:
    """Load a model on a device and check that both are what was asked for.

    The model judges the built-in picture once, so that a provider which computes nonsense is found
    before the first verdict.

    Args:
        model: a verified file.
        device: ``auto`` takes CUDA where it works, else the CPU; any other is taken or refused.
        threads: threads of one operator on the CPU, at least 1.

    Raises:
        ProviderError: ONNX Runtime is absent or broken, the device cannot be had, or computes
            another answer than the model's specification knows.
        ModelError: ONNX Runtime refuses the graph, or its answer is no probability.
        SignatureError: its inputs or outputs are not the contract's.
    """
    onnxruntime = load_onnxruntime()
    if device is not Device.AUTO:
        return _checked_on(onnxruntime, model, device, threads)
    if PROVIDERS[Device.CUDA][0] not in onnxruntime.get_available_providers():
        return _checked_on(onnxruntime, model, Device.CPU, threads)
    try:
        return _checked_on(onnxruntime, model, Device.CUDA, threads)
    except ProviderError as error:
        on_cpu = _checked_on(onnxruntime, model, Device.CPU, threads)
        return replace(on_cpu, fallback_reason=str(error))


def _checked_on(onnxruntime: ModuleType, model: ModelFile, device: Device, threads: int) -> Session:
    session = _open_on(onnxruntime, model, device, threads)
    check_known_answer(session, batch_size=1)
    return session


def check_known_answer(
    session: Session, batch_size: int, run: Callable[[PixelArray], FloatArray] | None = None
) -> None:
    """Have the model judge the built-in picture in each slot of a batch.

    Besides, it is the first run at that size: what a device needs for it is allocated here.

    Args:
        session: of the model.
        batch_size: as the pictures will come, at least 1.
        run: what the pictures will go through, by default ``session.run``.

    Raises:
        ProviderError: an answer differs from the specification's by more than the tolerance, or
            the device failed.
        ModelError: an answer is no probability.
    """
    picture = known_picture(session.spec.input_size)
    p_ai = (run or session.run)(np.repeat(picture[np.newaxis], batch_size, axis=0))
    expected = session.spec.known_answer
    if expected is None:
        return
    tolerance = known_answer_tolerance(session.spec.precision)
    furthest = float(p_ai[np.abs(p_ai - expected).argmax()])
    if not abs(furthest - expected) <= tolerance:
        raise ProviderError(
            f"{session.provider} computes wrong answers with {session.model.path}: p_ai of the "
            f"built-in picture is {furthest:.6f}, not {expected:.6f} (tolerance {tolerance:g}); "
            "update its driver and ONNX Runtime, or use another device"
        )


def _open_on(onnxruntime: ModuleType, model: ModelFile, device: Device, threads: int) -> Session:
    require_provider(onnxruntime, device)
    errors = _errors_of(onnxruntime)
    try:
        # Without ONNX Runtime's own fallback, which would go on with the CPU. Versions that do not
        # know the argument announce the fallback on standard output, where only data belongs.
        with contextlib.redirect_stdout(io.StringIO()):
            inference = onnxruntime.InferenceSession(
                model.content,
                _options(onnxruntime, threads),
                providers=list(PROVIDERS[device]),
                enable_fallback=0,
            )
        inference.disable_fallback()
    except errors as error:
        if device is Device.CPU:
            raise ModelError(f"ONNX Runtime cannot load {model.path}: {one_line(error)}") from error
        raise ProviderError(f"the device '{device}' cannot be used: {one_line(error)}") from error
    provider = PROVIDERS[device][0]
    if provider not in inference.get_providers():
        raise ProviderError(
            f"the device '{device}' cannot be used: {provider} did not start "
            f"(are its driver and libraries installed?)"
        )
    _check_signature(inference, model)
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


def _check_signature(inference: Any, model: ModelFile) -> None:
    """Names, types, dynamic batch axis and shapes, in this order.

    Raises:
        SignatureError: naming the first difference.
    """
    height, width = model.spec.input_size
    inputs = {node.name: node for node in inference.get_inputs()}
    outputs = {node.name: node for node in inference.get_outputs()}
    expected = {
        INPUT_NAME: (inputs, "tensor(uint8)", [height, width, 3]),
        LOGITS_NAME: (outputs, "tensor(float)", [len(LABELS)]),
        P_AI_NAME: (outputs, "tensor(float)", []),
    }
    if set(inputs) != {INPUT_NAME}:
        raise SignatureError(f"{model.path} has the inputs {sorted(inputs)}, not '{INPUT_NAME}'")
    if not {LOGITS_NAME, P_AI_NAME} <= set(outputs):
        raise SignatureError(
            f"{model.path} has the outputs {sorted(outputs)}, not '{LOGITS_NAME}' and '{P_AI_NAME}'"
        )
    for name, (nodes, dtype, shape) in expected.items():
        node = nodes[name]
        if node.type != dtype:
            raise SignatureError(f"{model.path}: '{name}' is {node.type}, not {dtype}")
        if node.shape and isinstance(node.shape[0], int):
            raise SignatureError(
                f"{model.path}: '{name}' has its batch axis frozen at {node.shape[0]}"
            )
        if node.shape[1:] != shape or not node.shape:
            raise SignatureError(
                f"{model.path}: '{name}' has the shape {node.shape}, not {['batch', *shape]}"
            )
