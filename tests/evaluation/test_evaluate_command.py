"""``trustthepixels evaluate`` as its users run it."""

import csv
import json
import shutil

import pytest
from in_process import trustthepixels

from trustthepixels.train.commands.evaluate import evaluate
from trustthepixels.train.data.splits import Split
from trustthepixels.train.pictures.tiers import Tier


def test_report_on_the_terminal_and_in_files(run_command, tiny_model, examples, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(examples, data)
    (data / "Real" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    out = tmp_path / "deep" / "report"
    done = run_command(
        "trustthepixels", "evaluate", tiny_model, data, "--out", out, "--tier", "web",
        "--threads", "1", "--fpr", "0.05",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "device: cpu" in done.stderr
    assert "9 ai, 9 real, 1 not decodable" in done.stdout
    assert "Real/broken.jpg" in done.stdout

    report = json.loads((out / "evaluation.json").read_text())
    (measured,) = report["measurements"]
    accuracy = measured["metrics"]["balanced_accuracy"]
    assert f"{accuracy['value']:.1%}" in done.stdout
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert measured["tier"] == "web"
    assert measured["thresholds"] == report["thresholds"] == {"ai": 0.6, "real": 0.4}
    assert [failure["file"] for failure in measured["data"]["failed"]] == ["Real/broken.jpg"]

    with (out / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    where = ["data", "split", "fold", "tier"]
    assert [*rows[0]] == [*where, "file", "label", "source", "p_ai", "verdict", "status"]
    assert [rows[0][name] for name in where] == ["data", "all pictures", "", "web"]
    assert len(rows) == 19
    correct = [(float(r["p_ai"]) >= 0.5) == (r["label"] == "ai") for r in rows if r["p_ai"]]
    assert measured["metrics"]["accuracy"]["value"] == pytest.approx(sum(correct) / 18, abs=1e-6)
    broken = next(row for row in rows if row["file"] == "Real/broken.jpg")
    assert (broken["p_ai"], broken["verdict"]) == ("", "")
    assert broken["status"] != "ok"


def test_all_pictures_fine_is_exit_code_0_and_no_files_without_out(
    tiny_model, examples, tmp_path, monkeypatch
):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    done = trustthepixels("evaluate", tiny_model, examples, "--device", "cpu")
    assert (done.returncode, done.stderr) == (0, "")
    assert not any(empty.iterdir())


def test_an_output_that_cannot_be_written_is_one_line(tiny_model, examples, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("keep me")
    done = trustthepixels("evaluate", tiny_model, examples, "--out", taken)
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write to")
    assert done.stderr.count("\n") == 1
    assert taken.read_text() == "keep me"


@pytest.mark.parametrize(("option", "values"), [("tiers", Tier), ("split", Split)])
def test_the_command_offers_every_value(option, values):
    parameter = next(p for p in evaluate.params if p.name == option)
    assert list(parameter.type.choices) == [value.value for value in values]
