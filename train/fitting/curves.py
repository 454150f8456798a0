"""Learning curves of a run as one picture."""

import csv
from pathlib import Path

from matplotlib.figure import Figure

_PANELS = (
    ("Cross entropy", ("train_loss", "val_loss")),
    ("Validation", ("val_accuracy", "val_auc")),
)


def merge_metrics(logs: Path, merged: Path) -> None:
    """Join the metrics of a run's start and resumptions; of a repeated epoch the last counts.

    Args:
        logs: folder with ``version_N/metrics.csv``.
        merged: CSV to write, one row for each epoch.
    """
    epochs: dict[int, dict[str, str]] = {}
    versions = sorted(logs.glob("version_*"), key=lambda path: int(path.name.split("_")[1]))
    for version in versions:
        seen: dict[int, dict[str, str]] = {}
        with (version / "metrics.csv").open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                filled = {name: value for name, value in row.items() if value}
                seen.setdefault(int(row["epoch"]), {}).update(filled)
        epochs.update(seen)
    columns = sorted({name for row in epochs.values() for name in row} - {"epoch"})
    with merged.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["epoch", *columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows(epochs[epoch] for epoch in sorted(epochs))


def draw_curves(metrics: Path, picture: Path) -> None:
    """Plot the CSV of ``merge_metrics`` over the epochs.

    Args:
        metrics: CSV with ``epoch`` and one column for each metric; empty cells are skipped.
        picture: PNG to write.
    """
    with metrics.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (title, columns) in zip(figure.subplots(1, len(_PANELS)), _PANELS, strict=True):
        for column in columns:
            points = [(int(r["epoch"]) + 1, float(r[column])) for r in rows if r.get(column)]
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=column)
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(picture, dpi=120)
