"""Work of ``trustthepixels predict``: choose pictures, judge them, draw them."""

import json
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..choices import Device
from ..detector import Detector
from ..errors import ImageError, InputError, OutputError, one_line
from ..files.labelled import labelled_files
from ..output.rows import Columns, json_values
from ..report.figure import Panel, draw_figure, percent
from ..results import Origin, Provenance, ScanRow
from ..system.terminal import note, printable

if TYPE_CHECKING:
    from ..provenance.options import ProvenanceOptions


@dataclass(frozen=True, slots=True)
class Judged:
    """A picture and its verdict.

    Attributes:
        path: path of its file.
        true_label: its label; empty if unknown.
        row: its row, as a scan writes it; with provenance if that was asked for.
        picture: its pixels, kept only for a figure.
    """

    path: Path
    true_label: str
    row: ScanRow
    picture: Image.Image | None = None

    @property
    def failure(self) -> str:
        """Reason why there is no verdict; empty if there is one."""
        return "" if self.row.verdict else f"{self.row.status}: {self.row.error}"


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


def provenance_options(*, is_read: bool, trust_list: str | None) -> "ProvenanceOptions | None":
    """Return how to read provenance; ``None`` if no option asks for it.

    Raises:
        InputError: the trust list cannot be used.
    """
    if not is_read and trust_list is None:
        return None
    provenance = import_module("..provenance.options", __package__)
    options: ProvenanceOptions = provenance.options_of(trust_list=trust_list)
    return options


def judge(
    detector: Detector,
    path: Path,
    true_label: str,
    provenance: "ProvenanceOptions | None" = None,
    *,
    keeps_picture: bool,
) -> Judged:
    """Return a picture with its verdict, or with the reason why there is none."""
    row, picture = detector.row(path), None
    with suppress(ImageError):
        if provenance is not None:
            row = replace(row, provenance=detector.provenance(path, provenance))
        if keeps_picture and row.verdict is not None:
            picture = detector.decode(path).image
    return Judged(path, true_label, row, picture)


def line(judged: Judged) -> str:
    """Return the line of one picture for a terminal."""
    name, row = printable(judged.path), judged.row
    stated = _statement(row.provenance)
    if row.verdict is None:
        return f"{name}: no verdict ({printable(judged.failure)}){stated}"
    likely = f"{percent(row.verdict.p_ai)} likely AI-generated"
    truth = f"; labelled {judged.true_label}" if judged.true_label else ""
    note = f"; {printable(row.note)}" if row.note else ""
    return f"{name}: {row.verdict.label} ({likely}{note}{truth}){stated}"


def _statement(provenance: Provenance | None) -> str:
    """Return what a file states in words; empty if it states nothing."""
    if provenance is None or provenance.origin is Origin.UNKNOWN:
        return ""
    evidence = ";".join(provenance.evidence)
    return f"; the file says: {provenance.origin} ({provenance.grade}: {evidence})"


def json_line(judged: Judged) -> str:
    """Return one picture as a JSON object: a scan's row, and the picture's label if it is known."""
    has_provenance = judged.row.provenance is not None
    columns = Columns.WITH_PROVENANCE if has_provenance else Columns.USUAL
    values = json_values(judged.row, columns)
    if judged.true_label:
        values["label"] = judged.true_label
    return json.dumps(values, ensure_ascii=False)


def draw(judged: Sequence[Judged], detector: Detector, figure: Path) -> None:
    """Draw the pictures side by side into a file.

    Raises:
        OutputError: the file cannot be written.
    """
    panels = [
        Panel(printable(one.path), one.picture, one.row.verdict, one.true_label, one.failure)
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
