"""Models at the size of a scan's batches, opened in one way for all scans.

On CUDA full batches go through lanes, on other devices through the session itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ..choices import Device
from ..errors import OutOfMemoryError, ProviderError
from ..images.pixels import PixelArray
from .cuda import Allocate, Lanes, batch_memory
from .file import ModelFile
from .self_test import check_known_answer
from .session import Classifier, Session, check_alone, open_session
from .signature import FloatArray
from .spec import ModelSpec

Tell = Callable[[str], None]
"""Function that takes one line for the user."""


@dataclass(frozen=True, slots=True)
class BatchedModel:
    """A model that is ready for the batches of a scan.

    Attributes:
        session: the model, for batches of any size.
        classifier: takes the scan's batches; as many threads as batches in flight may share it.
        allocate: makes the buffers of the batches.
    """

    session: Session
    classifier: Classifier
    allocate: Allocate


class Batches(NamedTuple):
    """Batches for which a model is opened.

    Attributes:
        size: pictures in a full batch.
        in_flight: batches that the model works on at once.
        threads: threads of one operator on the CPU, of OpenVINO all together; at least 1.
    """

    size: int
    in_flight: int
    threads: int


def open_classifier(
    model: ModelFile, device: Device, batches: Callable[[Device], Batches], tell: Tell
) -> BatchedModel:
    """Open a model once, at the size of a scan's batches.

    Args:
        model: a verified file.
        device: as for ``open_session``.
        batches: returns the batches for a device; called with ``device``, then with the one that
            ``auto`` took.
        tell: takes lines about limits of the device, now or during the scan, from any thread.

    Raises:
        ProviderError: ONNX Runtime or the device is unavailable, or computes wrong answers.
        ModelError: ONNX Runtime refuses the model, or its answer is outside 0 to 1.
    """

    def check(session: Session) -> None:
        # On the CPU, the check in batches follows at once and is enough.
        if session.device is not Device.CPU:
            check_alone(session)

    session = open_session(model, device, batches(device).threads, check=check)
    if session.device is Device.CPU:
        session = _without_content(session)
    size, in_flight, _ = batches(session.device)
    return in_batches(session, size, in_flight, tell)


def _without_content(session: Session) -> Session:
    """Return an open session that no longer holds the file's bytes, a tenth of a scan's memory.

    On a CPU, nothing opens the model of a scan a second time.

    Args:
        session: session whose fallback is off; its inference changes in place.
    """
    # ONNX Runtime's class keeps them for a fallback of its own, and has no public way to let go.
    if hasattr(session.inference, "_model_bytes"):
        session.inference._model_bytes = b""
    return replace(session, model=replace(session.model, content=b""))


def in_batches(
    session: Session, batch_size: int, batches_in_flight: int, tell: Tell
) -> BatchedModel:
    """Return a model for batches of a size, or of a smaller one that fits into its memory.

    It scores built-in pictures in every slot, which also allocates the device's memory; on the CPU
    in two slots, for there the first row waits for them longest.

    Args:
        session: session that is open.
        batch_size: pictures in a full batch.
        batches_in_flight: batches that the model works on at once.
        tell: takes lines about limits of the device, now or during the scan, from any thread.

    Raises:
        ProviderError: the device failed, or computes wrong answers.
        ModelError: an answer is outside 0 to 1.
    """
    classifier: Classifier = SmallerBatches(
        _in_lanes(session, batch_size, batches_in_flight, tell) or session,
        lambda size, reason: tell(f"continuing with batches of {size}, because {reason}"),
    )
    check = partial(
        check_known_answer, session.model, session.provider, classifier.run, alone=session.run
    )
    if session.device is Device.CPU:
        check(min(batch_size, _SLOTS_ON_CPU), threads=batches_in_flight)
    else:
        # A graph of CUDA must not be captured while another thread allocates.
        check(batch_size)
        classifier = WholeBatches(classifier, batch_size)
    return BatchedModel(session, classifier, batch_memory(session.device))


_SLOTS_ON_CPU = 2
"""Pictures in the batch that checks a CPU: enough to find slots that are mixed up."""


def _in_lanes(
    session: Session, batch_size: int, batches_in_flight: int, tell: Tell
) -> Lanes | None:
    """Return lanes for full batches as CUDA graphs; ``None`` on other devices, or if that fails."""
    # CUDA leaves conversions of a quantized model to the CPU, and then captures nothing.
    if session.device is not Device.CUDA or session.spec.precision == "int8":
        return None
    open_one = partial(open_session, session.model, session.device, 1, cuda_graphs=True)
    try:
        return Lanes(session, open_one, batch_size, batches_in_flight)
    except ProviderError as error:
        tell(f"continuing without CUDA graphs, because {error}")
        return None


class WholeBatches:
    """A classifier whose batches all have one size; slots without a picture are computed, too.

    Memory pools and graphs of a device depend on the shape, and so do the last bits of an answer.

    Args:
        classifier: classifier of whole batches.
        batch_size: pictures in a whole batch.
    """

    def __init__(self, classifier: Classifier, batch_size: int) -> None:
        self._classifier = classifier
        self._batch_size = batch_size

    @property
    def spec(self) -> ModelSpec:
        """Specification of the model."""
        return self._classifier.spec

    def run(self, images: PixelArray) -> FloatArray:
        """Run a batch of at most ``batch_size`` pictures, like ``Session.run``.

        Raises:
            OutOfMemoryError: a single picture does not fit.
            ModelError: the model returned a value outside 0 to 1.
            ProviderError: the device failed for another reason.
        """
        count = len(images)
        if count < self._batch_size:
            whole = np.zeros((self._batch_size, *images.shape[1:]), np.uint8)
            whole[:count] = images
            images = whole
        return self._classifier.run(images)[:count]


class SmallerBatches:
    """A session whose batches are halved permanently whenever one does not fit into memory.

    Threads may share it. A slot's answer does not depend on its batch beyond the last bits of a
    float.

    Args:
        session: session of the model, or lanes of it.
        on_smaller: takes the new size and the device's message, each time.
    """

    def __init__(self, session: Classifier, on_smaller: Callable[[int, str], None]) -> None:
        self._session = session
        self._on_smaller = on_smaller
        self._largest: int | None = None

    @property
    def spec(self) -> ModelSpec:
        """Specification of the model."""
        return self._session.spec

    def run(self, images: PixelArray) -> FloatArray:
        """Run a batch, like ``Session.run``, in as many parts as necessary.

        Raises:
            OutOfMemoryError: a single picture does not fit.
            ModelError: the model returned a value outside 0 to 1.
            ProviderError: the device failed for another reason.
        """
        done: list[FloatArray] = []
        at = 0
        while at < len(images):
            part = images[at : at + (self._largest or len(images))]
            try:
                done.append(self._session.run(part))
            except OutOfMemoryError as error:
                if len(part) == 1:
                    raise
                halved = len(part) // 2
                self._largest = min(self._largest or halved, halved)
                self._on_smaller(self._largest, str(error))
            else:
                at += len(part)
        return np.concatenate(done) if len(done) != 1 else done[0]
