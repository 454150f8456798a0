"""``trustthepixels predict``: a line for each picture, and a figure of them."""

import json
import re
import shutil
from operator import itemgetter

import numpy as np
import pytest
from PIL import Image
from tiny_model import write_tiny_model

from trustthepixels.infer.model.verdicts import VerdictRule
from trustthepixels.infer.report.figure import COLOURS, Panel, draw_figure, percent, shortened
from trustthepixels.infer.results import Verdict, VerdictLabel

RULE = VerdictRule(ai=0.8, real=0.4)


@pytest.fixture
def predict(run_command, tiny_model):
    """Run ``trustthepixels predict`` with the tiny model."""

    def run(*arguments, **environment):
        command = ("trustthepixels", "predict", "--model", tiny_model)
        return run_command(*command, *arguments, **environment)

    return run


class TestLines:
    def test_one_for_each_picture_in_the_order_given(self, predict, examples):
        names = ["Real/coffee.jpg", "AI/portrait-m66.jpg", "Real/bear-plushie.jpg"]
        result = predict(*(examples / name for name in names))
        assert result.returncode == 0
        assert result.stdout.splitlines() == [
            f"{examples}/Real/coffee.jpg: real (29.4 % likely AI-generated)",
            f"{examples}/AI/portrait-m66.jpg: ai (98.4 % likely AI-generated)",
            f"{examples}/Real/bear-plushie.jpg: unsure (79.6 % likely AI-generated)",
        ]

    def test_the_device_that_auto_took_is_said_on_standard_error(self, predict, examples):
        result = predict(examples / "Real" / "coffee.jpg", "--device", "auto")
        assert re.search(r"'(cpu|cuda)' \(\w+ExecutionProvider\)", result.stderr)
        assert "ExecutionProvider" not in result.stdout

    def test_a_bad_file_has_a_line_with_its_reason_and_the_others_keep_theirs(
        self, predict, examples, tmp_path
    ):
        good = examples / "Real" / "coffee.jpg"
        cut = tmp_path / "cut.jpg"
        cut.write_bytes(good.read_bytes()[:10_000])
        result = predict(good, cut, tmp_path / "gone.jpg", tmp_path, good)
        lines = result.stdout.splitlines()
        assert result.returncode == 1
        assert len(lines) == 5
        assert lines[0] == lines[4]
        assert "cut.jpg: no verdict (truncated: " in lines[1]
        assert "gone.jpg: no verdict (missing: ENOENT: No such file or directory)" in lines[2]
        assert "a folder" in lines[3]
        assert "Traceback" not in result.stderr

    def test_an_operating_point_or_a_threshold_decides(self, predict, examples):
        path = examples / "Real" / "bear-plushie.jpg"
        assert ": unsure (" in predict(path).stdout
        assert ": ai (" in predict(path, "--fpr", "0.05").stdout
        assert ": ai (" in predict(path, "--threshold", "0.79").stdout

    def test_no_unsure_leaves_two_verdicts(self, predict, examples):
        path = examples / "Real" / "bear-plushie.jpg"
        assert ": real (79.6 %" in predict(path, "--no-unsure").stdout
        assert ": ai (79.6 %" in predict(path, "--no-unsure", "--threshold", "0.79").stdout

    def test_names_cannot_act_on_the_terminal(self, predict, tmp_path):
        (tmp_path / "a\x1b[31m\nb\u202e.jpg").write_bytes(b"no picture")
        result = predict(tmp_path / "a\x1b[31m\nb\u202e.jpg")
        assert r"a\x1b[31m\nb\u202e.jpg: no verdict" in result.stdout
        assert "\x1b" not in result.stdout + result.stderr
        assert len(result.stdout.splitlines()) == 1

    def test_decoders_do_not_write_to_the_terminal(self, predict, tmp_path):
        stream = tmp_path / "noisy.tif"
        Image.new("RGB", (64, 64)).save(stream, compression="tiff_lzw")
        content = bytearray(stream.read_bytes())
        content[20:40] = b"\xff" * 20
        stream.write_bytes(content)
        result = predict(stream, "--device", "cpu")
        assert result.returncode == 1
        assert result.stderr == ""

    @pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
    def test_any_name_is_printed_in_any_locale(self, predict, tmp_path, locale):
        (tmp_path / "été-😀.jpg").write_bytes(b"no picture")
        result = predict(tmp_path / "été-😀.jpg", LC_ALL=locale, PYTHONIOENCODING="ascii")
        assert result.returncode == 1
        assert len(result.stdout.splitlines()) == 1


