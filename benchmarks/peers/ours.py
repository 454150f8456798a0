"""The scanner's own pipeline in Python, with the time of each answer."""

import math
import os
from pathlib import Path

import click

from .record import Record


@click.command()
@click.argument("model")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--device", default="cpu")
def main(model: str, folder: Path, out: Path, device: str) -> None:
    """Classify all pictures of FOLDER."""
    from trustthepixels.infer.choices import Device
    from trustthepixels.infer.scan.pipeline import scan_rows

    from ..scanner import scanner

    batched, options = scanner(model, Device(device))
    spec, calibration = batched.session.spec, batched.session.spec.calibration
    record = Record(out)
    roots = [os.fsencode(folder)]
    for row in scan_rows(roots, batched.classifier, spec.rule(), options, batched.allocate):
        assert row.verdict is not None, row
        # Rows carry six digits; the clamp keeps 0 and 1 finite.
        p_ai = min(max(row.verdict.p_ai, 1e-7), 1 - 1e-7)
        score = math.log(p_ai) - math.log1p(-p_ai)
        record.add(row.path, (score - calibration.bias) * calibration.temperature)
    record.write()


if __name__ == "__main__":
    main()
