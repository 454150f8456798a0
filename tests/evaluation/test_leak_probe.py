"""Leak probes find what they are for, and stay quiet where there is nothing to find."""

import io
from pathlib import Path

import numpy as np
import pytest
from labelled_pictures import colour_field
from PIL import Image

from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.results import FileStatus, Verdict, VerdictLabel
from trustthepixels.train.data.manifest import Sample
from trustthepixels.train.evaluation.leaks.file_facts import (
    FEATURES,
    Chroma,
    FileFacts,
    file_facts,
)
from trustthepixels.train.evaluation.leaks.probe import Stage, probe_facts, probe_swap, swapped_file
from trustthepixels.train.evaluation.predictions import Prediction


def encoded(image, codec, **options):
    stream = io.BytesIO()
    image.save(stream, codec, **options)
    return stream.getvalue()


def swapped(sample):
    return decode(swapped_file(sample)).image


def prediction(path, label, group="", p_ai=0.5, verdict=VerdictLabel.UNSURE):
    sample = Sample(path, path.name, label, "", group or path.name)
    return Prediction(sample, FileStatus.OK, Verdict(verdict, p_ai))


def pictures(folder, count, encode):
    """Random fields of colour, alike in both classes but for the file; ``encode`` by label."""
    made = []
    for number in range(count):
        label = "ai" if number % 2 else "real"
        path = folder / f"{number}.bin"
        path.write_bytes(encode(colour_field(90, 60 + number % 5, seed=number), label))
        made.append(prediction(path, label))
    return made


@pytest.mark.parametrize("quality", [30, 50, 75, 90])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_quality_and_chroma_of_a_jpeg(quality, subsampling):
    content = encoded(colour_field(40, 30), "JPEG", quality=quality, subsampling=subsampling)
    facts = file_facts(content)
    assert facts.quality == pytest.approx(quality, abs=1.0)
    assert facts.chroma == Chroma(subsampling)
    assert (facts.format, facts.width, facts.height) == ("JPEG", 40, 30)
    assert facts.bytes == len(content)


@pytest.mark.parametrize("codec", ["PNG", "WEBP", "GIF"])
def test_other_formats_have_neither(codec):
    facts = file_facts(encoded(colour_field(20, 10), codec))
    assert (facts.format, facts.quality, facts.chroma) == (codec, 0.0, Chroma.NONE)


def test_a_grey_jpeg_has_no_chroma_to_name():
    facts = file_facts(encoded(colour_field(20, 10).convert("L"), "JPEG"))
    assert facts.chroma is Chroma.OTHER


def test_facts_are_numbers_with_names():
    named = dict(zip(FEATURES, FileFacts("PNG", 40, 20, 1600).features(), strict=True))
    assert named["is PNG"] == 1.0
    assert named["is JPEG"] == 0.0
    assert (named["aspect"], named["bytes per pixel"]) == (2.0, 2.0)


def test_a_format_that_gives_the_class_away_is_found_and_gone_after_normalisation(tmp_path):
    def by_class(image, label):
        return encoded(image, "PNG" if label == "ai" else "JPEG")

    found = {
        probe.stage: probe.balanced_accuracy
        for probe in probe_facts(pictures(tmp_path, 60, by_class), (32, 32))
    }
    assert found[Stage.FILES].value == 1.0
    # Sixty pictures whose classes differ in nothing else: chance, with a wide berth.
    assert found[Stage.WEB].value < 0.75
    assert found[Stage.INPUT].value < 0.75


def test_a_size_that_gives_the_class_away_survives_the_web_tier_but_not_the_input(tmp_path):
    def by_class(image, label):
        size = (64, 64) if label == "ai" else (90, 60)
        return encoded(image.resize(size), "JPEG")

    found = {
        probe.stage: probe.balanced_accuracy.value
        for probe in probe_facts(pictures(tmp_path, 60, by_class), (32, 32))
    }
    assert found[Stage.FILES] == found[Stage.WEB] == 1.0
    assert found[Stage.INPUT] < 0.75


def test_pictures_of_one_group_never_teach_about_each_other(tmp_path):
    # Files differ by group only, so a leak over groups would look like knowledge of the class.
    made = []
    for number in range(48):
        group = number // 8
        path = tmp_path / f"{number}.png"
        path.write_bytes(encoded(colour_field(40 + 10 * group, 50, seed=number), "PNG"))
        made.append(prediction(path, "ai" if group % 2 else "real", group=f"group {group}"))
    (files, *_) = probe_facts(made, (32, 32))
    assert files.balanced_accuracy.value < 0.75


def test_one_group_of_a_class_is_too_few_to_ask(tmp_path):
    made = pictures(tmp_path, 4, lambda image, _: encoded(image, "PNG"))
    one_real = [made[0], *(p for p in made if p.sample.label == "ai")]
    assert all(np.isnan(p.balanced_accuracy.value) for p in probe_facts(one_real, (32, 32)))


def test_codecs_are_swapped_and_photographs_keep_every_pixel(examples):
    photograph = Sample(examples / "Real" / "coffee.jpg", "c", "real", "", "c")
    drawn = Sample(examples / "AI" / "portrait-f3.jpg", "p", "ai", "", "p")
    original = decode(photograph.path.read_bytes()).image
    assert swapped(photograph).tobytes() == original.tobytes()
    before, after = decode(drawn.path.read_bytes()).image, swapped(drawn)
    assert before.size == after.size
    difference = np.abs(np.asarray(before, int) - np.asarray(after, int)).mean()
    assert 0.0 < difference < 4.0


def test_moved_scores_are_told_by_class():
    path = Path("x")
    before = [
        prediction(path, "ai", "1", 0.9, VerdictLabel.AI),
        prediction(path, "ai", "2", 0.6),
        prediction(path, "real", "3", 0.1, VerdictLabel.REAL),
    ]
    after = [
        prediction(path, "ai", "1", 0.5, VerdictLabel.UNSURE),
        prediction(path, "ai", "2", 0.8),
        prediction(path, "real", "3", 0.1, VerdictLabel.REAL),
    ]
    real, ai = probe_swap(before, after)
    assert (real.label, real.count, real.mean_absolute_change.value) == ("real", 1, 0.0)
    assert ai.mean_change.value == pytest.approx(-0.1)
    assert ai.mean_absolute_change.value == pytest.approx(0.3)
    assert ai.verdict_changes.value == 0.5


def test_a_class_without_pictures_has_no_row():
    before = [prediction(Path("x"), "ai", "1")]
    assert [probe.label for probe in probe_swap(before, before)] == ["ai"]


def test_cut_files_are_left_out(tmp_path):
    made = pictures(tmp_path, 8, lambda image, _: encoded(image, "PNG"))
    broken = Prediction(made[0].sample, FileStatus.TRUNCATED, error="cut")
    made[0].sample.path.write_bytes(b"")
    assert len(probe_facts([broken, *made[1:]], (32, 32))) == len(Stage)


def test_a_picture_is_not_turned_twice(tmp_path):
    image = colour_field(40, 20)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    path.write_bytes(encoded(image, "JPEG", exif=exif))
    for label in ("ai", "real"):
        assert swapped(Sample(path, "t", label, "", "t")).size == (20, 40)
