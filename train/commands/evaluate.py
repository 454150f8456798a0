"""``trustthepixels evaluate``: measure a model on labelled pictures."""

from pathlib import Path
from typing import Any

import click

from trustthepixels.infer.commands.options import request_options

from .typed import typed_options

_WITH_REGRESSIONS = frozenset({"model", "data", "regressions", "mark_fixed", "device", "threads"})


@click.command("evaluate")
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder for report.html, evaluation.json, predictions.csv and pictures.",
)
@click.option("--splits", type=click.Path(path_type=Path), help="CSV of file,split.")
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Part of --splits to evaluate.",
)
@click.option(
    "--fold",
    type=click.IntRange(0, 4),
    help="Evaluate the sources that this fold holds out.",
)
@click.option(
    "--fold-model",
    "fold_models",
    multiple=True,
    metavar="K=MODEL",
    help="Also evaluate fold K of DATA with the model that was trained without it; repeatable.",
)
@click.option(
    "--external",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also evaluate a data set that no model was trained on; repeatable.",
)
@click.option(
    "--exclude-source", "exclude_sources", multiple=True, help="Leave a source out; repeatable."
)
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    type=click.Choice(["clean", "web", "hard", "webp", "screenshot", "upscale"]),
    help="What happens to each picture first; repeatable.  [default: clean]",
)
@click.option("--all-tiers", is_flag=True, help="Every tier, one after the other.")
@click.option(
    "--leak-probe",
    is_flag=True,
    help="Also ask whether file facts or codecs give the classes away.",
)
@click.option(
    "--mistakes",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Gather what MODEL gets wrong of DATA in DIR, for 'train --hard' and --regressions.",
)
@click.option(
    "--regressions",
    is_flag=True,
    help="Replay DATA/regressions.csv instead; a fixed picture that is wrong again is exit code 4.",
)
@click.option(
    "--mark-fixed",
    is_flag=True,
    help="With --regressions: what MODEL gets right must stay right from now on.",
)
@request_options("false_positive_rate", "threshold", "device", "threads")
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(1, 1024))
@click.option(
    "--decode-threads",
    type=click.IntRange(1, 64),
    help="Threads that decode.  [default: the cores that this process may use]",
)
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    model: str,
    data: Path,
    folder: Path | None,
    mistakes: Path | None,
    regressions: bool,
    mark_fixed: bool,
    **options: Any,
) -> None:
    """Measure MODEL on labelled pictures.

    MODEL is an ONNX file of ours, the name of a bundled model, or weights.safetensors of a
    training run.

    DATA is a manifest.csv (columns file and class, also source and group), a folder with one, or
    a folder with AI/ and Real/; one class is enough for its own figures. Where only --fold-model
    is given, MODEL itself is not measured on DATA. Intervals are 95 %, from a bootstrap over
    groups.

    Exit codes: 0 all fine; 1 done, but some pictures could not be decoded, and are in none of the
    figures; 2 wrong usage, input or output; 3 the model or the device cannot be used; 4 a picture
    of the regression list is wrong again.
    """
    if regressions:
        for option in typed_options(context, context.params.keys() - _WITH_REGRESSIONS):
            raise click.UsageError(f"--regressions and {option} exclude each other", context)
    elif mark_fixed:
        raise click.UsageError("--mark-fixed is for --regressions", context)
    from . import evaluating

    if regressions:
        code = evaluating.replay_list(
            model, data, options["device"], options["threads"], mark_fixed=mark_fixed
        )
    else:
        code = evaluating.measure(evaluating.request(model, data, options), folder, mistakes)
    if code:
        context.exit(code)
