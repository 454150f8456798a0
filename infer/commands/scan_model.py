"""The model of a scan: opened where it was asked for, and brought to the size of its batches."""

from functools import partial
from typing import TYPE_CHECKING

from ..devices import Device, threads_per_batch, usual_batch_size
from ..errors import ProviderError, UsageError
from .scan_choices import ScanModel
from .terminal import note

if TYPE_CHECKING:
    from ..lanes import Lanes
    from ..pipeline import ScanOptions
    from ..session import Session
    from ..smaller_batches import SmallerBatches
    from ..spec import ModelSpec, VerdictRule


def open_model(choice: ScanModel, *, quiet: bool) -> "tuple[Session, VerdictRule]":
    """The session that was asked for, and how its probabilities become verdicts.

    Args:
        choice: what was asked for.
        quiet: say nothing about what went as it should.

    Raises:
        UsageError: options that do not fit together.
        ModelError: the model is missing, damaged or not one of ours.
        ProviderError: ONNX Runtime or the device cannot be had.
    """
    if choice.engine_cache is not None and choice.device is not Device.TENSORRT:
        raise UsageError("--engine-cache is for --device tensorrt")
    from ..acceleration import Acceleration
    from ..bundled import load_model
    from ..cpu import available_cores
    from ..session import open_session

    file = load_model(choice.model, choice.trust)
    if file.doubt:
        note(f"warning: {file.doubt}; going on because of --allow-unverified")
    _rule(choice, file.spec)
    threads = threads_per_batch(choice.threads or available_cores())
    batch_size = choice.batch_size or usual_batch_size(Device.TENSORRT)
    acceleration = Acceleration(batch_size, engine_cache=choice.engine_cache)
    session = open_session(file, choice.device, threads, acceleration)
    if session.fallback_reason:
        note(f"scanning on the CPU, because the GPU cannot be used: {session.fallback_reason}")
    elif choice.device is Device.AUTO and not quiet:
        note(f"scanning on the device '{session.device}' ({session.provider})")
    return session, _rule(choice, session.spec)


def _rule(choice: ScanModel, spec: "ModelSpec") -> "VerdictRule":
    return spec.rule(
        false_positive_rate=choice.false_positive_rate,
        threshold=choice.threshold,
        unsure=choice.unsure,
    )


def warmed_up(session: "Session", options: "ScanOptions") -> "SmallerBatches":
    """The session at the size of the scan's batches, or at a smaller one that it has memory for.

    Raises:
        ProviderError: the device failed, or computes wrong answers.
        ModelError: an answer is no probability.
    """
    from ..known_answer import check_known_answer
    from ..smaller_batches import SmallerBatches

    classifier = SmallerBatches(
        _in_lanes(session, options) or session,
        lambda size, reason: note(f"going on with batches of {size}, because {reason}"),
    )
    check_known_answer(session, options.batch_size, classifier.run)
    return classifier


def _in_lanes(session: "Session", options: "ScanOptions") -> "Lanes | None":
    """On CUDA, full batches as graphs; ``None`` on other devices, or where that fails."""
    if session.device is not Device.CUDA:
        return None
    from ..acceleration import Acceleration
    from ..lanes import Lanes
    from ..session import open_session

    replayed = Acceleration(options.batch_size, graphs=True)
    open_one = partial(open_session, session.model, session.device, 1, replayed)
    try:
        return Lanes(session, open_one, options.batch_size, options.batches_in_flight)
    except ProviderError as error:
        note(f"going on without CUDA graphs, because {error}")
        return None
