"""Options that several commands share, so that they mean the same everywhere."""

from collections.abc import Callable
from typing import Any

import click

from ..model.bundled import DEFAULT_MODEL
from ..model.file import Trust
from ..model.providers import Device

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

model_option: Decorator = click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME|FILE",
    help="A bundled model by name, or an ONNX file written by 'trustthepixels export'.",
)

allow_unverified_option: Decorator = click.option(
    "--allow-unverified",
    "trust",
    is_flag=True,
    callback=lambda _context, _parameter, value: (
        Trust.ALLOW_UNVERIFIED if value else Trust.VERIFIED
    ),
    help="Use a model file whose content does not match its digest, with a warning.",
)

device_option: Decorator = click.option(
    "--device",
    type=click.Choice([device.value for device in Device]),
    default=Device.AUTO.value,
    show_default=True,
    callback=lambda _context, _parameter, value: Device(value),
    help="Where the model runs; auto takes CUDA where it works, else the CPU.",
)

threads_option: Decorator = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads of the model on the CPU.  [default: the cores that this process may use]",
)

false_positive_rate_option: Decorator = click.option(
    "--fpr",
    "false_positive_rate",
    type=float,
    metavar="RATE",
    help="Share of photographs that may be called AI: 0.01 or 0.05.  [default: the model's]",
)

threshold_option: Decorator = click.option(
    "--threshold",
    type=click.FloatRange(0.0, 1.0),
    metavar="P",
    help="Call a picture AI from this probability on, in place of --fpr.",
)

no_unsure_option: Decorator = click.option(
    "--no-unsure",
    "unsure",
    is_flag=True,
    callback=lambda _context, _parameter, value: not value,
    help="Two verdicts: real is all that is not ai.",
)
