"""Hugging Face's ``pipeline("image-classification")`` over a folder, with batches and workers."""

import itertools
import math
import time
from pathlib import Path

import click

from .record import Record
from .spread import spread


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--batch-size", type=int, default=1)
@click.option("--workers", type=int, default=0)
@click.option("--device", default="cpu")
@click.option("--sweep", type=int, help="Try all settings on so many files, and print the best.")
def main(
    model: Path,
    folder: Path,
    out: Path,
    batch_size: int,
    workers: int,
    device: str,
    sweep: int | None,
) -> None:
    """Classify all pictures of FOLDER."""
    from transformers import pipeline

    from trustthepixels.train.networks import network as network  # adds ours to timm's registry

    classify = pipeline("image-classification", model=str(model), device=device)
    paths = sorted(str(path) for path in folder.iterdir())
    if sweep:
        _sweep(classify, spread(paths, sweep))
        return
    record = Record(out)
    answers = classify(paths, batch_size=batch_size, num_workers=workers, top_k=2)
    for path, scores in zip(paths, answers, strict=True):
        by_label = {score["label"]: score["score"] for score in scores}
        record.add(path, math.log(by_label["ai"]) - math.log(by_label["real"]))
    record.write()


def _sweep(classify, paths: list[str]) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    from trustthepixels.infer.system.cores import available_cores

    classify(paths[:4], batch_size=4, num_workers=0)
    best = (math.inf, 0, 0)
    # A batch holds at most all files.
    sizes = [size for size in (1, 4, 8, 16, 32) if size <= len(paths)]
    for batch_size, workers in itertools.product(sizes, sorted({0, 1, 2, available_cores()})):
        start = time.perf_counter()
        classify(paths, batch_size=batch_size, num_workers=workers)
        best = min(best, (time.perf_counter() - start, batch_size, workers))
    click.echo(f"{best[1]} {best[2]}")


if __name__ == "__main__":
    main()