class TestJson:
    def test_lines_are_the_rows_of_a_scan(self, predict, run_command, examples, tmp_path):
        folder = tmp_path / "photos"
        shutil.copytree(examples / "Real", folder)
        Image.effect_noise((40, 40), 50).save(folder / "tiny.png")
        (folder / "bad\udce9.jpg").write_bytes(b"no picture")
        zeros = Image.open(folder / "coffee.jpg").convert("RGB")
        zeros.paste(0, (0, 0, zeros.width, 40))
        zeros.save(folder / "black-end.bmp")
        model = tmp_path / "tiny.onnx"
        command = ("scan-folder", folder, "--format", "jsonl", "--out", "-", "--model", model)
        rows = [json.loads(line) for line in run_command(*command).stdout.splitlines()]
        result = predict("--json", *sorted(folder.iterdir()))
        assert result.returncode == 1
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert {row["note"] is None for row in rows} == {True, False}
        for row, line in zip(sorted(rows, key=itemgetter("path")), lines, strict=True):
            p_ai = row.pop("p_ai")
            assert line.pop("p_ai") == (p_ai if p_ai is None else pytest.approx(p_ai, abs=1e-5))
            assert line == row

    def test_a_file_that_is_not_there_is_missing(self, predict, tmp_path):
        values = json.loads(predict("--json", tmp_path / "gone.jpg").stdout)
        assert (values["status"], values["verdict"], values["p_ai"]) == ("missing", None, None)
        assert values["error"] == "ENOENT: No such file or directory"

    def test_a_label_and_an_origin_have_keys_where_they_are_known(self, predict, examples):
        arguments = ("--json", "--provenance", "--random", "2", "--from", examples, "--seed", "1")
        for line in predict(*arguments).stdout.splitlines():
            values = json.loads(line)
            assert list(values)[-4:] == ["origin", "origin_grade", "origin_evidence", "label"]
            assert values["label"] == ("ai" if "/AI/" in values["path"] else "real")


