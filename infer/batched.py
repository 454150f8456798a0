"""A model at the size of a scan's batches, put together the same way wherever pictures are scanned.

On CUDA full batches go through lanes, elsewhere through the session itself. What only a scan needs
is imported when one begins: a model that is opened meanwhile need not wait for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .acceleration import Acceleration
from .devices import Device, threads_of_operators, usual_batch_size
from .errors import ProviderError
from .known_answer import check_known_answer
from .model_file import ModelFile
from .session import Session, open_session

if TYPE_CHECKING:
    from .lanes import Lanes
    from .pinned import Allocate
    from .pipeline import ScanOptions
    from .session import Classifier

Tell = Callable[[str], None]
"""Takes one line for the person who watches."""


@dataclass(frozen=True, slots=True)
class BatchedModel:
    """What a scan needs of a model.

    Attributes:
        session: the model, for batches of any size.
        classifier: takes the scan's batches; as many threads may share it as are in flight.
        allocate: makes the buffers of the batches.
    """

    session: Session
    classifier: "Classifier"
    allocate: "Allocate"


def open_for_batches(
    model: ModelFile,
    device: Device,
    threads: int,
    batch_size: int | None = None,
    engine_cache: Path | None = None,
) -> Session:
    """A session for scans, in which several batches share the threads.

    Args:
        model: a verified file.
        device: as for ``open_session``.
        threads: of the model on the CPU, all together; at least 1.
        batch_size: pictures in a full batch; ``None`` for the device's usual number.
        engine_cache: where TensorRT keeps its engines; ``None`` for nowhere.

    Raises:
        ProviderError: ONNX Runtime or the device cannot be had, or computes wrong answers.
        ModelError: ONNX Runtime refuses the model, or its answer is no probability.
    """
    # Only TensorRT must know the size beforehand.
    largest = batch_size or usual_batch_size(Device.TENSORRT)
    acceleration = Acceleration(largest, engine_cache=engine_cache)
    return open_session(model, device, threads_of_operators(device, threads), acceleration)


def in_batches(session: Session, options: "ScanOptions", tell: Tell) -> BatchedModel:
    """Bring a model to the size of a scan's batches, or to a smaller one that it has memory for.

    It judges the built-in picture in every slot, so that what a device needs is allocated here.

    Args:
        session: open.
        options: of the scan: size and number of its batches.
        tell: is told what could not be had, now or while the scan goes on, from any thread.

    Raises:
        ProviderError: the device failed, or computes wrong answers.
        ModelError: an answer is no probability.
    """
    from .pinned import batch_memory
    from .smaller_batches import SmallerBatches

    classifier = SmallerBatches(
        _in_lanes(session, options, tell) or session,
        lambda size, reason: tell(f"going on with batches of {size}, because {reason}"),
    )
    check_known_answer(session.model, session.provider, classifier.run, options.batch_size)
    return BatchedModel(session, classifier, batch_memory(session.device))


def _in_lanes(session: Session, options: "ScanOptions", tell: Tell) -> "Lanes | None":
    """On CUDA, full batches as graphs; ``None`` on other devices, or where that fails."""
    # CUDA leaves the conversions of a quantized model to the CPU, and then captures nothing.
    if session.device is not Device.CUDA or session.spec.precision == "int8":
        return None
    from .lanes import Lanes

    replayed = Acceleration(graphs=True)
    open_one = partial(open_session, session.model, session.device, 1, replayed)
    try:
        return Lanes(session, open_one, options.batch_size, options.batches_in_flight)
    except ProviderError as error:
        tell(f"going on without CUDA graphs, because {error}")
        return None
