"""A session and options as ``scan-folder`` sets them up."""

from trustthepixels.infer.bundled import load_model
from trustthepixels.infer.cpu import available_cores
from trustthepixels.infer.devices import (
    Device,
    threads_per_batch,
    usual_batch_size,
    usual_batches_in_flight,
)
from trustthepixels.infer.pipeline import ScanOptions
from trustthepixels.infer.session import Session, open_session


def scanner(model: str, device: Device) -> tuple[Session, ScanOptions]:
    """A model by name or path, ready on a device, and how its scans run."""
    cores = available_cores()
    session = open_session(load_model(model), device, threads_per_batch(cores))
    options = ScanOptions(
        batch_size=usual_batch_size(session.device),
        batches_in_flight=usual_batches_in_flight(session.device, cores),
    )
    return session, options
