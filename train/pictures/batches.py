"""Views of labelled pictures, decoded by several threads ahead of the network."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.system.cores import available_cores

from ..data.manifest import Sample
from .crops import Shown, views_of
from .load import load_image, load_pixels
from .tiers import Tier

Seen = TypeVar("Seen")

See = Callable[[Sample], list[PixelArray]]
"""Function that returns one or more views of a picture."""


def seen_as_input(sample: Sample, shape: InputShape, tier: Tier = Tier.CLEAN) -> list[PixelArray]:
    """Return a labelled picture as its tier leaves it and a scan sees it, alone in a list.

    Raises:
        InputError: the picture cannot be read or decoded.
    """
    return [load_pixels(sample.path, shape, tier)]


def views_of_sample(
    sample: Sample, view: Shown, size: tuple[int, int], tier: Tier = Tier.CLEAN
) -> list[PixelArray]:
    """Return the views of a labelled picture as its tier leaves it; the whole as a scan sees it.

    Raises:
        InputError: the picture cannot be read or decoded.
    """
    views = [] if view is Shown.CROP else seen_as_input(sample, InputShape(*size), tier)
    if view is not Shown.WHOLE:
        views += views_of(load_image(sample.path, tier), Shown.CROP, size)
    return views


def in_batches(
    samples: Sequence[Sample],
    see: Callable[[Sample], Seen],
    batch_size: int,
    threads: int | None = None,
) -> Iterator[list[Seen]]:
    """Yield the views of some pictures at a time, in their order.

    While the caller works at one batch, the next two are decoded.

    Args:
        samples: the pictures.
        see: returns the views of a picture; called in a thread.
        batch_size: pictures at a time; the last may be fewer.
        threads: number of decode threads; ``None`` for the number of cores.
    """
    batch: list[Seen] = []
    with ThreadPoolExecutor(threads or available_cores()) as pool:
        pending: deque[Future[Seen]] = deque()
        for number, sample in enumerate(samples):
            pending.append(pool.submit(see, sample))
            if number >= 2 * batch_size:
                batch.append(pending.popleft().result())
            if len(batch) == batch_size:
                yield batch
                batch = []
        while pending:
            batch.append(pending.popleft().result())
            if len(batch) == batch_size or not pending:
                yield batch
                batch = []
