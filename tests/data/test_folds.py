"""Folds of whole sources: fixed, balanced, and nothing that belongs together is torn apart."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trustthepixels.infer.errors import InputError, UsageError
from trustthepixels.train.data.folds import (
    FACE_SOURCES,
    FOLDS,
    KNOWN_FOLDS,
    leave_sources_out,
    source_folds,
    split_by_fold,
)
from trustthepixels.train.data.manifest import Sample
from trustthepixels.train.data.splits import Split

REAL = {
    "bsds500": 220, "coco_imagenet_512": 650, "dreambooth": 129, "ffhq": 400, "food_phone": 420,
    "hymenoptera": 150, "imagenet_sample": 650, "pro_photos": 1095, "sunhays": 80, "urban100": 98,
}  # fmt: skip
AI = {
    "cc0_portraits": 194, "comfy_repos": 106, "dalle2_bingo": 50, "diffusiondb": 450,
    "eshop_dalle3": 100, "gpt4o_nanobanana": 400, "grok_stock": 400, "midjourney_bingo": 71,
    "modern_ai": 315, "sd15_artists": 120, "sd_animals": 90, "sd_artdisplay": 330, "sd_bingo": 50,
    "sd_finetunes_horde": 450, "sfhq_t2i": 400, "stylegan_faces": 150, "t2i_2022": 100,
    "taef2_reconstruction": 400,
}  # fmt: skip
"""Sources of the bundled model's data with their numbers of pictures."""

LINKED = {"dalle2_bingo": "prompts", "midjourney_bingo": "prompts", "sd_bingo": "prompts"}


def sample(label, source, number, group=""):
    file = f"{label}/{source}-{number}.jpg"
    return Sample(Path(file), file, label, source, group or file)


def bundled_data():
    """Pictures with the sources, sizes and links of the bundled model's data."""
    return [
        sample(label, source, number, LINKED.get(source) or shared_group(source, number))
        for label, sources in (("real", REAL), ("ai", AI))
        for source, count in sources.items()
        for number in range(count)
    ]


def shared_group(source, number):
    """A photograph and its reconstruction are one group."""
    paired = source in ("imagenet_sample", "taef2_reconstruction")
    return f"imagenet-{number}" if paired else ""


def small_data(sources=6, per_source=4):
    return [
        sample(label, f"{label}{source}", number)
        for label in ("ai", "real")
        for source in range(sources)
        for number in range(per_source)
    ]


def test_the_committed_table_is_what_the_rule_gives():
    assert source_folds(bundled_data(), known={}) == KNOWN_FOLDS
    assert set(KNOWN_FOLDS) == set(REAL) | set(AI)


def test_every_fold_holds_both_classes_out_in_like_numbers():
    for label, sources in (("real", REAL), ("ai", AI)):
        sizes = Counter()
        for source, count in sources.items():
            sizes[KNOWN_FOLDS[source]] += count
        mean = sum(sizes.values()) / FOLDS
        # One source of photographs is larger than a fifth of them all.
        assert all(0.8 * mean < sizes[fold] < 1.45 * mean for fold in range(FOLDS)), label


def test_faces_are_spread_over_folds():
    assert len({KNOWN_FOLDS[source] for source in FACE_SOURCES}) == len(FACE_SOURCES) == 4


def test_each_picture_is_held_out_once_and_no_group_is_ever_on_both_sides():
    samples = bundled_data()
    held_out = []
    for fold in range(FOLDS):
        train, test = leave_sources_out(samples, fold)
        assert sorted([*train, *test], key=lambda s: s.file) == sorted(
            samples, key=lambda s: s.file
        )
        assert not {s.source for s in train} & {s.source for s in test}
        assert not {s.group for s in train} & {s.group for s in test}
        held_out += test
    assert Counter(s.file for s in held_out) == Counter(s.file for s in samples)


def test_a_training_never_sees_the_sources_of_its_fold():
    samples = small_data()
    splits = split_by_fold(samples, 2)
    _, held_out = leave_sources_out(samples, 2)
    assert set(splits) == {s.file for s in samples}
    assert {file for file, split in splits.items() if split is Split.TEST} == {
        s.file for s in held_out
    }
    assert set(splits.values()) == set(Split)
    assert split_by_fold(samples[::-1], 2) == splits


def test_an_unknown_source_does_not_move_the_known_ones():
    samples = bundled_data()
    more = [*samples, *(sample("ai", "newest", number) for number in range(5000))]
    folds = source_folds(more)
    assert {source: folds[source] for source in KNOWN_FOLDS} == KNOWN_FOLDS
    # The fold with the fewest AI pictures.
    assert folds["newest"] == 1


def test_an_unknown_source_follows_the_one_that_it_shares_a_group_with():
    samples = bundled_data()
    first = next(s for s in samples if s.source == "ffhq")
    remake = sample("ai", "remakes", 0, first.group)
    assert source_folds([*samples, remake])["remakes"] == KNOWN_FOLDS["ffhq"]


def test_a_group_over_sources_of_different_folds_is_an_error():
    samples = [sample("ai", "diffusiondb", 0, "same"), sample("real", "ffhq", 0, "same")]
    with pytest.raises(InputError, match="diffusiondb, ffhq share a group"):
        source_folds(samples)


@pytest.mark.parametrize("fold", [-1, FOLDS])
def test_there_are_only_five_folds(fold):
    with pytest.raises(UsageError, match="use one of 0 to 4"):
        leave_sources_out(small_data(), fold)


def test_too_few_sources_are_an_error_that_says_what_is_needed():
    with pytest.raises(InputError, match="5 sources or more of each class"):
        leave_sources_out(small_data(sources=3), 4)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["ai", "real"]), st.integers(0, 9), st.integers(0, 25)),
        min_size=1,
        max_size=80,
    ),
    st.randoms(use_true_random=False),
)
def test_any_data_gets_whole_groups_in_any_order(pictures, random):
    samples = [
        sample(label, f"{label}{source}", number, f"group {group}")
        for number, (label, source, group) in enumerate(pictures)
    ]
    folds = source_folds(samples)
    of_group = defaultdict(set)
    for one in samples:
        of_group[one.group].add(folds[one.source])
    assert all(len(chosen) == 1 for chosen in of_group.values())
    shuffled = list(samples)
    random.shuffle(shuffled)
    assert source_folds(shuffled) == folds
