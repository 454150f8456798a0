"""Changed views of pictures in a file, for trainings that start from the same views again."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from trustthepixels.infer.errors import OutputError
from trustthepixels.infer.images.shape import InputShape

from ..data.manifest import Sample, fingerprint, states_of_files
from .augment import Augmentation
from .kept_views import fill_views


def stored_views(
    folder: Path,
    samples: Sequence[Sample],
    shape: InputShape,
    augmentation: Augmentation | None,
    count: int,
    seed: int,
) -> npt.NDArray[np.uint8]:
    """Return views as ``keep_views`` makes them, mapped from a file that is written on first use.

    Args:
        folder: folder of the file.
        samples: pictures to load.
        shape: shape of the network's input.
        augmentation: random changes; ``None`` for exactly the pixels of inference.
        count: number of views of each picture.
        seed: seed of the changes.

    Returns:
        uint8 (pictures, count, *shape.axes), read-only.

    Raises:
        InputError: a picture cannot be used.
        OutputError: the file cannot be written, or the disk has no room for it.
    """
    described = f"{shape} {augmentation} {count} {seed} {fingerprint(samples)}\n"
    digest = hashlib.sha256(described.encode() + states_of_files(samples))
    path = folder / f"{digest.hexdigest()[:16]}.npy"
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".tmp")
            size = (len(samples), count, *shape.axes)
            # A mapped file that finds no room on the disk ends the process.
            room, needed = shutil.disk_usage(folder).free, int(np.prod(size))
            if needed > room:
                raise OutputError(
                    f"the views take {needed / 1e9:.1f} GB in {folder}, but the disk has "
                    f"{room / 1e9:.1f} GB; make room or use fewer --views"
                )
            views = np.lib.format.open_memmap(temporary, "w+", np.uint8, size)
            fill_views(torch.from_numpy(views), samples, shape, augmentation, seed)
            views.flush()
            temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    stored: npt.NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return stored
