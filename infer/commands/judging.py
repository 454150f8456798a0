"""Work of ``trustthepixels predict``: choose pictures, judge them, draw them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ..detector import Detector
from ..errors import ImageError, InputError, OutputError, one_line
from ..files.labelled import labelled_files
from ..model.providers import Device
from ..report.figure import Panel, draw_figure, percent
from ..results import Verdict
from ..system.terminal import note, printable


@dataclass(frozen=True, slots=True)
class Judged:
    """A picture and its verdict.

    Attributes:
        path: path of its file.
        true_label: its label; empty if unknown.
        verdict: ``None`` if the picture cannot be judged.
        failure: reason why there is no verdict.
        picture: its pixels, kept only for a figure.
    """

    path: Path
    true_label: str
    verdict: Verdict | None
    failure: str = ""
    picture: Image.Image | None = None


def picked(folder: Path, count: int, seed: int) -> list[tuple[Path, str]]:
    """Return pictures of a labelled folder, drawn at random, with their labels.

    Raises:
        InputError: the folder has fewer.
    """
    files = labelled_files(folder)
    if len(files) < count:
        raise InputError(f"{folder} has only {len(files)} pictures, not {count}")
    return [(file.path, file.label) for file in random.Random(seed).sample(files, count)]


def open_detector(model: str, device: Device, **options: Any) -> Detector:
    """Return a detector; note the device of its model unless the user chose it.

    Args:
        model: name or file.
        device: device that the user asked for.
        options: further arguments of ``Detector``.

    Raises:
        ModelError: the model is missing, damaged or not written by ``trustthepixels export``.
        ProviderError: ONNX Runtime or the device is unavailable.
        UsageError: the model has no such operating point.
    """
    detector = Detector(model, device, **options)
    session = detector.session
    if session.fallback_reason:
        note(f"running on the CPU, because the GPU cannot be used: {session.fallback_reason}")
    elif device is Device.AUTO:
        note(f"running on the device '{session.device}' ({session.provider})")
    return detector


def judge(detector: Detector, path: Path, true_label: str, *, keeps_picture: bool) -> Judged:
    """Return a picture with its verdict, or with the reason why there is none."""
    try:
        verdict = detector.predict(path)
        picture = detector.decode(path).image if keeps_picture else None
    except ImageError as error:
        return Judged(path, true_label, None, failure=str(error))
    return Judged(path, true_label, verdict, picture=picture)


def line(judged: Judged) -> str:
    """Return the line of one picture for a terminal."""
    name = printable(judged.path)
    if judged.verdict is None:
        return f"{name}: no verdict ({printable(judged.failure)})"
    likely = f"{percent(judged.verdict.p_ai)} likely AI-generated"
    truth = f"; labelled {judged.true_label}" if judged.true_label else ""
    doubt = f"; {judged.verdict.doubt}" if judged.verdict.doubt else ""
    return f"{name}: {judged.verdict.label} ({likely}{doubt}{truth})"


def draw(judged: Sequence[Judged], detector: Detector, figure: Path) -> None:
    """Draw the pictures side by side into a file.

    Raises:
        OutputError: the file cannot be written.
    """
    panels = [
        Panel(printable(one.path), one.picture, one.verdict, one.true_label, one.failure)
        for one in judged
    ]
    partial = figure.with_name(f".{figure.stem}.partial{figure.suffix}")
    try:
        draw_figure(panels, detector.rule).save(partial)
        partial.replace(figure)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"cannot write {figure}: {one_line(error)}") from error
    note(f"wrote {figure}")