class TestRandom:
    def test_picks_from_a_labelled_folder_and_says_the_true_label(self, predict, examples):
        result = predict("--random", "3", "--from", examples, "--seed", "1")
        lines = result.stdout.splitlines()
        assert result.returncode == 0
        assert len(set(lines)) == 3
        for line in lines:
            assert line.endswith("labelled ai)" if "/AI/" in line else "labelled real)")

    def test_a_seed_picks_the_same_again(self, predict, examples):
        arguments = ("--random", "3", "--from", examples, "--seed")
        first = predict(*arguments, "7").stdout
        assert predict(*arguments, "7").stdout == first
        assert predict(*arguments, "8").stdout != first

    def test_without_a_seed_it_says_which_one_picks_them_again(self, predict, examples):
        first = predict("--random", "2", "--from", examples)
        (seed,) = re.findall(r"--seed (\d+)", first.stderr)
        again = predict("--random", "2", "--from", examples, "--seed", seed)
        assert again.stdout == first.stdout

    def test_labels_can_come_from_a_manifest(self, predict, examples, tmp_path):
        (tmp_path / "one.jpg").write_bytes((examples / "Real" / "coffee.jpg").read_bytes())
        (tmp_path / "manifest.csv").write_text("file,class,source\none.jpg,ai,somewhere\n")
        result = predict("--random", "1", "--from", tmp_path)
        assert result.stdout.endswith("one.jpg: real (29.4 % likely AI-generated; labelled ai)\n")

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["--random", "3"], "--random N and --from DIR are needed together"),
            (["--from", "."], "--random N and --from DIR are needed together"),
            ([], "name at least one IMAGE"),
            (["x.jpg", "--seed", "1"], "--seed needs --random"),
            (["x.jpg", "--random", "1", "--from", "."], "not both"),
            (["--random", "1", "--from", "."], "neither manifest.csv nor pictures"),
            (["--random", "1", "--from", "gone"], "gone does not exist"),
            (["x.jpg", "--figure", "out.xyz"], "must end with one of .png"),
            (["x.jpg", "--figure", "gone/out.png"], "folder does not exist"),
            (["x.jpg", "--force"], "--force needs --figure"),
            (["x.jpg", "--threshold", "2"], "--threshold"),
            (["x.jpg", "--fpr", "0.5"], "use 0.01, 0.05"),
            (["x.jpg", "--device", "tpu"], "--device"),
        ],
        ids=" ".join,
    )
    def test_wrong_usage_is_one_line(self, predict, arguments, complaint):
        result = predict(*arguments)
        lines = [line for line in result.stderr.splitlines() if "picking with" not in line]
        assert result.returncode == 2
        assert result.stdout == ""
        assert len(lines) == 1
        assert lines[0].startswith("error: ")
        assert complaint in lines[0]

    def test_asking_for_more_than_there_are(self, predict, examples):
        result = predict("--random", "19", "--from", examples)
        assert result.returncode == 2
        assert "has only 18 pictures, not 19" in result.stderr

    @pytest.mark.parametrize("text", ["file\nx.jpg\n", "file,class\nx.jpg,cat\n", "\xff\xfe"])
    def test_an_unsound_manifest_is_an_error(self, predict, tmp_path, text):
        (tmp_path / "manifest.csv").write_text(text, encoding="latin-1")
        result = predict("--random", "1", "--from", tmp_path)
        assert result.returncode == 2
        assert "manifest.csv" in result.stderr


class TestFigureFile:
    def test_shows_the_pictures_side_by_side(self, predict, examples, tmp_path):
        figure = tmp_path / "out.png"
        result = predict("--random", "3", "--from", examples, "--figure", figure, "--seed", "1")
        assert result.returncode == 0
        with Image.open(figure) as drawn:
            assert drawn.width > 2 * drawn.height

    def test_the_same_pictures_give_the_same_file(self, predict, examples, tmp_path):
        arguments = ("--random", "3", "--from", examples, "--seed", "1", "--figure")
        predict(*arguments, tmp_path / "one.png")
        predict(*arguments, tmp_path / "two.png")
        assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()

    def test_a_bad_file_has_its_place_too(self, predict, examples, tmp_path):
        (tmp_path / "bad.jpg").write_bytes(b"no picture")
        figure = tmp_path / "out.jpg"
        result = predict(examples / "Real" / "coffee.jpg", tmp_path / "bad.jpg", "--figure", figure)
        assert result.returncode == 1
        with Image.open(figure) as drawn:
            assert drawn.format == "JPEG"

    def test_an_existing_file_stays_unless_it_may_be_replaced(self, predict, examples, tmp_path):
        figure = tmp_path / "out.png"
        figure.write_text("precious")
        arguments = (examples / "Real" / "coffee.jpg", "--figure", figure)
        result = predict(*arguments)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == (
            f"error: {figure} exists; choose another name, or replace it with --force\n"
        )
        assert figure.read_text() == "precious"
        assert predict(*arguments, "--force").returncode == 0
        assert figure.read_bytes().startswith(b"\x89PNG")

    def test_nothing_is_written_where_the_model_is_unusable(self, run_command, examples, tmp_path):
        model = write_tiny_model(tmp_path / "model.onnx", schema_version=99)
        figure = tmp_path / "out.png"
        figure.write_text("existing")
        picture = examples / "Real" / "coffee.jpg"
        result = run_command(
            "trustthepixels", "predict", picture, "--model", model, "--figure", figure, "--force"
        )
        assert result.returncode == 3
        assert figure.read_text() == "existing"


