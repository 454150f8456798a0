"""``benchmarks/``: inputs as specified, wrong contestants caught, documents from results alone."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from labelled_pictures import write_labelled_pictures, write_pictures_of_many_sources
from PIL import Image

from benchmarks.inputs.checkout import scanner_of
from benchmarks.inputs.models import default_weights
from benchmarks.inputs.pictures import (
    CAMERA_BYTES_PER_PIXEL,
    camera_jpeg,
    camera_sizes,
    small_jpegs,
)
from benchmarks.inputs.tiny_files import tiny_files
from benchmarks.names import CAMERA, EARLIER, OURS, OURS_FP32, PIPELINE, SMALL, TIMM, part_key
from benchmarks.parts import accuracy_part
from benchmarks.parts.registry import PARTS, chosen_parts
from benchmarks.parts.stage_part import combined
from benchmarks.parts.start_part import package_folders
from benchmarks.peers.agreement import SAME_WEIGHTS, compare, from_csv, from_record
from benchmarks.peers.decoders import CLOSER, FULL, SCALED, decoders
from benchmarks.peers.earlier import earlier, earlier_scanners
from benchmarks.peers.record import Record, steady_rate
from benchmarks.peers.spread import spread as spread_files
from benchmarks.processes import ProcessError, run
from benchmarks.reporting.goals import GOALS, outcomes
from benchmarks.reporting.plots import write_plots
from benchmarks.reporting.report import report
from benchmarks.series import interleaved, median, spread
from benchmarks.settings import ROOT, Counts, Settings
from trustthepixels.infer.choices import Device
from trustthepixels.infer.model.bundled import load_model
from trustthepixels.infer.model.machine import Machine
from trustthepixels.infer.model.session import open_session
from trustthepixels.infer.model.spec import Calibration
from trustthepixels.infer.model.verdicts import VerdictRule
from trustthepixels.infer.scan.measure import BenchReport
from trustthepixels.train.data.manifest import load_samples
from trustthepixels.train.data.splits import split_by_group, write_splits

RULE = VerdictRule(ai=0.8, real=0.4)


@pytest.fixture
def settings(tmp_path):
    data = write_labelled_pictures(tmp_path / "data", per_picture=1)
    (tmp_path / "work").mkdir()
    return Settings(data, (), tmp_path / "work", counts=Counts(small=4))


def test_small_pictures_are_as_many_and_as_large_as_said(settings):
    folder = small_jpegs(settings)
    sizes = [Image.open(path).size for path in sorted(folder.iterdir())]
    assert sizes == [(500, 375)] * 4


def test_inputs_are_made_once(settings):
    before = {path: path.stat().st_mtime_ns for path in small_jpegs(settings).iterdir()}
    assert {path: path.stat().st_mtime_ns for path in small_jpegs(settings).iterdir()} == before


def test_other_data_makes_other_inputs(settings):
    other = write_labelled_pictures(settings.data.parent / "other", per_picture=1)
    before = small_jpegs(settings)
    assert small_jpegs(replace(settings, data=other)) != before
    assert small_jpegs(settings) == before
    for path in (settings.data / "Real").iterdir():
        path.write_bytes(path.read_bytes() + b"more")
    assert small_jpegs(settings) != before


def test_other_weights_make_another_model(settings, tmp_path):
    from benchmarks.inputs.models import float32_path

    paths = set()
    for content in (b"some", b"other"):
        weights = tmp_path / "weights.safetensors"
        weights.write_bytes(content)
        paths.add(float32_path(replace(settings, weights=weights)))
    assert len(paths) == 2


def test_the_peers_run_the_bundled_models_weights(tmp_path):
    from trustthepixels.train.networks.weights import load_checkpoint

    _, spec = load_checkpoint(default_weights(tmp_path))
    assert spec.thresholds == load_model().spec.thresholds


def test_a_smaller_margin_decodes_at_a_smaller_scale():
    found, _ = decoders((32, 32))
    pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    content = stream.getvalue()
    seen = {name: found[name](content) for name in (FULL, SCALED, *CLOSER)}
    assert {one.shape for one in seen.values()} == {(32, 32, 3)}
    # 400 pixels are 12.5 times the input: a half is 6.25 times, a quarter 3.1 times.
    half, quarter = seen[SCALED], seen["trustthepixels, 3 times"]
    for name, expected in (("5", half), ("4", half), ("2", quarter)):
        assert np.array_equal(seen[f"trustthepixels, {name} times"], expected)
    assert not np.array_equal(half, quarter)


def test_a_sweep_takes_files_of_all_sizes():
    assert spread_files(range(10), 5) == [0, 2, 4, 6, 8]
    assert spread_files(range(3), 5) == [0, 1, 2]


def test_camera_sizes_run_from_2_to_12_megapixels_with_a_mean_of_7_5():
    megapixels = [width * height / 1e6 for width, height in camera_sizes(80)]
    assert min(megapixels) == pytest.approx(2.0, rel=0.01)
    assert max(megapixels) == pytest.approx(12.0, rel=0.01)
    assert np.mean(megapixels) == pytest.approx(7.5, rel=0.02)


def test_a_camera_picture_has_the_bytes_of_one(settings):
    source = next((settings.data / "Real").iterdir())
    content = camera_jpeg(source, (1600, 1200), seed=1)
    assert Image.open(io.BytesIO(content)).size == (1600, 1200)
    assert len(content) == pytest.approx(1600 * 1200 * CAMERA_BYTES_PER_PIXEL, rel=0.25)
    assert camera_jpeg(source, (1600, 1200), seed=1) == content


def test_tiny_files_are_as_many_as_said_and_can_be_decoded(settings):
    files = [path for path in tiny_files(settings, 1_234).rglob("*") if path.is_file()]
    assert len(files) == 1_234
    assert Image.open(files[0]).size == (8, 8)
    assert sorted(path.name for path in settings.work.iterdir()) == ["tiny-1234"]


def test_our_own_pipeline_answers_each_picture_once(tiny_model, examples, tmp_path):
    from benchmarks.peers.ours import main

    out = tmp_path / "answers.json"
    done = CliRunner().invoke(main, [str(tiny_model), str(examples / "Real"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert len(json.loads(out.read_text())["stamps"]) == 9


def test_the_null_model_is_a_sound_model_that_looks_at_one_value(settings):
    from benchmarks.inputs.models import NULL_SIZE, null_model

    session = open_session(load_model(null_model(settings)), Device.CPU, 1)
    images = np.zeros((3, *NULL_SIZE, 3), np.uint8)
    images[1, 0, 0, 0] = 255
    assert session.run(images).tolist() == [0.0, 1.0, 0.0]


def test_every_figure_is_taken_by_turns():
    order = []
    takes = {name: lambda name=name: order.append(name) or len(order) for name in "abc"}
    taken = interleaved(2, takes)
    assert order == list("abccba")
    assert taken == {"a": [1, 6], "b": [2, 5], "c": [3, 4]}


def test_the_middle_and_the_whole_spread_are_shown():
    assert median([1.0, 9.0, 2.0]) == 2.0
    assert spread([1.0, 9.0, 2.0]) == 4.0


def test_the_steady_rate_leaves_out_the_start_and_counts_batches_whole():
    # Ten slow seconds, then batches of 10 every second.
    stamps = [(done, 10.0 + (done - 1) // 10 + 1e-5 * (done % 10)) for done in range(1, 101)]
    assert steady_rate(stamps) == pytest.approx(10.0, rel=0.01)


def test_the_same_answers_agree():
    reference = {"a.jpg": 0.10, "b.jpg": 0.90}
    agreement = compare({"a.jpg": 0.105, "b.jpg": 0.90}, reference, RULE)
    assert (agreement.images, agreement.verdicts) == (2, 1.0)
    assert agreement.largest == pytest.approx(0.005)
    assert not agreement.is_void(SAME_WEIGHTS)


def test_a_contestant_with_one_wrong_answer_is_caught():
    reference = {f"{number}.jpg": 0.1 for number in range(100)}
    agreement = compare(reference | {"7.jpg": 0.9}, reference, RULE)
    assert agreement.is_void(SAME_WEIGHTS)
    assert agreement.verdicts == 0.99


def test_a_contestant_that_leaves_out_a_picture_is_caught():
    with pytest.raises(ValueError, match=r"b\.jpg"):
        compare({"a.jpg": 0.1}, {"a.jpg": 0.1, "b.jpg": 0.9}, RULE)


def test_a_peers_margins_are_calibrated_like_our_answers(tmp_path):
    record = Record(tmp_path / "answers")
    record.add("photos/a.jpg", 3.0)
    record.write()
    calibration = Calibration(temperature=1.5, bias=0.25)
    answers = from_record(tmp_path / "answers", calibration)
    assert answers == {"a.jpg": pytest.approx(1.0 / (1.0 + np.exp(-2.25)))}


def test_a_file_that_our_scan_could_not_judge_is_no_answer(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("path,status,verdict,p_ai,error\nx/a.jpg,ok,real,0.25,\n")
    assert from_csv(path) == {"a.jpg": 0.25}
    path.write_text("path,status,verdict,p_ai,error\nx/a.jpg,corrupt,,,bad\n")
    with pytest.raises(ValueError, match="corrupt"):
        from_csv(path)


def contestant(wall_s, void=False):
    agreement = {"images": 8, "largest": 0.5 if void else 0.001, "mean": 0.0, "verdicts": 1.0}
    return {
        "settings": "",
        "wall_s": wall_s,
        "cpu_s": [2.0, 2.0],
        "peak_mb": [100.0, 100.0],
        "agreement": agreement,
        "tolerance": 0.02,
        "void": void,
    }


def results(ours, peer, *, void=False):
    group = {
        "images": 8,
        "contestants": {
            OURS: contestant(ours),
            OURS_FP32: contestant([8.0, 8.0]),
            PIPELINE: contestant(peer, void),
        },
    }
    about = {
        "date": "2026-01-01 00:00 UTC",
        "command": "python -m benchmarks",
        "cores": 2,
        "processor": "some processor",
        "features": ["avx2"],
        "memory_gb": 8.0,
        "load": 0.0,
        "versions": {"python": "3.11"},
    }
    measured = {"absent": [], "small": group, "camera": group, "steady": group}
    return {"peers": {"circumstances": about, "measured": measured}}


def verdict_on(parts, what):
    (found,) = [each for each in outcomes(parts) if what in each.what]
    return found.measured, found.verdict


SMALL_GOAL = "500×375 JPEG: default model against transformers"


@pytest.mark.parametrize(
    ("ours", "measured"),
    [([2.0, 2.1], ("4.88×", "reached")), ([4.0, 4.0], ("2.50×", "missed"))],
)
def test_a_goal_is_judged_by_the_medians(ours, measured):
    assert verdict_on(results(ours, [9.0, 11.0]), SMALL_GOAL) == measured


def test_no_goal_is_reached_against_a_contestant_with_other_answers():
    parts = results([1.0], [100.0], void=True)
    assert verdict_on(parts, SMALL_GOAL) == ("void: the answers differ", "–")


def test_what_was_not_measured_is_said_to_be_so():
    assert {each.verdict for each in outcomes({})} == {"–"}
    assert all(each.measured == "not measured" for each in outcomes({}))


def on_cuda(parts):
    """Return the parts as if measured on CUDA."""
    return {part_key(name, "cuda"): part for name, part in parts.items()}


def stages(share):
    figures = {
        "decode_one_core": 500.0,
        "decode_only": 900.0,
        "model_only": 90.0,
        "bound": 80.0,
        "end_to_end": 72.0,
        "spread": 0.01,
        "share_of_bound": share,
    }
    pairs = (f"{SMALL}, default", f"{CAMERA}, default", f"{SMALL}, edge")
    measured = {
        "alone": {SMALL: [{"walk": 9.0}]},
        "together": dict.fromkeys(pairs, figures),
        "rows_per_s": [1.0],
    }
    return {"stages": {**results([2.0], [10.0])["peers"], "measured": measured}}


def test_what_was_measured_on_cuda_stands_beside_the_cpu(tmp_path):
    steady = {OURS: [90.0], TIMM: [30.0]}
    cuda = results([1.0], [50.0])
    cuda["peers"]["measured"]["steady"] = {
        "images": 8,
        "contestants": {
            name: contestant([1.0]) | {"images_per_s": rates} for name, rates in steady.items()
        },
    }
    parts = results([2.0], [10.0]) | stages(0.97) | on_cuda(cuda | stages(0.85))
    assert verdict_on(parts, "the same on CUDA") == ("3.00×", "reached")
    assert verdict_on(parts, f"slower stage, on CUDA, {SMALL}") == ("0.85", "missed")
    assert verdict_on(parts, f"end to end / bound, {SMALL}, edge") == ("0.97", "reached")
    assert verdict_on(parts, SMALL_GOAL) == ("5.00×", "reached")
    text = report(parts)
    assert "## Stages\n" in text
    assert "## Stages, on CUDA\n" in text
    write_plots(parts, tmp_path)
    names = [f"{name}.png" for name in ("peers", "peers-cuda", "stages", "stages-cuda")]
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    assert all(f"(plots/{name})" in text for name in names)


def test_a_missing_gpu_is_told_only_where_nothing_was_measured_on_one():
    parts = results([2.0], [10.0])
    assert "no GPU was available" in report(parts)
    assert "no GPU was available" not in report(parts | on_cuda(parts))


def test_a_figure_without_a_goal_is_neither_reached_nor_missed():
    rates = {"1": [10.0, 10.0], "2": [19.0, 17.0], "16": [80.0]}
    measured = {"images_per_s": {SMALL: rates, CAMERA: rates}}
    parts = {"cores": {**results([2.0], [10.0])["peers"], "measured": measured}}
    assert verdict_on(parts, f"all cores against one core, {SMALL}") == ("8.00×", "–")
    assert f"| all cores against one core, {SMALL} | – | 8.00× | – |" in report(parts)


def test_float32_is_compared_on_camera_files_too():
    what = "2–12 megapixels JPEG: float32"
    assert verdict_on(results([2.0], [20.0]), what) == ("2.50×", "reached")


def test_how_often_figures_were_taken_is_told_where_it_is_known():
    parts = results([2.0], [10.0])
    assert "| peers | 2026-01-01 00:00 UTC | 1 | earlier ones |  | 0.00 |" in report(parts)
    parts["peers"]["circumstances"] |= {"repeats": 5, "models": {"default": "0a", "edge": "1b"}}
    assert "| peers | 2026-01-01 00:00 UTC | 1 | default 0a, edge 1b | 5 | 0.00 |" in report(parts)


def test_one_option_measures_every_part():
    def chosen(only=(), skip=(), everything=False, device="cpu"):
        return chosen_parts(only, skip, everything=everything, device=device)

    assert chosen(everything=True) == list(PARTS)
    assert set(PARTS) - set(chosen()) == {"earlier", "fidelity", "tuning"}
    assert chosen(only=("tuning", "start"), skip=("start",)) == ["tuning"]
    assert chosen(only=("report",)) == []
    assert "cores" not in chosen(everything=True, device="cuda")
    with pytest.raises(ValueError, match="decoders"):
        chosen(only=("decoders",), device="cuda")


def single_round(end_to_end, model_only):
    machine = Machine(2, "some processor", "some system", "cpu", "CPUExecutionProvider", {})
    rates = {"decode_one_core": 50.0, "decode_only": 90.0, "bound": 1.0, "share_of_bound": 1.0}
    return BenchReport(
        images=8,
        failed=0,
        megapixels=1.0,
        rounds=1,
        batch_size=4,
        decode_threads=2,
        model_only=model_only,
        end_to_end=end_to_end,
        spread=0.0,
        peak_memory_mb=100.0,
        model="some model",
        machine=machine,
        **rates,
    )


def test_rounds_taken_by_turns_give_one_report():
    report = combined(
        [single_round(40.0, 90.0), single_round(44.0, 100.0), single_round(45.0, 120.0)]
    )
    assert (report.rounds, report.end_to_end, report.model_only) == (3, 44.0, 100.0)
    assert report.bound == pytest.approx(50.0)
    assert report.share_of_bound == pytest.approx(0.88)
    assert report.spread == pytest.approx(0.125)


def test_a_cold_start_reads_the_libraries_beside_packages_again(tmp_path, monkeypatch):
    for folder in ("tqdm", "numpy", "numpy.libs", "other.libs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for package in ("numpy", "tqdm"):
        monkeypatch.delitem(sys.modules, package, raising=False)
    inside = [path.name for path in package_folders() if path.parent == tmp_path]
    assert inside == ["numpy", "tqdm", "numpy.libs"]


def accuracies(default: float, edge: float) -> dict:
    measured = {
        name: {part: {"value": value, "low": 0.5, "high": 0.9} for part in ("test", "external")}
        for name, value in (("default", default), ("edge", edge))
    }
    parts = results([2.0], [10.0])
    return {"accuracy": {**parts["peers"], "measured": {"models": measured}}}


@pytest.mark.parametrize(
    ("edge", "measured"),
    [(0.862, ("0.80 points", "reached")), (0.85, ("2.00 points", "missed"))],
)
def test_what_the_edge_model_loses_is_counted_in_points(edge, measured):
    parts = accuracies(0.87, edge)
    for where in ("lost, test", "lost, pictures from elsewhere"):
        assert verdict_on(parts, where) == measured
    assert f"| edge | {edge:.1%} (50.0–90.0) |" in report(parts)


def test_both_bundled_models_are_judged_on_the_test_split_and_elsewhere(tmp_path):
    data = write_pictures_of_many_sources(tmp_path / "data")
    samples = load_samples(data)
    # A source without a split, as pictures have that took no part in the training.
    split = split_by_group([one for one in samples if one.source != samples[0].source], 42)
    write_splits(data / "splits.csv", split)
    write_labelled_pictures(data / "external_dev", per_picture=1, side=70)
    measured = accuracy_part.measure(Settings(data, (), tmp_path, splits=data / "splits.csv"))
    assert list(measured["models"]) == ["default", "edge"]
    for parts in measured["models"].values():
        assert list(parts) == ["test", "external"]
        assert all(0.0 <= part["low"] <= part["value"] <= part["high"] for part in parts.values())


def test_the_document_has_every_goal_and_every_measured_figure(tmp_path):
    text = report(results([2.0, 2.2], [9.0, 11.0]))
    for goal in GOALS:
        assert f"| {goal.what} |" in text
    assert "| scan-folder | 3.8 ± 5% | 2.10 ± 5% |" in text
    assert "1. some processor, 2 cores" in text


def test_an_earlier_build_stands_beside_this_one():
    figures = {
        "bookkeeping, 1 core: files/s": {OURS: [2000.0], EARLIER: [1000.0]},
        "bookkeeping, all cores: files/s": {OURS: [3000.0], EARLIER: [500.0]},
        "peak memory, default, camera files, 16 threads: MB": {OURS: [700.0], EARLIER: [350.0]},
    }
    parts = results([2.0], [10.0])
    parts["earlier"] = {**parts["peers"], "measured": {"commit": "abc1234", "figures": figures}}
    assert verdict_on(parts, "on two cores against one core") == ("1.50×", "missed")
    assert verdict_on(parts, "16 threads") == ("700 MB", "missed")
    text = report(parts)
    assert "|  | now | commit abc1234 | now / then |" in text
    assert "| bookkeeping, all cores: files/s | 3,000.00 | 500.00 | 6.00 |" in text


def test_the_commands_of_an_earlier_checkout_are_its_own(settings, tmp_path):
    assert earlier(settings) is None
    assert earlier_scanners(settings) == []
    checkout = tmp_path / "checkout"
    (checkout / "infer" / "commands").mkdir(parents=True)
    (checkout / "infer" / "commands" / "entry.py").write_text(
        "import sys\ndef scan_folder():\n    print('of the checkout', *sys.argv[1:])\n"
    )
    told = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(checkout)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "earlier"]):
        subprocess.run(["git", *told, *words], check=True)
    old = replace(settings, earlier=checkout)
    build = earlier(old)
    assert build is not None
    done = run([*build.command("scan_folder"), "--help"], environment=build.environment)
    assert done.output == "of the checkout --help\n"
    assert [one.settings for one in earlier_scanners(old)] == [build.commit] * 2


def test_the_document_follows_the_results(tmp_path):
    stored = json.loads(json.dumps(results([2.0], [10.0])))
    before = report(stored)
    stored["peers"]["measured"]["small"]["contestants"][OURS]["wall_s"] = [1.0]
    assert "5.00×" in before
    assert "10.00×" in report(stored)


def test_a_plot_is_drawn_for_each_part_that_was_measured(tmp_path):
    write_plots(results([2.0, 2.2], [9.0, 11.0]), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["peers.png"]
    assert Image.open(tmp_path / "peers.png").width > 600


def test_a_process_is_measured_with_its_children():
    child = "import time; x = b'x' * 200_000_000; time.sleep(0.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    done = run([sys.executable, "-c", f"{parent}\nprint('head')\nprint('row')"])
    assert done.output == "head\nrow\n"
    assert done.peak_mb > 200
    assert done.wall_s >= done.first_row_s >= 0.5
    with pytest.raises(ProcessError, match="no such model"):
        run([sys.executable, "-c", "raise SystemExit('no such model')"])


def test_another_python_gives_the_same_rows(settings):
    folder = tiny_files(settings, 12)
    command = [sys.executable, "-m", "benchmarks.interpreters", sys.executable, str(folder)]
    done = subprocess.run(
        [*command, "--rounds", "1"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("rows are equal")
    assert done.stdout.count("all cores against one") == 2


def test_the_scanner_of_a_checkout_hides_the_installed_one(tmp_path):
    (tmp_path / "checkout" / "infer").mkdir(parents=True)
    (tmp_path / "checkout" / "infer" / "__init__.py").touch()
    variables = scanner_of(tmp_path / "checkout", tmp_path / "place")
    code = "import trustthepixels.infer as found; print(found.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path / "place"))
