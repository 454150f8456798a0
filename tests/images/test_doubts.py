"""Pictures that allow no verdict: tiny ones, almost uniform ones, pages of text."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_pictures import EXAMPLES
from PIL import Image, ImageDraw, ImageFont
from scanning import SCRIPTS, parse, run
from tiny_model import SPEC

from trustthepixels.infer import Detector
from trustthepixels.infer.images.doubts import doubt_of
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.model.verdicts import VerdictRule
from trustthepixels.infer.results import Doubt, VerdictLabel

WORDS = ("a", "page", "of", "text", "holds", "no", "trace", "of", "any", "camera")
RULE = VerdictRule(ai=0.9, real=0.1)


def page(width, height, size, ink, paper, filled=1.0):
    """Return a picture like a screenshot of an article, a chat or an editor."""
    image = Image.new("RGB", (width, height), paper)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for line, top in enumerate(range(size, int(height * filled) - 2 * size, int(1.5 * size))):
        words = [WORDS[(line + step) % len(WORDS)] for step in range(width // size)]
        text = " ".join(words)
        while draw.textlength(text, font=font) > width - 2 * size:
            text = text.rpartition(" ")[0]
        draw.text((size, top), text, fill=ink, font=font)
    return image


PAGES = {
    "article": page(1240, 1754, 28, "black", "white"),
    "dark": page(1920, 1080, 20, (220, 220, 220), (30, 30, 30)),
    "phone": page(1170, 2532, 44, (20, 20, 20), (250, 250, 250)),
    "half a page": page(1170, 2532, 44, (20, 20, 20), (250, 250, 250), filled=0.6),
    "editor": page(1280, 720, 16, (200, 200, 180), (39, 40, 34)),
    "small": page(400, 300, 12, "black", "white"),
}


def as_jpeg(image, quality=75):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def doubt_about(image, side=224):
    return doubt_of(image.width, image.height, resize(image, (side, side)))


@pytest.mark.parametrize("side", [160, 224])
@pytest.mark.parametrize("name", PAGES)
def test_text_is_doubted(name, side):
    with Image.open(io.BytesIO(as_jpeg(PAGES[name]))) as image:
        assert doubt_about(image.convert("RGB"), side) is Doubt.TEXT


@pytest.mark.parametrize("picture", sorted(EXAMPLES.glob("*/*.*")), ids=lambda path: path.name)
def test_pictures_are_not_doubted(picture):
    with Image.open(picture) as image:
        rgb = image.convert("RGB")
    assert doubt_about(rgb) is None
    assert doubt_about(rgb, 160) is None
    assert doubt_about(rgb.convert("L").convert("RGB")) is None


def test_a_thing_on_white_is_not_text():
    with Image.open(EXAMPLES / "Real" / "coffee.jpg") as image:
        thing = image.convert("RGB").resize((300, 200))
    canvas = Image.new("RGB", (640, 480), "white")
    canvas.paste(thing, (170, 140))
    assert doubt_about(canvas) is None


@given(
    st.tuples(*[st.integers(0, 255)] * 3),
    st.floats(0.0, 2.0),
    st.integers(64, 400),
    st.integers(64, 400),
)
@settings(max_examples=30, deadline=None)
def test_one_colour_with_little_noise_is_doubted(colour, noise, width, height):
    rng = np.random.default_rng(0)
    pixels = np.array(colour) + rng.normal(0.0, noise, (height, width, 3))
    image = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    assert doubt_about(image) is Doubt.UNIFORM


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_models_of_any_input_size_are_served(height, width, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.choice(np.array([0, 255], np.uint8), (height, width, 3), p=[0.2, 0.8])
    assert doubt_of(100, 100, pixels) in {None, Doubt.UNIFORM, Doubt.TEXT}


@pytest.mark.parametrize(
    ("size", "doubt"), [((64, 64), None), ((63, 400), Doubt.TINY), ((400, 63), Doubt.TINY)]
)
def test_the_shorter_side_counts(size, doubt):
    with Image.open(EXAMPLES / "Real" / "chelsea.jpg") as image:
        assert doubt_about(image.convert("RGB").resize(size)) is doubt


@pytest.mark.parametrize("p_ai", [0.0, 0.5, 1.0])
def test_a_doubt_makes_every_verdict_unsure_and_keeps_its_probability(p_ai):
    verdict = RULE(p_ai, Doubt.TEXT)
    assert (verdict.label, verdict.p_ai) == (VerdictLabel.UNSURE, p_ai)
    assert verdict.doubt is Doubt.TEXT


def test_with_two_verdicts_there_is_no_third():
    rule = SPEC.rule(threshold=0.5, unsure=False)
    assert rule(0.7, Doubt.TEXT).label is VerdictLabel.AI
    assert rule(0.3, Doubt.TEXT).label is VerdictLabel.REAL


def test_a_low_threshold_of_ones_own_leaves_doubts_unsure():
    """Nothing lies between the verdicts then, but what holds nothing to judge is still unsure."""
    low = SPEC.thresholds.real / 2
    rule = SPEC.rule(threshold=low)
    assert rule(0.7, Doubt.TEXT).label is VerdictLabel.UNSURE
    assert rule(0.7).label is VerdictLabel.AI
    assert rule(0.0).label is VerdictLabel.REAL


class TestThroughTheCommands:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "pictures"
        folder.mkdir()
        (folder / "article.jpg").write_bytes(as_jpeg(PAGES["article"]))
        Image.new("RGB", (300, 200), (12, 80, 40)).save(folder / "blank.png")
        with Image.open(EXAMPLES / "Real" / "chelsea.jpg") as image:
            image.resize((60, 40)).save(folder / "icon.png")
            image.save(folder / "photo.png")
        return folder

    def test_rows_say_why(self, folder):
        code, output, _ = run(folder, "--out", "-", "--quiet")
        assert code == 0
        rows = {row["path"].rpartition("/")[2]: row for row in parse(output)}
        assert {name: row["note"] for name, row in rows.items()} == {
            "article.jpg": Doubt.TEXT,
            "blank.png": Doubt.UNIFORM,
            "icon.png": Doubt.TINY,
            "photo.png": "",
        }
        for name in ("article.jpg", "blank.png", "icon.png"):
            assert rows[name]["verdict"] == "unsure"
            assert 0.0 <= float(rows[name]["p_ai"]) <= 1.0

    def test_two_verdicts_keep_the_note(self, folder):
        code, output, _ = run(folder, "--out", "-", "--no-unsure", "--format", "jsonl", "--quiet")
        assert code == 0
        rows = [json.loads(line) for line in output.splitlines()]
        assert {row["verdict"] for row in rows} <= {"ai", "real"}
        assert sum(row["note"] is not None for row in rows) == 3

    def test_one_picture_in_python_gets_the_verdict_of_its_row(self, folder):
        detector = Detector()
        for row in detector.scan(folder):
            assert detector.predict(row.path) == row.verdict

    def test_predict_says_why(self, folder):
        command = [str(SCRIPTS / "trustthepixels"), "predict"]
        code, output, _ = run(folder / "blank.png", folder / "photo.png", command=command)
        blank, photo = output.decode().splitlines()
        assert code == 0
        assert "unsure" in blank
        assert Doubt.UNIFORM in blank
        assert "doubt" not in photo
