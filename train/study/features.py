"""What frozen stages say of all pictures of a study, computed once for all runs that share it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from trustthepixels.infer.errors import InputError, OutputError
from trustthepixels.infer.images.preprocess import PixelArray
from trustthepixels.infer.images.views import View

from ..data.manifest import Sample, fingerprint
from ..fitting.last_layer import changed_view
from ..networks.hardware import Arithmetic
from ..networks.network import Classifier
from ..networks.stage_statistics import Features, stage_statistics
from ..pictures.augment import Augmentation
from ..pictures.batches import See, in_batches, views_of_sample
from ..pictures.tiers import Tier

_BATCH_SIZE = 16


@dataclass(frozen=True, slots=True, eq=False)
class FeatureStore:
    """Features on disk, each table computed when it is first asked for.

    Attributes:
        folder: where the tables lie.
        network: whose stages speak, with its starting weights.
        side: of the square views in pixels.
        arithmetic: where it computes, and how exactly.
    """

    folder: Path
    network: Classifier
    side: int
    arithmetic: Arithmetic

    def seen(self, samples: Sequence[Sample], view: View, tier: Tier = Tier.CLEAN) -> Features:
        """Of pictures as inference would see them, (n, views, features).

        Raises:
            InputError: a picture cannot be decoded, or a table that is there is damaged.
            OutputError: the table cannot be kept.
        """

        def see(sample: Sample) -> list[PixelArray]:
            return views_of_sample(sample, view, self._size, tier)

        return self._table(samples, see, f"seen {view} {tier}")

    def changed(
        self, samples: Sequence[Sample], augmentation: Augmentation, repeat: int
    ) -> Features:
        """Of pictures with random changes, (n, features); those of one group are changed alike.

        Args:
            samples: the pictures.
            augmentation: the changes.
            repeat: number of the pass; each has other changes.

        Raises:
            InputError: likewise.
            OutputError: the table cannot be kept.
        """
        see = partial(changed_view, augmentation=augmentation, size=self._size, repeat=repeat)
        return self._table(samples, see, f"changed {augmentation} {repeat}")[:, 0]

    @property
    def _size(self) -> tuple[int, int]:
        return self.side, self.side

    def _table(self, samples: Sequence[Sample], see: See, what: str) -> Features:
        key = f"{self.network.architecture} {self.side} {what} {fingerprint(samples)}"
        path = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
        if not path.exists():
            self._write(path, self._compute(samples, see))
        try:
            features: Features = np.load(path).astype(np.float32)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"cannot read {path}; delete it to have it made again") from error
        return features

    def _compute(self, samples: Sequence[Sample], see: See) -> Features:
        batches = in_batches(samples, see, _BATCH_SIZE)
        shown = ([view for one in batch for view in one] for batch in batches)
        features = stage_statistics(self.network, shown, self.arithmetic)
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
