"""Pictures of 1 to 12 megapixels and more, on which decoders are compared for their fidelity.

Three kinds: pictures of the data, enlarged or as tiles of four; photographs as they were found; and
the same photographs made smaller, so that real detail is seen at many sizes.
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
"""How many smaller versions are made of each photograph that was found."""


class Origin(StrEnum):
    """Where a large picture comes from."""

    MADE = "made"
    FOUND = "found"
    REDUCED = "reduced"


@dataclass(frozen=True, slots=True)
class LargePicture:
    """One JPEG.

    Attributes:
        path: of the file.
        origin: where it comes from.
        is_ai: its class.
    """

    path: Path
    origin: Origin
    is_ai: bool


@dataclass(frozen=True, slots=True)
class _Enlarged:
    """A picture to be made from the data.

    Attributes:
        parts: 1 picture to be enlarged, or 4 as tiles.
        size: width and height that it gets.
        quality: of its JPEG.
        grain: whether it gets a sensor's noise.
        seed: of the noise.
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
    """All of them; those that have to be made are made once."""
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
    """JPEGs below folders that have a megapixel."""
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in sorted(paths) if _is_large_jpeg(path)]


def _is_large_jpeg(path: Path) -> bool:
    if path.suffix.lower() not in (".jpg", ".jpeg") or path.is_symlink():
        return False
    with Image.open(path) as image:
        return image.width * image.height >= _LEAST_PIXELS


def _made_pictures(settings: Settings) -> list[LargePicture]:
    """Of both classes alike."""
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
    # Most pictures are nearer to 1 than to 12 megapixels, as in most folders.
    share = (number * 7919 % count) / max(1, count - 1)
    size = _size_of(_LEAST_PIXELS * (_MOST_PIXELS / _LEAST_PIXELS) ** share, number // 2)
    quality = _QUALITIES[number // 8 % len(_QUALITIES)]
    return _Enlarged(chosen, size, quality, grain=number // 4 % 2 == 1, seed=number)


def _size_of(pixels: float, shape: int) -> tuple[int, int]:
    width, height = _SHAPES[shape % len(_SHAPES)]
    side = (pixels / (width * height)) ** 0.5
    return round(width * side), round(height * side)


def _reduced_shares() -> list[float]:
    """Where between a megapixel (0) and the photograph's own size (1) the versions lie."""
    return [number / _REDUCED for number in range(_REDUCED)]


def _reduced_photograph(path: Path, number: int, share: float) -> bytes:
    with Image.open(path) as image:
        pixels = image.width * image.height
        factor = ((_LEAST_PIXELS / pixels) ** (1.0 - share)) ** 0.5
        size = (round(image.width * factor), round(image.height * factor))
        smaller = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return jpeg(smaller, _QUALITIES[(number + len(path.name)) % len(_QUALITIES)])
