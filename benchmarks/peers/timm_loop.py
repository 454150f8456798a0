"""The loop of timm's ``inference.py``: DataLoader with workers, channels-last PyTorch.

On CUDA it is compiled and runs in bfloat16, as with timm's ``--amp`` and ``--torchcompile``.
"""

import itertools
from pathlib import Path
from typing import Any

import click

from .record import Record, steady_rate
from .spread import spread


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--batch-size", type=int, default=32)
@click.option("--workers", type=int, default=1)
@click.option("--device", default="cpu")
@click.option("--sweep", type=int, help="Try all settings on so many files, and print the best.")
def main(
    weights: Path,
    folder: Path,
    out: Path,
    batch_size: int,
    workers: int,
    device: str,
    sweep: int | None,
) -> None:
    """Classify all pictures of FOLDER."""
    import torch

    from .timm_model import timm_model

    model, spec = timm_model(weights)
    placed = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    classify: Any = torch.compile(placed) if device == "cuda" else placed
    paths = sorted(folder.iterdir())
    if sweep:
        from trustthepixels.infer.system.cores import available_cores

        best = (0.0, 0, 0)
        # Fewer than three batches have no steady state.
        sizes = [size for size in (8, 16, 32, 64) if 3 * size <= sweep]
        for size, count in itertools.product(sizes, sorted({1, 2, available_cores()})):
            record = Record(out)
            _classify(classify, spread(paths, sweep), spec, size, count, device, record)
            best = max(best, (steady_rate(record.stamps), size, count))
        click.echo(f"{best[1]} {best[2]}")
        return
    record = Record(out)
    _classify(classify, paths, spec, batch_size, workers, device, record)
    record.write()


def _classify(
    model: Any,
    paths: list[Path],
    spec: Any,
    batch_size: int,
    workers: int,
    device: str,
    record: Record,
) -> None:
    import torch
    from timm.data import create_transform

    transform = create_transform(
        input_size=(3, *spec.input_size),
        interpolation="bilinear",
        mean=spec.mean,
        std=spec.std,
        crop_mode="squash",
        crop_pct=1.0,
    )
    pictures: Any = _Pictures(paths, transform)
    loader: Any = torch.utils.data.DataLoader(
        pictures,
        batch_size=batch_size,
        num_workers=workers,
        pin_memory=device == "cuda",
    )
    named = iter(paths)
    precision = torch.autocast(device, torch.bfloat16, enabled=device == "cuda")
    with torch.inference_mode(), precision:
        for batch in loader:
            images = batch.to(device, non_blocking=True, memory_format=torch.channels_last)
            for real, ai in model(images).float().tolist():
                record.add(next(named), ai - real)


class _Pictures:
    """A data set for ``DataLoader``."""

    def __init__(self, paths: list[Path], transform: Any) -> None:
        self._paths = paths
        self._transform = transform

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Any:
        from PIL import Image

        with Image.open(self._paths[index]) as image:
            return self._transform(image.convert("RGB"))


if __name__ == "__main__":
    main()
