"""Model and options, set up as ``scan-folder`` does."""

import sys
from functools import partial

from trustthepixels.infer.choices import Device
from trustthepixels.infer.model.batching import BatchedModel, open_classifier
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.scan.options import ScanOptions
from trustthepixels.infer.system.cores import available_cores


def scanner(model: str, device: Device) -> tuple[BatchedModel, ScanOptions]:
    """Return a model, by name or path, open on a device, and the options of its scans."""
    options = partial(ScanOptions.for_device, threads=available_cores())
    opened = open_classifier(
        load_model(model),
        device,
        lambda device: options(device).batches,
        lambda text: print(text, file=sys.stderr),
    )
    return opened, options(opened.session.device)
