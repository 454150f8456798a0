"""Model and options, set up as ``scan-folder`` does."""

import sys

from trustthepixels.infer.model.batching import BatchedModel, in_batches, open_for_batches
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.model.providers import Device, usual_batch_size, usual_batches_in_flight
from trustthepixels.infer.scan.options import ScanOptions
from trustthepixels.infer.system.cores import available_cores


def scanner(model: str, device: Device) -> tuple[BatchedModel, ScanOptions]:
    """Return a model, by name or path, open on a device, and the options of its scans."""
    cores = available_cores()
    session = open_for_batches(load_model(model), device, cores)
    options = ScanOptions(
        batch_size=usual_batch_size(session.device),
        batches_in_flight=usual_batches_in_flight(session.device, cores),
    )
    return in_batches(
        session,
        options.batch_size,
        options.batches_in_flight,
        lambda text: print(text, file=sys.stderr),
    ), options
