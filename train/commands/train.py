"""``trustthepixels train``: fine-tune a classifier on labelled pictures."""

import logging
from pathlib import Path
from typing import Any

import click

from trustthepixels.infer.images.shape import View

from ..fitting.recipes import RECIPES
from ..networks.choices import Device, Precision
from ..settings import TrainSettings
from .typed import typed_options

_OF_EPOCHS = frozenset({"train_size", "learning_rate", "batch_size", "views"})
"""Options that do not apply when the last layer alone is fitted."""


@click.command("train")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="Run folder: config, splits, metrics, checkpoints, curves, weights.",
)
@click.option(
    "--recipe", default="web-light", show_default=True, help=f"One of {', '.join(RECIPES)}."
)
@click.option("--arch", "architecture", default="resnet34", show_default=True)
@click.option(
    "--init",
    default="imagenet",
    show_default=True,
    help="imagenet (timm, from the hub), random, or a file of weights; "
    "a shallower ResNet in the file is grown to --arch.",
)
@click.option(
    "--average-with",
    multiple=True,
    metavar="SOURCE",
    help="What --init was tuned from, or tuned into; the start is the mean of all. Repeatable.",
)
@click.option(
    "--part-init",
    default="",
    metavar="FILE",
    help="ResNet18 that sees the part, for an architecture of two views; --init is the other one.",
)
@click.option(
    "--view",
    "input_views",
    multiple=True,
    type=click.Choice([view.value for view in View]),
    default=[View.WHOLE.value],
    show_default=True,
    help="What the network sees of a picture; repeatable, the whole first.",
)
@click.option("--image-size", default=224, show_default=True, type=click.IntRange(32, 1024))
@click.option(
    "--train-size",
    type=click.IntRange(32, 1024),
    help="Side of the augmented views in pixels.  [default: --image-size]",
)
@click.option(
    "--epochs",
    default=10,
    show_default=True,
    type=click.IntRange(0),
    help="Passes over the training pictures; 0 fits the last layer alone.",
)
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(2))
@click.option(
    "--learning-rate", default=3e-4, show_default=True, type=click.FloatRange(0, min_open=True)
)
@click.option("--seed", default=42, show_default=True, type=click.IntRange(0))
@click.option(
    "--exclude-source", "exclude_sources", multiple=True, help="Leave a source out; repeatable."
)
@click.option("--splits", default="", help="CSV of file,split to use; else made from the seed.")
@click.option(
    "--fold",
    type=click.IntRange(0, 4),
    help="Hold the sources of this fold out, for leave-sources-out figures.",
)
@click.option(
    "--held-out",
    is_flag=True,
    help="Fit on all sources, and calibrate on five further fits that each leave sources out. With "
    "--epochs above 0, the later blocks of a tower learn; that needs --views.",
)
@click.option(
    "--source-curve",
    is_flag=True,
    help="With --held-out and --epochs 0: write source-curve.csv, the figures on held-out sources "
    "after fits on an eighth, a quarter, half and all of the others.",
)
@click.option(
    "--inverse-penalty",
    type=click.FloatRange(0, min_open=True),
    metavar="C",
    help="With --epochs 0: scikit-learn's C of the last layer; smaller is smoother. By default "
    "0.005 for a ResNet's stages and 0.0003 for a tower's.",
)
@click.option(
    "--learned-sources",
    default="",
    metavar="CSV",
    help="With --held-out: a manifest of what the stages were trained on. Its sources take part in "
    "the fit, but not in calibration and held-out figures.",
)
@click.option(
    "--hard",
    multiple=True,
    metavar="DIR",
    help="Further training pictures, as from 'evaluate --mistakes'; repeatable.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="FILE",
    help="weights.safetensors of another run; its answers are learned instead of the labels. "
    "Repeatable, then their mean.",
)
@click.option(
    "--views",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Changed views of each picture to keep in memory, 150 kB each at 224 pixels, so that no "
    "GPU waits for decoders; each epoch draws one. 0 changes each picture anew in every epoch.",
)
@click.option(
    "--device",
    type=click.Choice([device.value for device in Device]),
    default=Device.AUTO.value,
    show_default=True,
)
@click.option(
    "--precision",
    type=click.Choice([precision.value for precision in Precision]),
    default=Precision.AUTO.value,
    show_default=True,
)
@click.option("--resume", is_flag=True, help="Go on with the interrupted run in --out.")
@click.pass_context
def train(
    context: click.Context,
    /,
    data: Path,
    folder: Path,
    train_size: int | None,
    image_size: int,
    input_views: tuple[str, ...],
    device: str,
    precision: str,
    resume: bool,
    source_curve: bool,
    **options: Any,
) -> None:
    """Fine-tune on the pictures of DATA (a manifest.csv, or folders AI/ and Real/)."""
    if context.params["epochs"] == 0:
        for option in typed_options(context, _OF_EPOCHS):
            raise click.UsageError(
                f"--epochs 0 fits the last layer alone, without {option}", context
            )
    elif context.params["inverse_penalty"] is not None:
        raise click.UsageError("--inverse-penalty needs --epochs 0", context)
    if context.params["learned_sources"] and not context.params["held_out"]:
        raise click.UsageError("--learned-sources needs --held-out", context)
    if source_curve and not (context.params["held_out"] and context.params["epochs"] == 0):
        raise click.UsageError("--source-curve needs --held-out and --epochs 0", context)
    from ..fitting.run import train_run

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = TrainSettings(
        data=str(data),
        image_size=image_size,
        train_size=train_size or image_size,
        input_views=tuple(map(View, input_views)),
        **options,
    )
    weights = train_run(
        settings,
        folder,
        Device(device),
        Precision(precision),
        resume=resume,
        source_curve=source_curve,
    )
    if weights is not None:
        click.echo(f"wrote {weights}")
