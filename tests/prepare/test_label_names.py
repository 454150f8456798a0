"""Labels are found by the whole words in their names, and doubt is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustthepixels.infer.errors import InputError
from trustthepixels.train.prepare.sources.label_names import match_labels, words


@pytest.mark.parametrize(
    ("names", "ai", "real"),
    [
        (["AI", "Real"], "AI", "Real"),
        (["fake", "real"], "fake", "real"),
        (["FAKE", "REAL"], "FAKE", "REAL"),
        (["real_images", "ai_images"], "ai_images", "real_images"),
        (["AI-generated", "real photo"], "AI-generated", "real photo"),
        (["AiArtData", "RealArt"], "AiArtData", "RealArt"),
        (["AIArt", "RealArt"], "AIArt", "RealArt"),
        (["0_real", "1_fake"], "1_fake", "0_real"),
        (["generatedImage", "realImage", "painting"], "generatedImage", "realImage"),
        (["not_ai", "ai", "real"], "ai", "real"),
        (["deepfake", "ai", "real"], "ai", "real"),
    ],
)
def test_names_that_data_sets_use_are_understood(names: list[str], ai: str, real: str) -> None:
    assert match_labels(names) == {ai: "ai", real: "real"}


@pytest.mark.parametrize(
    "name", ["painting", "not_ai", "non-AI", "email", "fakery", "maiden", "Kai"]
)
def test_a_word_inside_another_or_denied_does_not_count(name: str) -> None:
    with pytest.raises(InputError, match="no label of the data set means 'ai'"):
        match_labels([name, "real"])


@pytest.mark.parametrize("name", ["unreal", "surreal", "realistic", "not real", "nonReal"])
def test_the_same_holds_for_real(name: str) -> None:
    with pytest.raises(InputError, match="no label of the data set means 'real'"):
        match_labels(["ai", name])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fake", "generated", "real"], "may mean 'ai': 'fake', 'generated'.*--ai-label"),
        (["ai", "real_dslr", "real_phone"], "'real': 'real_dslr', 'real_phone'.*--real-label"),
        (["real_or_fake"], "'real_or_fake' would mean both"),
        (["0", "1"], "its labels are '0', '1'; say which with --ai-label"),
        (["ai", "human"], "its labels are 'ai', 'human'; say which with --real-label"),
        ([], "no labels at all"),
    ],
)
def test_doubt_and_absence_are_errors_that_list_the_labels(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        match_labels(names)


def test_labels_can_be_named() -> None:
    names = ["sdxl", "midjourney", "human", "unknown"]

    assert match_labels(names, ["sdxl", "midjourney"], ["human"]) == {
        "sdxl": "ai",
        "midjourney": "ai",
        "human": "real",
    }


def test_naming_one_class_leaves_the_other_to_be_found() -> None:
    names = ["fake", "generated", "real"]

    assert match_labels(names, ai_names=["fake", "generated"])["real"] == "real"
    assert match_labels(["real", "real_cgi"], ai_names=["real_cgi"])["real"] == "real"


@pytest.mark.parametrize(
    ("ai", "real", "message"),
    [
        (["sdxk"], ["human"], "no label 'sdxk'; its labels are 'human', 'sdxl'"),
        (["sdxl"], ["sdxl"], "'sdxl' would mean both"),
    ],
)
def test_named_labels_must_exist_and_differ(ai: list[str], real: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        match_labels(["sdxl", "human"], ai, real)


def test_a_column_that_is_none_of_labels_is_listed_in_part() -> None:
    with pytest.raises(InputError, match="and 980 more"):
        match_labels([f"prompt {number}" for number in range(1000)])


letters = st.text(st.characters(categories=["Ll", "Lu", "Lo"]), min_size=1, max_size=6)
separators = st.sampled_from([" ", "_", "-", ".", "/", "2", "__"])


@given(letters, letters, st.sampled_from(["ai", "fake", "generated", "real"]))
def test_no_word_is_found_within_a_run_of_letters_of_one_case(
    before: str, after: str, word: str
) -> None:
    assert word not in words(f"{before}{word}{after}".lower())


@given(st.lists(letters, max_size=3), separators, st.sampled_from(["ai", "AI", "Ai", "FAKE"]))
def test_a_separated_word_is_always_found(others: list[str], separator: str, word: str) -> None:
    assert word.lower() in words(separator.join([*others, word]))
    assert word.lower() in words(separator.join([word, *others]))


@given(st.text(max_size=30))
def test_words_are_made_of_the_letters_of_the_name(name: str) -> None:
    runs = "".join(character for character in name if character.isalpha())

    assert "".join(words(name)) == runs.casefold()


@given(st.lists(st.sampled_from(["ai", "real", "fake", "cat", "not_ai", "Real1"]), max_size=6))
def test_the_order_of_the_labels_does_not_matter(names: list[str]) -> None:
    def outcome(given_names: list[str]) -> object:
        try:
            return match_labels(given_names)
        except InputError as error:
            return str(error)

    assert outcome(names) == outcome(names[::-1])
