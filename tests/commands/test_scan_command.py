"""The installed commands ``scan-folder`` and ``trustthepixels scan``, on real pictures."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scanning import SCAN, SCAN_FOLDER, parse, rows_of, run, start
from tiny_model import NAN_WEIGHTS, expected_p_ai, write_tiny_model

from trustthepixels.infer.images.decode import decode
from trustthepixels.infer.images.limits import MAX_PIXELS
from trustthepixels.infer.images.preprocess import resize
from trustthepixels.infer.output.rows import COLUMNS, unescape_path

PICTURES = (
    "AI/painting-house.webp",
    "AI/photo-style-man.jpg",
    "AI/portrait-f17.jpg",
    "AI/portrait-f3.jpg",
    "Real/astronaut.jpg",
    "Real/chelsea.jpg",
    "Real/coffee.jpg",
    "Real/duck-toy.jpg",
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny.onnx")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user stands beside a copy of some example pictures."""
    folder = tmp_path / "here"
    for name in PICTURES:
        (folder / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(examples / name, folder / "photos" / name)
    monkeypatch.chdir(folder)
    return folder


class TestRows:
    @pytest.mark.parametrize("command", [SCAN_FOLDER, SCAN])
    def test_one_row_for_each_picture_in_the_order_of_the_walk(self, model, command):
        code, output, errors = run("photos", "--out", "rows.csv", "--model", model, command=command)
        assert (code, output) == (0, b"")
        files = sorted(path for path in Path("photos").rglob("*") if path.is_file())
        rows = rows_of()
        assert [row["path"] for row in rows] == [str(path) for path in files]
        for row, path in zip(rows, files, strict=True):
            decoded = decode(path.read_bytes())
            p_ai = expected_p_ai(resize(decoded.image)[np.newaxis])[0]
            assert (row["status"], row["error"]) == ("ok", "")
            assert row["format"] == decoded.header.format
            assert (int(row["width"]), int(row["height"])) == decoded.image.size
            assert int(row["bytes"]) == path.stat().st_size
            assert float(row["p_ai"]) == pytest.approx(p_ai, abs=2e-6)
            verdict = "ai" if p_ai >= 0.8 else "real" if p_ai < 0.4 else "unsure"
            assert row["verdict"] == verdict
        assert "8 files: " in errors

    def test_single_files_and_folders_in_the_order_given(self, model):
        shutil.copy("photos/Real/astronaut.jpg", "picture")
        code, output, _ = run(
            "picture", "photos/Real", "photos/Real", "--out", "-", "--model", model
        )
        assert code == 0
        assert [row["path"] for row in parse(output)] == [
            "picture",
            *sorted(map(str, Path("photos/Real").iterdir())),
        ]

    def test_json_lines(self, model):
        run("photos", "--out", "rows.csv", "--model", model)
        code, output, _ = run("photos", "--out", "-", "--format", "jsonl", "--model", model)
        assert code == 0
        values = [json.loads(line) for line in output.splitlines()]
        for row, value in zip(rows_of(), values, strict=True):
            assert list(value) == list(COLUMNS)
            assert value["path"] == row["path"]
            assert value["p_ai"] == float(row["p_ai"])
            assert value["error"] is None

    def test_files_that_fail_have_a_row_and_the_exit_code_says_so(self, model):
        Path("photos/bad.jpg").write_text("<html>not a picture</html>")
        Path("photos/cut.jpg").write_bytes(Path("photos/Real/chelsea.jpg").read_bytes()[:20_000])
        os.mkfifo("photos/pipe.jpg")
        Path("photos/gone.jpg").symlink_to("nowhere")
        code, _, errors = run("photos", "--out", "rows.csv", "--model", model)
        assert code == 1
        assert "12 files: " in errors
        assert "4 failed" in errors
        failed = {row["path"]: row for row in rows_of() if row["status"] != "ok"}
        assert {path: row["status"] for path, row in failed.items()} == {
            "photos/bad.jpg": "not_an_image",
            "photos/cut.jpg": "truncated",
            "photos/gone.jpg": "unreadable",
            "photos/pipe.jpg": "unreadable",
        }
        assert all(row["error"] and not row["verdict"] + row["p_ai"] for row in failed.values())
        assert failed["photos/pipe.jpg"]["error"] == "not a regular file (a named pipe)"

    def test_names_come_back_and_do_not_depend_on_the_locale(self, model):
        names = [
            b"a\nb.jpg",
            b"=1+1.jpg",
            b"\xff\xfe.jpg",
            "日本.jpg".encode(),
            b'",.jpg',
            b"\\n.jpg",
        ]
        Path("odd").mkdir()
        for name in names:
            shutil.copy("photos/Real/chelsea.jpg", b"odd/" + name)
        os.chdir("odd")
        outputs = set()
        for locale in ("C", "C.UTF-8", "POSIX", "de_DE.ISO-8859-1"):
            environment = {**os.environ, "LC_ALL": locale, "LANG": locale, "PYTHONUTF8": "0"}
            code, output, _ = run(".", "--out", "-", "--model", model, env=environment)
            assert code == 0
            outputs.add(output)
        assert len(outputs) == 1
        paths = [row["path"] for row in parse(outputs.pop())]
        assert [unescape_path(path) for path in paths] == sorted(names)
        assert "./=1+1.jpg" in paths

    def test_an_empty_folder_gives_no_rows(self, model):
        Path("empty").mkdir()
        code, _, errors = run("empty", "--out", "rows.csv", "--model", model, "--allow-empty")
        assert code == 0
        assert rows_of() == []
        assert "0 files: " in errors


class TestChoosing:
    def scanned(self, *arguments: str | Path, model: Path, **keywords) -> list[str]:
        _, output, _ = run(*arguments, "--out", "-", "--model", model, **keywords)
        return [row["path"] for row in parse(output)]

    def test_include_and_exclude(self, model):
        assert self.scanned(
            "photos", "--include", "*.jpg", "--exclude", "Real", "--exclude", "*f3*", model=model
        ) == ["photos/AI/photo-style-man.jpg", "photos/AI/portrait-f17.jpg"]

    def test_links_to_folders_are_followed_on_request(self, model):
        Path("linked").mkdir()
        Path("linked/folder").symlink_to("../photos/AI")
        Path("linked/loop").symlink_to(".")
        assert self.scanned("linked", model=model) == []
        assert len(self.scanned("linked", "--follow-links", model=model)) == 4

    def test_a_list_of_files_in_a_file_and_on_standard_input(self, model):
        listed = b"photos/Real/chelsea.jpg\nphotos/missing.jpg\nphotos/AI\n"
        Path("list").write_bytes(listed)
        expected = ["photos/Real/chelsea.jpg", "photos/missing.jpg"]
        expected += sorted(map(str, Path("photos/AI").iterdir()))
        assert self.scanned("--files-from", "list", model=model) == expected
        assert self.scanned("--files-from", "-", model=model, input=listed) == expected
        assert (
            self.scanned("--files-from", "-", model=model, input=listed.replace(b"\n", b"\0"))
            == expected
        )

    def test_arguments_come_before_the_list(self, model):
        assert self.scanned(
            *("photos/Real/chelsea.jpg", "--files-from", "-"),
            model=model,
            input=b"photos/Real/astronaut.jpg\nphotos/Real/chelsea.jpg",
        ) == ["photos/Real/chelsea.jpg", "photos/Real/astronaut.jpg"]

    def test_the_output_in_the_scanned_folder_is_not_scanned(self, model):
        assert run("photos", "--out", "photos/rows.jpg", "--model", model)[0] == 0
        assert len(rows_of("photos/rows.jpg")) == 8
        assert run("photos", "--out", "photos/rows.jpg", "--force", "--model", model)[0] == 0
        assert len(rows_of("photos/rows.jpg")) == 8

    def test_max_pixels(self, model):
        code, output, _ = run(
            "photos/Real", "--out", "-", "--max-pixels", 300_000, "--model", model
        )
        assert code == 1
        assert {row["status"] for row in parse(output)} == {"ok", "too_large"}
        too_large = [row for row in parse(output) if row["status"] == "too_large"]
        assert all(int(row["width"]) * int(row["height"]) > 300_000 for row in too_large)


class TestVerdicts:
    def verdicts(self, *options: str, model: Path) -> dict[float, str]:
        code, output, errors = run("photos", "--out", "-", "--model", model, *options)
        assert code == 0, errors
        return {float(row["p_ai"]): row["verdict"] for row in parse(output)}

    def test_the_operating_point_decides_and_the_probability_stays(self, model):
        strict = self.verdicts("--fpr", "0.01", model=model)
        loose = self.verdicts("--fpr", "0.05", model=model)
        assert strict == self.verdicts(model=model)
        assert strict.keys() == loose.keys()
        assert {p for p, verdict in strict.items() if verdict == "ai"} == {
            p for p in strict if p >= 0.8
        }
        assert {p for p, verdict in loose.items() if verdict == "ai"} == {
            p for p in loose if p >= 0.6
        }

    def test_no_unsure_leaves_two_verdicts_at_the_threshold_in_force(self, model):
        three = self.verdicts("--fpr", "0.05", model=model)
        two = self.verdicts("--fpr", "0.05", "--no-unsure", model=model)
        assert "unsure" in three.values()
        assert two == {p: "ai" if p >= 0.6 else "real" for p in three}

    def test_a_threshold_of_ones_own(self, model):
        verdicts = self.verdicts("--threshold", "0.55", model=model)
        assert {p for p, verdict in verdicts.items() if verdict == "ai"} == {
            p for p in verdicts if p >= 0.55
        }


class TestOutput:
    def test_an_existing_file_is_refused_and_replaced_with_force(self, model):
        Path("rows.csv").write_text("precious")
        code, _, errors = run("photos", "--out", "rows.csv", "--model", model)
        assert code == 2
        assert errors.count("\n") == 1
        assert "--force" in errors
        assert Path("rows.csv").read_text() == "precious"
        code, _, errors = run("photos", "--out", "rows.csv", "--model", model, "--force")
        assert code == 0
        assert errors.endswith("the rows are in rows.csv\n")
        assert len(rows_of()) == 8

    @pytest.mark.parametrize(
        ("destination", "reason"),
        [
            ("missing/rows.csv", "its folder does not exist"),
            ("photos", "it is a folder"),
            ("/dev/full", "No space left on device"),
            ("/proc/rows.csv", "cannot write"),
        ],
    )
    def test_an_unusable_output_is_found_before_the_model_is_loaded(self, destination, reason):
        code, _, errors = run("photos", "--out", destination, "--model", "there-is-none.onnx")
        assert code == 2
        assert errors.count("\n") == 1
        assert reason in errors

    @pytest.mark.parametrize("name", ["x.xlsx", "x.XLS", "x.ods", "x.xlsm", "x.parquet"])
    @pytest.mark.parametrize("options", [[], ["--force"], ["--format", "jsonl"]])
    def test_a_kind_of_file_that_rows_are_not_is_refused(self, name, options):
        code, _, errors = run("photos", "--out", name, "--model", "there-is-none.onnx", *options)
        assert (code, errors.count("\n")) == (2, 1)
        assert errors.startswith(f"error: cannot write {name}: rows are CSV or JSON lines; use ")
        assert "--out x.csv --excel" in errors
        assert not Path(name).exists()

    def test_a_model_that_cannot_be_used_leaves_the_output_as_it_was(self):
        Path("not-a-model.onnx").write_text("<html>")
        code, _, errors = run("photos", "--out", "rows.csv", "--model", "not-a-model.onnx")
        assert code == 3
        assert errors.count("\n") == 1
        assert not Path("rows.csv").exists()
        Path("rows.csv").write_text("precious")
        arguments = ("photos", "--out", "rows.csv", "--model", "not-a-model.onnx", "--force")
        assert run(*arguments)[0] == 3
        assert Path("rows.csv").read_text() == "precious"
        assert not Path("rows.csv.partial").exists()

    def test_a_model_that_gives_no_probability_writes_no_verdict(self, tmp_path):
        model = write_tiny_model(tmp_path / "nan.onnx", NAN_WEIGHTS)
        code, output, errors = run("photos", "--out", "-", "--model", model)
        assert code == 3
        assert parse(output) == []
        assert "not a probability" in errors

    def test_a_disk_that_fills_up_ends_the_scan_with_whole_rows(self, model):
        limited = ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash", *SCAN_FOLDER]
        names = "".join(f"photos/Real/chelsea.jpg/../../{n}.jpg\n" for n in range(100))
        code, _, errors = run(
            *("--files-from", "-", "--out", "rows.csv", "--model", model),
            command=limited,
            input=names.encode(),
        )
        assert code == 2
        assert errors.splitlines()[-1] == "error: cannot write to rows.csv: File too large"
        assert 0 < len(rows_of()) < 100

    def test_standard_output_that_is_closed_by_its_reader_ends_quietly(self, model):
        with start(
            *("--files-from", "-", "--out", "-", "--model", model, "--quiet"),
            stdin=subprocess.PIPE,
        ) as process:
            process.stdout.close()
            _, errors = process.communicate(b"photos/Real/chelsea.jpg\n" * 5, timeout=60)
        assert process.returncode == 141
        assert errors == b""

    def test_a_closed_standard_output_or_error_does_not_end_up_in_the_rows(self, model):
        Path("photos/bad.jpg").write_text("no picture")
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            shell = ["bash", "-c", f'exec "$@" {closed}', "bash", *SCAN_FOLDER]
            code, _, _ = run("photos", "--out", f"rows{closed}", "--model", model, command=shell)
            assert code == 1
            assert len(rows_of(f"rows{closed}")) == 9
        shell = ["bash", "-c", 'exec "$@" >&-', "bash", *SCAN_FOLDER]
        code, _, errors = run("photos", "--out", "-", "--model", model, command=shell)
        assert code == 2
        assert "standard output" in errors


class TestMessages:
    def test_auto_says_which_device_it_took_and_a_named_device_does_not(self, model):
        _, _, errors = run("photos", "--out", "-", "--model", model)
        assert "scanning on the device 'cpu' (CPUExecutionProvider)" in errors
        _, _, errors = run("photos", "--out", "-", "--model", model, "--device", "cpu")
        assert errors.count("\n") == 1

    def test_a_device_that_cannot_be_had_is_an_error(self, model):
        code, output, errors = run(
            "photos", "--out", "rows.csv", "--device", "openvino", "--model", model
        )
        assert (code, output) == (3, b"")
        assert errors.count("\n") == 1
        assert not Path("rows.csv").exists()

    def test_the_summary_counts_and_times(self, model):
        Path("photos/bad.jpg").write_text("no picture")
        _, _, errors = run("photos", "--out", "rows.csv", "--model", model, "--device", "cpu")
        rows = rows_of()
        counts = [
            sum(row["verdict"] == verdict for row in rows) for verdict in ("ai", "unsure", "real")
        ]
        assert errors.startswith("9 files: {} ai, {} unsure, {} real, 1 failed; ".format(*counts))
        assert "images/s with CPUExecutionProvider" in errors

    def test_quiet_says_nothing(self, model):
        assert run("photos", "--out", "rows.csv", "--quiet", "--model", model) == (0, b"", "")

    def test_progress_is_shown_on_a_terminal_only(self, model):
        pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
        controller, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, (24, 120))
        with start("photos", "--out", "rows.csv", "--model", model, stderr=terminal) as process:
            os.close(terminal)
            shown = b""
            # Linux answers EIO when the other side of a terminal is closed.
            with contextlib.suppress(OSError):
                while part := os.read(controller, 1000):
                    shown += part
            os.close(controller)
        assert process.returncode == 0
        assert b"8 images [" in shown or b"0 images [" in shown
        _, _, errors = run("photos", "--out", "-", "--model", model)
        assert "images [" not in errors


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (["--out", "rows.csv"], "name at least one PATH"),
            (["photos"], "Missing option '--out'"),
            (["photos", "missing", "--out", "rows.csv"], "no such file or folder: 'missing'"),
            (["", "--out", "rows.csv"], "no such file or folder: ''"),
            (["photos", "--out", "rows.csv", "--fpr", "0.5"], "no operating point"),
            (
                ["photos", "--out", "rows.csv", "--fpr", "0.01", "--threshold", "0.5"],
                "exclude each other",
            ),
            (["photos", "--out", "rows.csv", "--batch-size", "0"], "--batch-size"),
            (["photos", "--out", "rows.csv", "--device", "abacus"], "--device"),
            (["--files-from", "missing", "--out", "rows.csv"], "cannot read the list of files"),
        ],
    )
    def test_wrong_usage_is_one_line_and_leaves_nothing(self, model, arguments, reason):
        code, output, errors = run(*arguments, "--model", model)
        assert (code, output) == (2, b"")
        assert errors.count("\n") == 1
        assert reason in errors
        assert not Path("rows.csv").exists()

    def test_what_a_terminal_would_act_on_is_escaped_in_messages(self, model):
        _, _, errors = run("\x1b[31m\n", "--out", "rows.csv", "--model", model)
        assert "\x1b" not in errors
        assert errors.count("\n") == 1

    def test_help_imports_nothing_heavy(self):
        heavy = "{'numpy', 'PIL', 'onnxruntime', 'tqdm'}"
        code = f"""
import sys
sys.argv = ["scan-folder", "--help"]
from trustthepixels.infer.commands.entry import scan_folder as main
try:
    main()
except SystemExit as end:
    assert not end.code
assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)
"""
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    def test_help_tells_the_default_limit_on_pixels(self):
        assert str(MAX_PIXELS) in run("--help")[1].decode()


