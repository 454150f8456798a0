"""The views of labelled pictures, decoded by several threads ahead of the network."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from trustthepixels.infer.errors import ImageError, InputError
from trustthepixels.infer.images.preprocess import PixelArray
from trustthepixels.infer.images.views import View, views_of
from trustthepixels.infer.system.cores import available_cores

from ..data.manifest import Sample
from .load import load_picture
from .tiers import Tier

See = Callable[[Sample], list[PixelArray]]
"""Gives one or more views of a picture."""


def views_of_sample(
    sample: Sample, view: View, size: tuple[int, int], tier: Tier = Tier.CLEAN
) -> list[PixelArray]:
    """The views of a labelled picture as its tier leaves it, decoded in full.

    Raises:
        InputError: it cannot be read or decoded.
    """
    try:
        image = load_picture(sample, tier)
    except ImageError as error:
        raise InputError(f"cannot use {sample.path}: {error}") from error
    return views_of(image, view, size)


def in_batches(
    samples: Sequence[Sample], see: See, batch_size: int
) -> Iterator[list[list[PixelArray]]]:
    """The views of each picture, so many pictures at a time, in their order."""
    with ThreadPoolExecutor(available_cores()) as pool:
        for start in range(0, len(samples), batch_size):
            yield list(pool.map(see, samples[start : start + batch_size]))
