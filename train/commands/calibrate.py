"""``trustthepixels calibrate``: calibrate a model on sources held out from training."""

from pathlib import Path

import click


@click.command("calibrate")
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--splits",
    type=click.Path(path_type=Path),
    required=True,
    help="CSV of file,split of the run that made WEIGHTS.",
)
@click.option(
    "--run",
    "runs",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="A finished run of 'train --fold', same recipe; repeatable, best all five.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="JSON that 'export --calibration' takes.",
)
def calibrate(weights: Path, data: Path, splits: Path, runs: tuple[Path, ...], out: Path) -> None:
    """Calibrate WEIGHTS' probabilities and thresholds on sources held out from training.

    DATA is the data set of the training. Each run left whole sources of it out; its answers for
    them measure how reliable the model is on new sources.
    """
    from ..calibration.held_out import calibrate_on_held_out

    calibrate_on_held_out(weights, data, splits, runs, out)
    click.echo(f"wrote {out}")
