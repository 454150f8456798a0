"""Behaviour of all commands: help without waiting, one line for an error, honest exit codes."""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import click
import pytest

from trustthepixels.infer.commands.main import COMMANDS, LazyCommand, group
from trustthepixels.infer.commands.run import run
from trustthepixels.infer.errors import (
    ExitCode,
    ExportCheckError,
    MissingExtraError,
    ModelError,
    OutputError,
    ProviderError,
    TrustThePixelsError,
    UsageError,
)
from trustthepixels.infer.system import versions
from trustthepixels.infer.system.terminal import printable

INFER_COMMANDS = [command.name for command in COMMANDS if not command.extra]


class TestHelp:
    def test_names_every_command_with_a_line_of_help(self, run_command):
        result = run_command("trustthepixels", "--help")
        assert result.returncode == 0
        for name in [
            "prepare-data",
            "train",
            "evaluate",
            "export",
            "scan",
            "predict",
            "bench",
            "info",
        ]:
            assert f"\n  {name} " in result.stdout

    def test_imports_nothing_that_takes_time(self):
        script = (
            "import sys\n"
            "from trustthepixels.infer.commands.entry import trustthepixels as main\n"
            "sys.argv = ['trustthepixels', '--help']\n"
            "try:\n    main()\nexcept SystemExit:\n    pass\n"
            "slow = {'numpy', 'PIL', 'onnxruntime', 'torch', 'tqdm'} & set(sys.modules)\n"
            "assert not slow, slow\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)

    @pytest.mark.parametrize("name", INFER_COMMANDS)
    def test_of_a_command_of_infer_needs_no_model_runtime(self, name):
        script = (
            "import sys\n"
            "from trustthepixels.infer.commands.entry import trustthepixels as main\n"
            f"sys.argv = ['trustthepixels', {name!r}, '--help']\n"
            "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
            "assert 'onnxruntime' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)

    def test_version_is_the_distribution_s(self, run_command):
        result = run_command("trustthepixels", "--version")
        version = importlib.metadata.version("trustthepixels")
        assert result.stdout == f"trustthepixels {version}\n"


class TestCommandTable:
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
    def test_each_entry_is_a_command(self, command):
        module = command.target.partition(":")[0]
        if importlib.util.find_spec(module.rpartition(".")[0]) is None:
            pytest.skip(f"{module} is not there")
        assert isinstance(command.load(), click.Command)

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
    def test_each_extra_is_declared_by_the_distribution(self, command):
        extras = importlib.metadata.metadata("trustthepixels").get_all("Provides-Extra")
        assert command.extra in ["", *extras]

    def test_a_missing_extra_is_named_with_the_way_to_install_it(self, monkeypatch):
        monkeypatch.setattr(
            versions, "installed_version", lambda name: "1" * (name not in ("torch", "timm"))
        )
        train = next(command for command in COMMANDS if command.name == "train").load()
        with pytest.raises(MissingExtraError) as error:
            train.main(["data", "--out", "run"], standalone_mode=False)
        needs = "trustthepixels train needs packages that are not installed (timm, torch)"
        assert needs in str(error.value)
        assert "pip install 'trustthepixels[train]'" in str(error.value)
        assert error.value.exit_code is ExitCode.USAGE

    def test_what_an_extra_needs_comes_from_the_distribution(self, monkeypatch):
        monkeypatch.setattr(versions, "installed_version", lambda name: "")
        missing = partial(versions.missing_distributions, "trustthepixels")
        assert {"torch", "timm", "lightning", "datasets"} <= set(missing("train"))
        assert {"torch", "timm", "onnx", "onnxscript"} <= set(missing("export"))
        assert missing("cpu") == ["onnxruntime"]
        assert missing("nonsense") == []

    def test_commands_of_infer_need_no_extra(self, monkeypatch):
        monkeypatch.setattr(versions, "installed_version", lambda name: "")
        for command in COMMANDS:
            if not command.extra:
                command.load()


class TestErrors:
    @pytest.mark.parametrize(
        "arguments",
        [[], ["nonsense"], ["--nonsense"], ["info", "--nonsense"], ["predict", "--threads", "0"]],
        ids=" ".join,
    )
    def test_wrong_usage_is_one_line_that_points_to_the_help(self, run_command, arguments):
        result = run_command("trustthepixels", *arguments)
        assert result.returncode == 2
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("error: ")
        assert "--help')" in result.stderr

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (UsageError("no"), 2),
            (OutputError("no"), 2),
            (ModelError("no"), 3),
            (ProviderError("no"), 3),
            (ExportCheckError("no"), 4),
            (KeyboardInterrupt(), 130),
            (BrokenPipeError(), 141),
            (OSError(28, "No space left on device"), 2),
            (click.Abort(), 130),
            (MemoryError(), 3),
            (ImportError("advice\n\nlib.so: failed to map segment"), 3),
            (ModuleNotFoundError("No module named 'numpi'"), 70),
            (RuntimeError("can't start new thread"), 3),
            (RuntimeError("no"), 70),
            (ZeroDivisionError("no"), 70),
            (click.exceptions.Exit(1), 1),
            (click.exceptions.Exit(0), 0),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
    )
    def test_every_end_has_its_exit_code(self, monkeypatch, capsys, error, code):
        assert self.exit_code(monkeypatch, error) == code
        shown = capsys.readouterr().err
        assert ("Traceback" in shown) is (code == 70)
        if isinstance(error, TrustThePixelsError):
            assert shown == "error: no\n"

    def test_a_message_from_outside_cannot_act_on_the_terminal(self, monkeypatch, capsys):
        self.exit_code(monkeypatch, ModelError("bad \x1b]0;title\x07 model"))
        assert "\x1b" not in capsys.readouterr().err

    def test_each_error_ends_with_2_to_5(self):
        kinds = [TrustThePixelsError]
        for kind in kinds:
            kinds += kind.__subclasses__()
        assert len(kinds) > 10
        assert {kind.exit_code for kind in kinds} == {2, 3, 4, 5}

    @staticmethod
    def exit_code(monkeypatch, error: BaseException) -> object:
        @click.command()
        def failing() -> None:
            raise error

        monkeypatch.setattr(sys, "argv", ["failing"])
        monkeypatch.setattr("trustthepixels.infer.commands.run._discard_output", lambda: None)
        with pytest.raises(SystemExit) as end:
            run(failing)
        return end.value.code


class TestStreams:
    def test_a_closed_pipe_ends_quietly(self):
        process = subprocess.Popen(
            [command_path(), "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.stderr.close()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_a_full_disk_behind_standard_output_is_one_line(self):
        with Path("/dev/full").open("w") as full:
            result = subprocess.run(
                [command_path(), "--help"], stdout=full, stderr=subprocess.PIPE, text=True
            )
        assert result.returncode == 2
        assert "No space left" in result.stderr
        assert len(result.stderr.splitlines()) == 1

    @pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
    def test_streams_that_are_closed_from_the_start_are_no_crash(self, closed, tiny_model):
        line = f'"{command_path()}" info "{tiny_model}" {closed}'
        result = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
        assert result.returncode == 0
        assert "Traceback" not in result.stderr

    def test_nothing_of_a_command_lands_in_a_file_that_took_the_number_of_standard_error(
        self, tiny_model, examples, tmp_path
    ):
        figure = tmp_path / "figure.png"
        picture = examples / "Real" / "coffee.jpg"
        line = f'"{command_path()}" predict --model "{tiny_model}" "{picture}"'
        line += f' --figure "{figure}" 2>&-'
        subprocess.run(["sh", "-c", line], check=True, capture_output=True)
        assert figure.read_bytes().startswith(b"\x89PNG")


class TestPrintable:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("plain été 中文 😀.jpg", "plain été 中文 😀.jpg"),
            ("a\nb\tc\r", r"a\nb\tc\r"),
            ("\x1b[31m\x9b", r"\x1b[31m\x9b"),
            ("caf\udce9.jpg", r"caf\xe9.jpg"),
            ("\u202egnp.exe", r"\u202egnp.exe"),
            ("\u2028\u2029", r"\u2028\u2029"),
            ("👩\u200d🔬", "👩\u200d🔬"),
            ("\ud800", r"\ud800"),
        ],
        ids=ascii,
    )
    def test_escapes_what_a_terminal_would_act_on_and_nothing_else(self, text, shown):
        assert printable(text) == shown
        printable(text).encode()


def command_path(name: str = "trustthepixels") -> str:
    scripts = str(Path(sys.executable).parent)
    path = shutil.which(name, path=os.pathsep.join([scripts, os.environ["PATH"]]))
    assert path is not None
    return path


def test_a_lazy_command_imports_when_it_is_loaded():
    command = LazyCommand("x", "trustthepixels.infer.commands.info:info", "help")
    assert command.load().name == "info"
    assert group.get_command(click.Context(group), "nonsense") is None
