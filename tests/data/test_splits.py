"""Group-wise splits: no group straddles, every picture is in one part, order does not matter."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trustthepixels.infer.errors import InputError
from trustthepixels.train.data.manifest import Sample
from trustthepixels.train.data.splits import (
    MINIMUM_GROUPS,
    Split,
    read_splits,
    select,
    split_by_group,
    write_splits,
)

FAST = settings(max_examples=25, deadline=None)


def sample(number: int, label: str = "ai", source: str = "s", group: str = "") -> Sample:
    file = f"{label}/{number:05d}.jpg"
    return Sample(Path(file), file, label, source, group or file)


@st.composite
def data_sets(draw: st.DrawFn) -> list[Sample]:
    """Pictures of both classes, of several sources, in groups of very different sizes."""
    picture = st.tuples(
        st.sampled_from(["ai", "real"]), st.sampled_from("abcdef"), st.integers(0, 60)
    )
    pictures = draw(st.lists(picture, min_size=MINIMUM_GROUPS, max_size=90))
    samples = [
        sample(number, label, source, f"group {group}")
        for number, (label, source, group) in enumerate(pictures)
    ]
    assume(len({sample.group for sample in samples}) >= MINIMUM_GROUPS)
    return samples


@FAST
@given(data_sets(), st.integers(0, 10))
def test_no_group_straddles_and_every_picture_is_in_exactly_one_part(
    samples: list[Sample], seed: int
) -> None:
    splits = split_by_group(samples, seed)

    assert set(splits) == {sample.file for sample in samples}
    parts = defaultdict(set)
    for one in samples:
        parts[one.group].add(splits[one.file])
    assert all(len(part) == 1 for part in parts.values())


@FAST
@given(data_sets(), st.randoms(use_true_random=False))
def test_the_order_of_the_pictures_does_not_matter(samples: list[Sample], random: object) -> None:
    shuffled = list(samples)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert split_by_group(shuffled, 42) == split_by_group(samples, 42)


@FAST
@given(data_sets())
def test_no_part_is_empty(samples: list[Sample]) -> None:
    assert set(split_by_group(samples, 42).values()) == set(Split)


def test_parts_have_their_sizes_and_the_same_mix_of_classes_and_sources() -> None:
    samples = [
        sample(number, label, source)
        for label in ("ai", "real")
        for source in ("one", "two")
        for number in range(400 if source == "one" else 1400, 800 if source == "one" else 1600)
    ]
    splits = split_by_group(samples, 42)

    sizes = Counter(splits.values())
    assert sizes[Split.TEST] / len(samples) == pytest.approx(1 / 7, abs=0.01)
    assert sizes[Split.VALIDATION] / len(samples) == pytest.approx(6 / 7 / 8, abs=0.01)
    for part in Split:
        chosen = select(samples, splits, part)
        mix = Counter((one.label, one.source) for one in chosen)
        assert mix["ai", "one"] / len(chosen) == pytest.approx(1 / 3, abs=0.02)
        assert mix["real", "two"] / len(chosen) == pytest.approx(1 / 6, abs=0.02)


def test_another_seed_gives_another_split() -> None:
    samples = [sample(number) for number in range(100)]

    assert split_by_group(samples, 1) != split_by_group(samples, 2)
    assert split_by_group(samples, 1) == split_by_group(samples, 1)


def test_sources_too_rare_for_every_part_are_no_obstacle() -> None:
    samples = [sample(number, "ai" if number % 2 else "real", str(number)) for number in range(15)]

    assert set(split_by_group(samples, 42).values()) == set(Split)


def test_too_few_groups_are_an_error_that_says_how_many_are_needed() -> None:
    samples = [sample(number, group=f"group {number % 14}") for number in range(100)]

    with pytest.raises(InputError, match="15 are needed"):
        split_by_group(samples, 42)


def test_splits_are_read_as_they_were_written(tmp_path: Path) -> None:
    splits = split_by_group([sample(number) for number in range(40)], 42)
    write_splits(tmp_path / "splits.csv", splits)

    assert read_splits(tmp_path / "splits.csv") == splits
    assert (tmp_path / "splits.csv").read_text().startswith("file,split\nai/00000.jpg,")


@pytest.mark.parametrize("content", ["file\na.jpg\n", "file,split\na.jpg,nonsense\n"])
def test_damaged_split_files_are_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "splits.csv").write_text(content)

    with pytest.raises(InputError, match="cannot read the splits"):
        read_splits(tmp_path / "splits.csv")


def test_selecting_checks_that_the_splits_belong_to_the_pictures() -> None:
    samples = [sample(1), sample(2)]

    with pytest.raises(InputError, match="in no split"):
        select(samples, {samples[0].file: Split.TRAIN}, Split.TRAIN)
    with pytest.raises(InputError, match="test split is empty"):
        select(samples, {one.file: Split.TRAIN for one in samples}, Split.TEST)
