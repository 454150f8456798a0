"""Small labelled data sets, cut from the example pictures when a test runs."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from trustthepixels.infer.images.decode import decode

EXAMPLES = Path(__file__).parent.parent / "examples"


def write_labelled_pictures(
    folder: Path, *, per_picture: int, side: int = 96, seed: int = 0
) -> Path:
    """Write random crops of every example into ``AI/`` and ``Real/``, with a manifest.

    Two crops of one example share a group, as tiles of one picture do.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for name, label in (("AI", "ai"), ("Real", "real")):
        (folder / name).mkdir(parents=True)
        for picture in sorted((EXAMPLES / name).iterdir()):
            image = decode(picture.read_bytes()).image
            for index in range(per_picture):
                left = int(rng.integers(image.width - side + 1))
                top = int(rng.integers(image.height - side + 1))
                file = f"{name}/{picture.stem}-{index}.jpg"
                crop = image.crop((left, top, left + side, top + side))
                crop.save(folder / file, quality=92)
                group = f"{picture.stem}-{index // 2}"
                rows.append((file, label, picture.stem.split("-")[0], group))
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "class", "source", "group"])
        writer.writerows(rows)
    return folder


def write_pictures_of_many_sources(folder: Path) -> Path:
    """Write four crops of each example, every example as its own source."""
    write_labelled_pictures(folder, per_picture=4, side=48)
    with (folder / "manifest.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"source": row["group"].rpartition("-")[0]} for row in rows)
    return folder


def colour_field(width: int, height: int, seed: int = 0) -> Image.Image:
    """A smooth random picture of any size, for properties that hold for every shape."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def csv_columns(path: Path, *names: str) -> list[tuple[str, ...]]:
    """Values of some columns of a CSV file, a tuple for each row."""
    with path.open(newline="") as stream:
        return [tuple(row[name] for name in names) for row in csv.DictReader(stream)]


def rows_of(table: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, such as a run's ``held-out.csv``."""
    with table.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
