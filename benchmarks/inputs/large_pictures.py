"""Pictures of 1 megapixel and more, for comparing the fidelity of decoders.

There are three kinds: pictures of the data, enlarged or as tiles of four; photographs as they were
found; and smaller versions of these photographs, which show real detail at many sizes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from PIL import Image, ImageOps

from trustthepixels.train.data.manifest import Sample, load_samples

from ..settings import Settings
from .pictures import files_of, jpeg, made_set, with_grain

_LEAST_PIXELS, _MOST_PIXELS = 1.0e6, 12.0e6
_SHAPES = ((4, 3), (3, 2), (1, 1), (3, 4))
_QUALITIES = (75, 85, 92, 95)
_REDUCED = 3
"""Number of smaller versions of each photograph that was found."""


class Origin(StrEnum):
    """Origin of a large picture."""

    MADE = "made"
    FOUND = "found"
    REDUCED = "reduced"


@dataclass(frozen=True, slots=True)
class LargePicture:
    """One JPEG.

    Attributes:
        path: path of the file.
        origin: origin of the picture.
        is_ai: its class.
    """

    path: Path
    origin: Origin
    is_ai: bool


@dataclass(frozen=True, slots=True)
class _Enlarged:
    """A picture to be made from the data.

    Attributes:
        parts: 1 picture to enlarge, or 4 as tiles.
        size: its width and height.
        quality: quality of its JPEG.
        grain: true adds a sensor's noise.
        seed: seed of the noise.
    """

    parts: tuple[Path, ...]
    size: tuple[int, int]
    quality: int
    grain: bool
    seed: int

    def __call__(self) -> bytes:
        across = 1 if len(self.parts) == 1 else 2
        tile = (self.size[0] // across, self.size[1] // across)
        picture = Image.new("RGB", (tile[0] * across, tile[1] * across))
        for number, part in enumerate(self.parts):
            with Image.open(part) as image:
                enlarged = ImageOps.fit(image.convert("RGB"), tile, Image.Resampling.LANCZOS)
            picture.paste(enlarged, (number % across * tile[0], number // across * tile[1]))
        return jpeg(with_grain(picture, self.seed) if self.grain else picture, self.quality)


def large_pictures(settings: Settings) -> list[LargePicture]:
    """Return all large pictures; those that have to be made are made once."""
    found = found_photographs(settings.photos)
    pictures = _made_pictures(settings)
    pictures += [LargePicture(path, Origin.FOUND, is_ai=False) for path in found]
    reduced = [
        partial(_reduced_photograph, path, number, share)
        for path in found
        for number, share in enumerate(_reduced_shares())
    ]
    if reduced:
        files = files_of(made_set(settings, "reduced", reduced, found))
        pictures += [LargePicture(path, Origin.REDUCED, is_ai=False) for path in files]
    return pictures


def found_photographs(folders: Sequence[Path]) -> list[Path]:
    """Return the JPEGs of at least a megapixel below some folders."""
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in sorted(paths) if _is_large_jpeg(path)]


def _is_large_jpeg(path: Path) -> bool:
    if path.suffix.lower() not in (".jpg", ".jpeg") or path.is_symlink():
        return False
    with Image.open(path) as image:
        return image.width * image.height >= _LEAST_PIXELS


def _made_pictures(settings: Settings) -> list[LargePicture]:
    """Make large pictures from the data, as many of each class."""
    samples = load_samples(settings.data)
    each = settings.counts.fidelity // 2
    made = []
    for label in ("ai", "real"):
        of_class = [sample for sample in samples if sample.label == label]
        jobs = [_planned(of_class, number, each) for number in range(each)]
        origins = [part for job in jobs for part in job.parts]
        files = files_of(made_set(settings, f"large-{label}", jobs, origins))
        made += [LargePicture(path, Origin.MADE, label == "ai") for path in files]
    return made


def _planned(samples: list[Sample], number: int, count: int) -> _Enlarged:
    parts = 4 if number % 2 else 1
    first = number * len(samples) // count
    chosen = tuple(samples[(first + step) % len(samples)].path for step in range(parts))
    # As in most folders, most pictures are nearer to 1 than to 12 megapixels.
    share = (number * 7919 % count) / max(1, count - 1)
    size = _size_of(_LEAST_PIXELS * (_MOST_PIXELS / _LEAST_PIXELS) ** share, number // 2)
    quality = _QUALITIES[number // 8 % len(_QUALITIES)]
    return _Enlarged(chosen, size, quality, grain=number // 4 % 2 == 1, seed=number)


def _size_of(pixels: float, shape: int) -> tuple[int, int]:
    width, height = _SHAPES[shape % len(_SHAPES)]
    side = (pixels / (width * height)) ** 0.5
    return round(width * side), round(height * side)


def _reduced_shares() -> list[float]:
    """Return the sizes of the smaller versions: 0 is a megapixel, 1 the photograph's own size."""
    return [number / _REDUCED for number in range(_REDUCED)]


def _reduced_photograph(path: Path, number: int, share: float) -> bytes:
    with Image.open(path) as image:
        pixels = image.width * image.height
        factor = ((_LEAST_PIXELS / pixels) ** (1.0 - share)) ** 0.5
        size = (round(image.width * factor), round(image.height * factor))
        smaller = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return jpeg(smaller, _QUALITIES[(number + len(path.name)) % len(_QUALITIES)])
