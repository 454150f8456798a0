"""An interrupted ``prepare-data`` goes on where it was, and ends as if it had never stopped."""

import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import datasets
import pytest
from in_process import trustthepixels
from picture_sets import PER_CLASS, tree, write_parquet

from trustthepixels.infer.errors import OutputError
from trustthepixels.train.data.sampling import Sampling
from trustthepixels.train.prepare.request import DatasetRequest
from trustthepixels.train.prepare.run import PrepareSettings, prepare
from trustthepixels.train.prepare.sources.from_hub import RowSource
from trustthepixels.train.prepare.sources.hub import open_dataset
from trustthepixels.train.prepare.sources.source import Candidate

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = Path(sysconfig.get_path("scripts")) / "trustthepixels"
SETTINGS = {sampling: PrepareSettings(24, sampling=sampling) for sampling in Sampling}


class StoppingSource:
    """Rows of a data set; the given number of pictures is handed out, then the user stops it."""

    def __init__(self, dataset: Path, stop_after: int) -> None:
        request = DatasetRequest(str(dataset))
        self._rows = RowSource(open_dataset(request), request)
        self._left = stop_after
        self.read_blocks: list[int] = []
        self.handed_out: list[str] = []
        self.blocks = self._rows.blocks

    def identity(self) -> dict[str, object]:
        return self._rows.identity()

    def index(self) -> Mapping[str, list[str]]:
        return self._rows.index()

    def fetch(self, keys: Collection[str]) -> Iterator[Candidate]:
        return self._counted(self._rows.fetch(keys))

    def read_block(self, block: int) -> Iterator[Candidate]:
        self.read_blocks.append(block)
        return self._counted(self._rows.read_block(block))

    def _counted(self, candidates: Iterator[Candidate]) -> Iterator[Candidate]:
        for candidate in candidates:
            if self._left == 0:
                raise KeyboardInterrupt
            self._left -= 1
            self.handed_out.append(candidate.key)
            yield candidate


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what ``datasets`` writes out of the home folder."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A data set in which every fifth picture is spoilt."""
    return write_parquet(tmp_path / "set", unusable=frozenset(range(0, 2 * PER_CLASS, 5)))


@pytest.mark.parametrize("sampling", list(Sampling))
@pytest.mark.parametrize("stops", [[10], [3, 1, 0, 17], [30, 20]])
def test_the_result_is_that_of_an_uninterrupted_run(
    dataset: Path, tmp_path: Path, sampling: Sampling, stops: list[int]
) -> None:
    prepare(StoppingSource(dataset, -1), tmp_path / "whole", SETTINGS[sampling])
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            prepare(StoppingSource(dataset, stop), tmp_path / "out", SETTINGS[sampling])
        assert not (tmp_path / "out" / "manifest.csv").exists()
    prepare(StoppingSource(dataset, -1), tmp_path / "out", SETTINGS[sampling])

    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_finished_pictures_are_not_read_again(dataset: Path, tmp_path: Path) -> None:
    first = StoppingSource(dataset, 20)
    with pytest.raises(KeyboardInterrupt):
        prepare(first, tmp_path / "out", SETTINGS[Sampling.UNIFORM])
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/*.jpg")}
    second = StoppingSource(dataset, -1)
    prepare(second, tmp_path / "out", SETTINGS[Sampling.UNIFORM])

    assert len(done) > 5
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert not {path.stem for path in done} & set(second.handed_out)


def test_finished_blocks_are_not_read_again(dataset: Path, tmp_path: Path) -> None:
    first = StoppingSource(dataset, 35)
    with pytest.raises(KeyboardInterrupt):
        prepare(first, tmp_path / "out", SETTINGS[Sampling.STREAMED])
    second = StoppingSource(dataset, -1)
    prepare(second, tmp_path / "out", SETTINGS[Sampling.STREAMED])

    assert len(first.read_blocks) > 2
    assert not set(first.read_blocks[:-1]) & set(second.read_blocks)


def test_a_line_that_was_cut_short_is_done_again(dataset: Path, tmp_path: Path) -> None:
    prepare(StoppingSource(dataset, -1), tmp_path / "whole", SETTINGS[Sampling.UNIFORM])
    with pytest.raises(KeyboardInterrupt):
        prepare(StoppingSource(dataset, 20), tmp_path / "out", SETTINGS[Sampling.UNIFORM])
    journal = tmp_path / "out" / "prepare.journal"
    journal.write_bytes(journal.read_bytes()[:-7])
    (tmp_path / "out" / ".partial-1").write_bytes(b"half a pic")
    prepare(StoppingSource(dataset, -1), tmp_path / "out", SETTINGS[Sampling.UNIFORM])

    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_finished_picture_that_was_lost_is_noticed(
    dataset: Path, tmp_path: Path, damage: object
) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare(StoppingSource(dataset, 20), tmp_path / "out", SETTINGS[Sampling.UNIFORM])
    damage(next((tmp_path / "out").glob("AI/*.jpg")))  # type: ignore[operator]

    with pytest.raises(OutputError, match="missing or damaged"):
        prepare(StoppingSource(dataset, -1), tmp_path / "out", SETTINGS[Sampling.UNIFORM])


def test_other_settings_or_data_do_not_mix_with_what_is_there(
    dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare(StoppingSource(dataset, 20), tmp_path / "out", SETTINGS[Sampling.UNIFORM])
    before = tree(tmp_path / "out")

    with pytest.raises(OutputError, match=r"\(per_class, quality differ\)"):
        prepare(StoppingSource(dataset, -1), tmp_path / "out", PrepareSettings(5, quality=80))
    write_parquet(dataset)
    with pytest.raises(OutputError, match=r"\(version differ\)"):
        prepare(StoppingSource(dataset, -1), tmp_path / "out", SETTINGS[Sampling.UNIFORM])
    assert tree(tmp_path / "out") == before


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_stopped_command_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal_: int
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("AI", "Real"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        for example in (EXAMPLES / folder).iterdir():
            for copy in range(4):
                target = tmp_path / "in" / folder / f"{copy}{example.name}"
                target.write_bytes(example.read_bytes())

    arguments = ("prepare-data", "--ai", "in/AI", "--real", "in/Real", "--per-class", "36", "--out")
    command = [COMMAND, *arguments, tmp_path / "out"]
    stopped = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while len(list((tmp_path / "out").glob("AI/*.jpg"))) < 3 and stopped.poll() is None:
        time.sleep(0.005)
    stopped.send_signal(signal_)
    _, complaint = stopped.communicate(timeout=60)
    assert not (tmp_path / "out" / "manifest.csv").exists()
    if signal_ == signal.SIGINT:
        assert stopped.returncode == 130
        assert "run the same command again to resume" in complaint
    for out in (tmp_path / "out", tmp_path / "whole"):
        assert trustthepixels(*arguments, out).returncode == 0

    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert len(list((tmp_path / "out").glob("*/*.jpg"))) == 72