class TestInterruption:
    @pytest.fixture
    def scanning(self, model: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A scan that has written two rows and waits for more of its list."""
        with start(
            *("photos/Real/astronaut.jpg", "photos/Real/chelsea.jpg", "--files-from", "-"),
            *("--out", "rows.csv", "--model", model),
            stdin=subprocess.PIPE,
        ) as process:
            while not Path("rows.csv").exists() or Path("rows.csv").read_bytes().count(b"\n") < 3:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.01)
            yield process
            process.kill()

    @pytest.mark.parametrize(
        ("number", "code"),
        [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    )
    def test_a_signal_ends_the_scan_with_valid_rows_and_a_summary(self, scanning, number, code):
        scanning.send_signal(number)
        _, errors = scanning.communicate(timeout=60)
        assert scanning.returncode == code
        assert [row["path"] for row in rows_of()] == [
            "photos/Real/astronaut.jpg",
            "photos/Real/chelsea.jpg",
        ]
        last = errors.decode().splitlines()[-1]
        assert last.startswith("interrupted: 2 files: ")
        assert "rows.csv" in last
        assert b"Traceback" not in errors

    def test_many_signals_end_like_one(self, scanning):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            scanning.send_signal(number)
        _, errors = scanning.communicate(timeout=60)
        assert scanning.returncode in (130, 143)
        assert len(rows_of()) == 2
        assert b"Traceback" not in errors

    def test_a_signal_that_the_shell_ignores_stays_ignored(self, model):
        shell = ["bash", "-c", 'trap "" HUP; exec "$@"', "bash", *SCAN_FOLDER]
        with start(
            *("photos/Real/chelsea.jpg", "--files-from", "-", "--out", "rows.csv"),
            *("--model", model),
            command=shell,
            stdin=subprocess.PIPE,
        ) as process:
            while not Path("rows.csv").exists():
                time.sleep(0.01)
            process.send_signal(signal.SIGHUP)
            process.communicate(b"photos/Real/astronaut.jpg\n", timeout=60)
        assert process.returncode == 0
        assert len(rows_of()) == 2

    def test_an_interrupted_replacement_leaves_the_old_file(self, model):
        Path("rows.csv").write_text("old")
        with start(
            *("photos/Real/chelsea.jpg", "--files-from", "-", "--out", "rows.csv"),
            *("--force", "--model", model),
            stdin=subprocess.PIPE,
        ) as process:
            partial = Path("rows.csv.partial")
            while not partial.exists() or partial.read_bytes().count(b"\n") < 2:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert Path("rows.csv").read_text() == "old"
        assert len(rows_of(partial)) == 1
        assert "rows.csv.partial" in errors.decode()


def test_a_scan_leaves_nothing_in_the_users_home(run_command, tmp_path, examples):
    """ONNX Runtime 1.32 keeps an identity of the machine there unless it is told not to."""
    home = tmp_path / "home"
    home.mkdir()
    out = tmp_path / "rows.csv"
    scan = ("scan-folder", examples / "Real", "--out", out)
    # This process may have it from ONNX Runtime's import in another test.
    unset = ("env", "-u", "ORT_DISABLE_TELEMETRY")
    done = run_command(*unset, *scan, HOME=str(home), XDG_CACHE_HOME="")
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
