"""Options that several commands share, so that they mean the same everywhere."""

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

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


Command = TypeVar("Command", bound=Callable[..., Any])


_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size(text: str) -> int:
    """A number of bytes: ``1000``, ``512M``, ``1.5G``; units are powers of 1024.

    Raises:
        click.BadParameter: it is none.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    count = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if count < 1:
        raise click.BadParameter(f"{text!r} is no size; write it like 1000000, 512M or 2G")
    return count


def a_number(value: float) -> float:
    """The same value; NaN is in no range, which a comparison does not notice.

    Raises:
        click.BadParameter: it is no number.
    """
    if math.isnan(value):
        raise click.BadParameter("nan is no number")
    return value


def limit_options(command: Command) -> Command:
    """Add ``--max-pixels``, ``--max-bytes``, ``--timeout``, ``--memory``, ``--truncated``,
    ``--decode`` and ``--isolate``.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--max-pixels",
        type=click.IntRange(min=1),
        metavar="N",
        help="Refuse larger images before they are decoded.  [default: 178956970]",
    ),
    click.option(
        "--max-bytes",
        type=size,
        metavar="SIZE",
        help="Refuse larger files before they are read.  [default: 512M]",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True, max=86_400),
        callback=lambda _context, _parameter, value: None if value is None else a_number(value),
        metavar="SECONDS",
        help="Give a file up after so long.  [default: 60]",
    ),
    click.option(
        "--memory",
        type=size,
        metavar="SIZE",
        help="For all files being decoded together; files wait for their share, and one that needs "
        "more is refused.  [default: half of what there is, at most 2G]",
    ),
    click.option(
        "--truncated",
        type=click.Choice(["refuse", "score"]),
        default="refuse",
        show_default=True,
        help="Refuse images whose end is missing, or judge what is there of them, with a note.",
    ),
    click.option(
        "--decode",
        type=click.Choice(["scaled", "full"]),
        default="scaled",
        show_default=True,
        help="Decode JPEGs of several megapixels at a half, a quarter or an eighth of their size, "
        "where that is still six times what the model sees; or in full.",
    ),
    click.option(
        "--isolate",
        type=click.Choice(["odd", "all"]),
        default="odd",
        show_default=True,
        help="Decode in separate processes the files whose header does not bound what they cost, "
        "or all of them.",
    ),
)
