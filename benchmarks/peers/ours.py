"""The scanner through its Python API, for the rate in its steady state."""

import math
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
    from trustthepixels.infer import Detector

    detector = Detector(model, device)
    calibration = detector.spec.calibration
    record = Record(out)
    for row in detector.scan([folder]):
        assert row.verdict is not None, row
        # Rows carry six digits; the clamp keeps 0 and 1 finite.
        p_ai = min(max(row.verdict.p_ai, 1e-7), 1 - 1e-7)
        score = math.log(p_ai) - math.log1p(-p_ai)
        record.add(row.path, (score - calibration.bias) * calibration.temperature)
    record.write()


if __name__ == "__main__":
    main()
