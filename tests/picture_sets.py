"""Small data sets in the forms that ``prepare-data`` reads, made from the example pictures."""

import csv
import io
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import datasets
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "examples"
FOLDERS = {"ai": "AI", "real": "Real"}
PER_EXAMPLE = 4
PER_CLASS = 9 * PER_EXAMPLE
_FORMATS = (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("JPEG", "jpg"))


@dataclass(frozen=True)
class Crop:
    """One picture: a part of an example, in one of several formats."""

    name: str
    label: str
    origin: str
    data: bytes


@cache
def crops() -> tuple[Crop, ...]:
    """``PER_CLASS`` different pictures of each class, 48 by 40 pixels."""
    made = []
    for label, folder in FOLDERS.items():
        for example in sorted((EXAMPLES / folder).iterdir()):
            with Image.open(example) as image:
                picture = image.convert("RGB")
            for number, (format_name, suffix) in enumerate(_FORMATS):
                left, top = 30 + 50 * number, 60 + 40 * number
                part = picture.crop((left, top, left + 48, top + 40))
                stream = io.BytesIO()
                part.save(stream, format_name)
                name = f"{example.stem}_{number}.{suffix}"
                made.append(Crop(name, label, example.stem, stream.getvalue()))
    return tuple(made)


def write_folders(root: Path) -> Path:
    """An image folder: ``AI/`` and ``Real/``."""
    for crop in crops():
        path = root / FOLDERS[crop.label] / crop.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(crop.data)
    return root


def write_parquet(
    root: Path,
    label: datasets.ClassLabel | datasets.Value | None = None,
    labels: dict[str, object] | None = None,
    unusable: frozenset[int] = frozenset(),
    ballast: int = 0,
) -> Path:
    """A folder of two parquet files with row groups of 10: all AI pictures first, then all real.

    Args:
        root: where to.
        label: type of the label column; a ``ClassLabel`` of ``fake`` and ``real`` by default.
        labels: what to write for ``ai`` and ``real``.
        unusable: rows that hold no picture.
        ballast: bytes in a further column that nobody asked for.
    """
    label = label or datasets.ClassLabel(names=["fake", "real"])
    labels = labels or {"ai": 0, "real": 1}
    rows = [
        {
            "image": {"bytes": b"spoilt" if row in unusable else crop.data, "path": crop.name},
            "label": labels[crop.label],
            "prompt": crop.origin,
            "latents": random.Random(row).randbytes(ballast),
        }
        for row, crop in enumerate(crops())
    ]
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": label,
            "prompt": datasets.Value("string"),
            "latents": datasets.Value("binary"),
        }
    )
    root.mkdir(parents=True, exist_ok=True)
    half = len(rows) // 2
    for number, part in enumerate((rows[:half], rows[half:])):
        table = datasets.Dataset.from_list(part, features=features)
        table.to_parquet(root / f"train-{number:05d}-of-00002.parquet", batch_size=10)
    return root


def tree(root: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too, with their content."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def manifest_rows(root: Path) -> list[dict[str, str]]:
    """The rows of a prepared folder's manifest."""
    with (root / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
