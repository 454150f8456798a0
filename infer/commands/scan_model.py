"""The model of a scan, opened where it was asked for."""

from typing import TYPE_CHECKING

from ..errors import UsageError
from ..model.providers import Device
from ..system.terminal import note
from .scan_choices import ScanModel

if TYPE_CHECKING:
    from ..model.session import Session
    from ..model.spec import ModelSpec
    from ..model.verdicts import VerdictRule


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
    from ..model.batching import open_for_batches
    from ..model.bundled import load_model
    from ..system.cores import available_cores

    file = load_model(choice.model, choice.trust)
    if file.doubt:
        note(f"warning: {file.doubt}; going on because of --allow-unverified")
    _rule(choice, file.spec)
    threads = choice.threads or available_cores()
    session = open_for_batches(file, choice.device, threads, choice.batch_size, choice.engine_cache)
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
