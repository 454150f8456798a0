"""``trustthepixels evaluate``: measure a model on labelled pictures."""

from pathlib import Path
from typing import Any

import click

from trustthepixels.infer.commands.options import request_options
from trustthepixels.infer.system.cores import available_cores

from ..data.splits import Split
from ..evaluation.request import DataRequest, EvaluationRequest, Labels, parse_fold_models
from ..pictures.tiers import Tier
from .typed import typed_options


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
    type=click.Choice([split.value for split in Split]),
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
    type=click.Choice([tier.value for tier in Tier]),
    help="What happens to each picture first; repeatable.  [default: clean]",
)
@click.option("--all-tiers", is_flag=True, help="Every tier, one after the other.")
@click.option(
    "--labels-from-provenance",
    is_flag=True,
    help="DATA is any folder: measure on its pictures whose content credentials hold, labelled by "
    "what those state (ai, or camera for real).",
)
@click.option(
    "--trust-list",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Certificates (PEM) of trusted signers for --labels-from-provenance, instead of the C2PA "
    "Trust List.",
)
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

    MODEL is an ONNX file, the name of a bundled model, or weights.safetensors of a training run.

    DATA is a manifest.csv (columns file and class, optionally source and group), a folder with one,
    or a folder with AI/ and Real/. One class is enough for its own figures. With --fold-model
    alone, MODEL itself is not measured on DATA. Intervals are 95 %, from a bootstrap over groups.

    Exit codes: 0 success; 1 done, but some pictures could not be decoded and are in none of the
    figures; 2 wrong usage, input or output; 3 the model or the device cannot be used; 4 a picture
    of the regression list is wrong again.
    """
    if mark_fixed and not regressions:
        raise click.UsageError("--mark-fixed needs --regressions", context)
    if regressions:
        for option in typed_options(context, context.params.keys() - _WITH_REGRESSIONS):
            raise click.UsageError(f"--regressions and {option} exclude each other", context)
    from ..reports.run import evaluate_and_report, replay_and_report

    if regressions:
        device, threads = options["device"], options["threads"] or available_cores()
        code = replay_and_report(model, data, device, threads, click.echo, mark_fixed=mark_fixed)
    else:
        code = evaluate_and_report(_request(model, data, options), folder, mistakes, click.echo)
    context.exit(code)


def _request(model: str, data: Path, options: dict[str, Any]) -> EvaluationRequest:
    split, stated = options.pop("split"), options.pop("labels_from_provenance")
    choice = DataRequest(
        data,
        split=Split(split) if split else None,
        labels=Labels.PROVENANCE if stated else Labels.DATA_SET,
        **{
            name: options.pop(name)
            for name in ("splits", "fold", "exclude_sources", "external", "trust_list")
        },
    )
    tiers = tuple(dict.fromkeys(map(Tier, options.pop("tiers")))) or (Tier.CLEAN,)
    if options.pop("all_tiers"):
        tiers = tuple(Tier)
    fold_models = parse_fold_models(options.pop("fold_models"))
    return EvaluationRequest(model, choice, fold_models, tiers, **options)


_WITH_REGRESSIONS = frozenset({"model", "data", "regressions", "mark_fixed", "device", "threads"})