class TestFigure:
    def panel(self, p_ai: float = 0.9, **values) -> Panel:
        settings = {
            "name": "picture.jpg",
            "picture": Image.new("RGB", (300, 200), "#00ff00"),
            "verdict": RULE(p_ai),
        }
        return Panel(**(settings | values))

    def test_holds_every_picture(self):
        drawn = draw_figure([self.panel()] * 6, RULE)
        green = np.all(np.asarray(drawn) == (0, 255, 0), axis=2)
        # 320 pixels wide and two thirds as high each, less rounded corners.
        assert green.sum() == pytest.approx(6 * 320 * 213, rel=0.02)

    @pytest.mark.parametrize(("p_ai", "label"), [(0.95, "ai"), (0.5, "unsure"), (0.1, "real")])
    def test_shows_the_verdict_in_its_colour(self, p_ai, label):
        drawn = np.asarray(draw_figure([self.panel(p_ai)], RULE))
        red, green, blue = (int(COLOURS[VerdictLabel(label)][i : i + 2], 16) for i in (1, 3, 5))
        assert np.all(drawn == (red, green, blue), axis=2).sum() > 100

    def test_a_right_label_looks_other_than_a_wrong_one(self):
        right = draw_figure([self.panel(true_label="ai")], RULE)
        wrong = draw_figure([self.panel(true_label="real")], RULE)
        assert right.tobytes() != wrong.tobytes()

    @pytest.mark.parametrize(
        ("p_ai", "true_label", "is_right"),
        [
            (0.9, "ai", True),
            (0.9, "real", False),
            (0.1, "real", True),
            (0.1, "ai", False),
            (0.5, "ai", None),
            (0.9, "", None),
        ],
    )
    def test_an_unsure_verdict_is_neither_right_nor_wrong(self, p_ai, true_label, is_right):
        assert self.panel(p_ai, true_label=true_label).is_right is is_right

    @pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3000, 2000)])
    def test_pictures_of_any_shape_fit(self, size):
        panel = self.panel(picture=Image.new("RGB", size))
        assert draw_figure([panel], RULE).size == draw_figure([self.panel()], RULE).size

    def test_a_failure_is_drawn_without_a_picture(self):
        failed = Panel("x.jpg", failure="truncated: " + "very " * 50 + "long")
        assert draw_figure([failed], RULE).size == draw_figure([self.panel()], RULE).size


class TestWords:
    @pytest.mark.parametrize(
        ("probability", "text"),
        [
            (0.0, "< 0.1 %"),
            (0.0004, "< 0.1 %"),
            (0.001, "0.1 %"),
            (0.5, "50.0 %"),
            (0.9994, "99.9 %"),
            (0.9996, "> 99.9 %"),
            (1.0, "> 99.9 %"),
        ],
    )
    def test_a_probability_is_never_a_certainty(self, probability, text):
        assert percent(probability) == text

    def test_a_long_name_keeps_its_beginning_and_its_end(self):
        from PIL import ImageFont

        font = ImageFont.load_default(14)
        name = "folder/" + "x" * 300 + "-last.jpg"
        short = shortened(name, font, 200)
        assert font.getlength(short) <= 200
        assert short.startswith("folder/")
        assert short.endswith(".jpg")
        assert shortened("short.jpg", font, 200) == "short.jpg"

    def test_a_verdict_holds_label_and_probability(self):
        assert RULE(0.9) == Verdict(VerdictLabel.AI, 0.9)
