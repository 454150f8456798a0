"""``trustthepixels bench``: one run, every stage, and the machine that it ran on."""

import json

import onnxruntime
import PIL
import pytest

from trustthepixels.infer.choices import Device
from trustthepixels.infer.scan.measure import upper_bound
from trustthepixels.infer.system.cores import available_cores
from trustthepixels.infer.system.memory import peak_memory_mb


def test_reports_every_stage_as_a_table_and_as_json(run_command, tiny_model, examples, tmp_path):
    (tmp_path / "photos").mkdir()
    for path in sorted((examples / "Real").iterdir())[:3]:
        (tmp_path / "photos" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"no picture")
    out = tmp_path / "bench.json"
    result = run_command(
        "trustthepixels",
        "bench",
        tmp_path / "photos",
        *("--model", tiny_model, "--rounds", "2", "--json", out),
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(out.read_text())
    assert (report["images"], report["failed"], report["rounds"]) == (3, 1, 2)
    for rate in ("decode_one_core", "decode_only", "model_only", "end_to_end", "bound"):
        assert report[rate] > 0
        assert f"{report[rate]:.1f} images/s" in result.stdout
    assert report["share_of_bound"] == pytest.approx(report["end_to_end"] / report["bound"])
    assert 10 < report["peak_memory_mb"] < 10_000
    machine = report["machine"]
    assert machine["cores"] == available_cores()
    assert machine["provider"] == "CPUExecutionProvider"
    assert machine["versions"]["onnxruntime"] == onnxruntime.__version__
    assert machine["versions"]["pillow"] == PIL.__version__


@pytest.mark.parametrize("device", [Device.CPU, Device.OPENVINO])
def test_the_bound_on_a_cpu_adds_both_stages(device):
    # 10 ms on each of 2 cores and 5 ms of the model make 10 ms.
    assert upper_bound(100.0, 200.0, 2, device) == pytest.approx(100.0)


def test_the_bound_with_a_gpu_is_the_slower_stage():
    assert upper_bound(100.0, 900.0, 4, Device.CUDA) == pytest.approx(400.0)
    assert upper_bound(100.0, 300.0, 4, Device.CUDA) == pytest.approx(300.0)


def test_peak_memory_is_in_megabytes():
    before = peak_memory_mb()
    ballast = b"x" * 300_000_000
    after = peak_memory_mb()
    assert before is not None
    assert after is not None
    assert 300 <= after < before + 10_000
    assert ballast


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["gone"], 2, "gone: not a folder"),
        (["."], 2, "no picture that can be decoded"),
        ([".", "--json", "gone/x.json"], 2, "does not exist"),
        ([".", "--device", "openvino"], 3, "OpenVINOExecutionProvider"),
    ],
    ids=["no-folder", "no-pictures", "no-json-folder", "no-device"],
)
def test_what_cannot_be_measured_is_one_line(run_command, tiny_model, arguments, code, complaint):
    result = run_command("trustthepixels", "bench", "--model", tiny_model, *arguments)
    assert result.returncode == code
    assert complaint in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
