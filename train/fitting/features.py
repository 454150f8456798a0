"""Features of frozen stages on disk, computed once for all fits on the same pictures."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from trustthepixels.infer.errors import InputError, OutputError
from trustthepixels.infer.images.pixels import PixelArray
from trustthepixels.infer.images.shape import InputShape

from ..data.manifest import Sample, fingerprint, states_of_files
from ..networks.hardware import Arithmetic
from ..networks.network import Classifier
from ..networks.stage_statistics import Features, stage_statistics
from ..pictures.augment import Augmentation
from ..pictures.batches import See, in_batches, seen_as_input, views_of_sample
from ..pictures.crops import Shown
from ..pictures.tiers import Tier
from .last_layer import changed_view

_BATCH_SIZE = 16

_PART_SIZE = 64 * _BATCH_SIZE
"""Pictures in each file of a table; an interrupted pass loses fewer than these."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureStore:
    """Features on disk; each table is computed on first use, part by part.

    Attributes:
        folder: folder of the tables.
        network: network with stages and its starting weights.
        shape: shape of the network's input.
        arithmetic: device and precision.
    """

    folder: Path
    network: Classifier
    shape: InputShape
    arithmetic: Arithmetic

    def seen(self, samples: Sequence[Sample], view: Shown, tier: Tier = Tier.CLEAN) -> Features:
        """Return features of pictures in inference's views, (n, views, features).

        Raises:
            InputError: a picture cannot be decoded, or an existing table is damaged.
            OutputError: the table cannot be written.
        """

        def see(sample: Sample) -> list[PixelArray]:
            if view is Shown.WHOLE:
                return seen_as_input(sample, self.shape, tier)
            return views_of_sample(sample, view, self.shape.size, tier)

        return self._table(samples, see, f"seen {view} {tier}")

    def changed(
        self, samples: Sequence[Sample], augmentation: Augmentation, repeat: int
    ) -> Features:
        """Return features of randomly changed pictures, (n, features); a group has equal changes.

        Args:
            samples: the pictures.
            augmentation: the changes.
            repeat: number of the pass; each has other changes.

        Raises:
            InputError: a picture cannot be decoded, or an existing table is damaged.
            OutputError: the table cannot be written.
        """
        see = partial(changed_view, augmentation=augmentation, shape=self.shape, repeat=repeat)
        return self._table(samples, see, f"changed {augmentation} {repeat}")[:, 0]

    def _table(self, samples: Sequence[Sample], see: See, what: str) -> Features:
        key = self._key(samples, what)
        # The kind of view; the rest are parameters.
        title, parts = what.partition(" ")[0], []
        with tqdm(total=len(samples), desc=title, unit="picture", leave=False, disable=None) as bar:
            for start in range(0, len(samples), _PART_SIZE):
                part = samples[start : start + _PART_SIZE]
                path = self.folder / f"{key}-{start // _PART_SIZE:03}.npy"
                if path.exists():
                    bar.update(len(part))
                else:
                    self._write(path, self._compute(part, see, bar))
                parts.append(_read(path, len(part)))
        # Widened once, so that a pass is not in memory twice.
        return np.concatenate(parts, dtype=np.float32)

    def _key(self, samples: Sequence[Sample], what: str) -> str:
        """Return a digest of everything that decides a table."""
        network = self.network
        described = f"{network.architecture} {self.shape} {self.arithmetic} {what}"
        digest = hashlib.sha256(f"{described} {fingerprint(samples)}".encode())
        for name, tensor in network.backbone.state_dict().items():
            # A fit changes the last layer, which no table depends on.
            if not name.startswith("fc."):
                digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        digest.update(states_of_files(samples))
        return digest.hexdigest()[:16]

    def _compute(self, samples: Sequence[Sample], see: See, bar: "tqdm[NoReturn]") -> Features:
        def shown() -> Iterator[list[PixelArray]]:
            for batch in in_batches(samples, see, _BATCH_SIZE):
                yield [view for one in batch for view in one]
                bar.update(len(batch))

        features = stage_statistics(self.network, shown(), self.arithmetic)
        values = features.shape[-1]
        return features.reshape(len(samples), -1, values)

    def _write(self, path: Path, features: Features) -> None:
        temporary = path.with_suffix(".tmp")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as stream:
                np.save(stream, features.astype(np.float16))
            temporary.replace(path)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _read(path: Path, pictures: int) -> npt.NDArray[np.float16]:
    """Return one part of a table; it has a row for each of its pictures."""
    try:
        features: npt.NDArray[np.float16] = np.load(path)
        if len(features) != pictures:
            raise ValueError(f"{len(features)} rows instead of {pictures}")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"cannot read {path}; delete it to compute it again") from error
    return features
