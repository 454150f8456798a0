"""What one run of the benchmarks works on."""

from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is measured.

    Attributes:
        small: JPEGs of 500×375.
        camera: JPEGs of 2 to 12 megapixels.
        other: PNG and WebP files of 500×375, each.
        fidelity: large pictures made from the data, half of them AI-generated.
        tiny: numbers of tiny files, for memory and growth, rising.
        sweep: small JPEGs, or a third as many camera JPEGs, on which the peers' best settings are
            looked for.
        repeats: how often each figure is taken.
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
"""Enough to see that everything works; its figures say nothing."""

ON_CUDA = Counts(small=2048, sweep=192)
"""A GPU takes so many pictures a second that of fewer, start and compilation would decide."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One run.

    Attributes:
        data: labelled pictures with a ``manifest.csv``, see ``trustthepixels.train.data.manifest``.
        photos: folders of further large photographs, for the fidelity of decoders.
        work: where inputs and models are made; kept between runs.
        weights: the checkpoint that the peers run.
        splits: which of the data it was trained on, see ``trustthepixels.train.data.splits``.
        device: where the models run, ``cpu`` or ``cuda``.
        counts: how much.
    """

    data: Path
    photos: tuple[Path, ...]
    work: Path
    weights: Path = ROOT / "train" / "bundled" / "weights.safetensors"
    splits: Path = ROOT / "train" / "bundled" / "splits.csv"
    device: str = "cpu"
    counts: Counts = Counts()

    def with_repeats(self, repeats: int | None) -> "Settings":
        """The same with another number of repeats; ``None`` changes nothing."""
        if repeats is None:
            return self
        return replace(self, counts=replace(self.counts, repeats=repeats))
