"""Settings of one run of the benchmarks."""

from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""Root of the repository."""

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of files and repeats.

    Attributes:
        small: JPEGs of 500×375.
        camera: JPEGs of 2 to 12 megapixels.
        other: PNG files of 500×375, and as many WebP files.
        fidelity: large pictures made from the data, half of them AI-generated.
        tiny: numbers of tiny files, for memory and growth, rising.
        sweep: small JPEGs (a third as many camera JPEGs) for finding the peers' best settings.
        repeats: number of times that each figure is taken.
    """

    small: int = 256
    camera: int = 80
    other: int = 128
    fidelity: int = 400
    tiny: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    sweep: int = 48
    repeats: int = 3


QUICK = Counts(
    small=24, camera=10, other=4, fidelity=8, tiny=(1_000, 3_000, 6_000), sweep=24, repeats=2
)
"""Counts of a trial run; its figures mean nothing."""

ON_CUDA = Counts(small=2048, sweep=192)
"""Counts for a GPU: with fewer pictures, start and compilation would dominate."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a run.

    Attributes:
        data: labelled pictures with a ``manifest.csv``, see ``trustthepixels.train.data.manifest``.
        photos: folders of large photographs, for the fidelity of decoders.
        work: folder for inputs and models; kept between runs.
        weights: the checkpoint that the peers run, see ``inputs.models.default_weights``; empty
            for none.
        earlier: checkout of an earlier commit, to compare with; ``None`` for none.
        splits: splits of its training, see ``trustthepixels.train.data.splits``.
        device: device of the models, ``cpu`` or ``cuda``.
        counts: numbers of files and repeats.
    """

    data: Path
    photos: tuple[Path, ...]
    work: Path
    weights: Path = Path()
    earlier: Path | None = None
    splits: Path = ROOT / "train" / "bundled" / "splits.csv"
    device: str = "cpu"
    counts: Counts = Counts()

    def with_repeats(self, repeats: int | None) -> "Settings":
        """Return the settings with another number of repeats; ``None`` changes nothing."""
        if repeats is None:
            return self
        return replace(self, counts=replace(self.counts, repeats=repeats))
