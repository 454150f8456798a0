"""``trustthepixels scan-cluster`` on this machine: its rows, its refusals, its end."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from cluster_runs import SCAN_CLUSTER, merged, processes_of, wait_for_end, wait_for_parts
from scanning import run, start

from benchmarks.inputs.object_server import Faults, Objects, closed, served
from trustthepixels.infer.cluster.judge import Judge
from trustthepixels.infer.cluster.messages import Chunk, Done, Failed, Ready, Task
from trustthepixels.infer.errors import ExitCode
from trustthepixels.infer.files.walk import Found
from trustthepixels.infer.images.limits import Limits
from trustthepixels.infer.scan.request import ScanRequest
from trustthepixels.infer.stores.options import StoreOptions
from trustthepixels.infer.stores.source import AnyFiles
from trustthepixels.infer.stores.stores import Stores


def test_rows_equal_those_of_a_scan_and_nothing_is_left_behind(examples, tiny_model, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    # A folder twice, one file by name, and one that has gone: roots, doubles and failures.
    Path("list.txt").write_text("photos/no-such.jpg\nphotos/coffee.jpg\n")
    Path("photos").symlink_to(examples / "Real")
    paths = (examples / "AI", "photos", "--files-from", "list.txt", "--model", tiny_model)
    code, output, errors = run(
        *paths,
        "--out",
        "rows",
        "--part-rows",
        "4",
        "--actors",
        "2",
        command=SCAN_CLUSTER,
        env={**os.environ, "HOME": str(home), "TMPDIR": str(tmp_path)},
    )
    assert code == 1, errors
    assert output == b""
    # One line on the actors, one for each kind of file that was left out, and the summary.
    assert re.fullmatch(r"scanning with 2 actors.*\n(.*no pictures.*\n)?19 files: .*rows\n", errors)
    assert run(*paths, "--out", "scan.csv")[0] == 1
    assert merged("rows") == Path("scan.csv").read_bytes()
    assert len(list(Path("rows").glob("part-*"))) >= 5
    assert not list(home.iterdir())
    assert not list(tmp_path.glob("ray-*"))


REFUSED = [
    (["--actors", "64"], "64 actors with 1 processor each: there is room for"),
    (["--cpus-per-actor", "64"], "there is room for 0"),
    (["--include", "["], "is not a pattern"),
    (["--device", "cpu", "--gpus-per-actor", "1"], "exclude each other"),
    (["--address", "ray://host:1"], "use auto or HOST:PORT"),
    (["--fpr", "0.5"], "0.5"),
    (["--out", "-"], "name a folder"),
]


def refused(*arguments: str | Path) -> tuple[int, str]:
    """The exit code of a command that is refused, and its one line."""
    code, output, errors = run(*arguments, command=SCAN_CLUSTER)
    assert output == b""
    assert re.fullmatch(r"error: .*\n", errors)
    return code, errors


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_bad_arguments_are_one_line_before_ray_is_started(examples, tiny_model, options, words):
    code, errors = refused(examples, "--out", "rows", "--model", tiny_model, *options)
    assert code == 2
    assert words in errors
    assert not Path("rows").exists()


def test_a_bad_model_is_one_line_and_its_own_exit_code(examples):
    Path("bad.onnx").write_bytes(b"nothing")
    assert refused(examples, "--out", "rows", "--model", "bad.onnx")[0] == 3
    assert not Path("rows").exists()


def test_rows_that_exist_stay_as_they_are(examples, tiny_model):
    Path("rows").mkdir()
    Path("rows/manifest.json").write_text("{}")
    for out, words in (("rows", "manifest.json"), ("no/rows", "no/rows"), (tiny_model, "tiny")):
        code, errors = refused(examples, "--model", tiny_model, "--out", out)
        assert code == 2
        assert words in errors
    assert [path.name for path in Path("rows").iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:1", "127.0.0.1:port"])
def test_a_cluster_that_is_not_there_is_one_line(examples, tiny_model, address):
    code, errors = refused(examples, "--out", "rows", "--model", tiny_model, "--address", address)
    assert code == 2
    assert re.fullmatch(rf"error: .* cluster .*{address}: .*\n", errors)


def test_without_the_extra_the_error_says_what_to_install(examples, monkeypatch):
    script = (
        "import sys; sys.modules['ray'] = None\n"
        f"sys.argv = ['trustthepixels', 'scan-cluster', {str(examples)!r}, '--out', 'rows']\n"
        "from trustthepixels.infer.commands.entry import trustthepixels\n"
        "trustthepixels()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert "trustthepixels[ray]" in done.stderr


@pytest.fixture
def begun() -> Iterator[Callable[[Task], Judge]]:
    """Begin the scan of an actor in this process; the test's end ends it."""
    with ExitStack() as stack:
        yield lambda task: stack.enter_context(closing(Judge(task)))


@pytest.fixture
def judge(begun) -> Callable[..., Judge]:
    def judge(tiny_model: Path, folder: Path, *paths: str, **values) -> Judge:
        folder.mkdir(exist_ok=True)
        (folder / "run.json").write_text("{}")
        request = ScanRequest(paths=paths, out=str(folder), model=str(tiny_model), threads=1)
        return begun(Task(request, str(folder.parent), needs_gpu=values.get("needs_gpu", False)))

    return judge


def test_an_actor_judges_chunks_and_writes_their_parts(judge, examples, tiny_model, tmp_path):
    actor = judge(tiny_model, tmp_path / "rows", str(examples))
    assert isinstance(actor.ready(), Ready)
    found = [Found(os.fsencode(path)) for path in sorted((examples / "Real").iterdir())]
    names = [f"part-000000-{number:06}-00000000-001.csv" for number in range(3)]
    results = [
        actor.judge(Chunk(name, tuple(found[3 * n : 3 * n + 3]))) for n, name in enumerate(names)
    ]
    assert all(isinstance(result, Done) for result in results)
    assert [result.part.rows for result in results] == [3, 3, 3]
    assert sum(result.counts.verdicts.total() for result in results) == 9


def test_an_actor_that_cannot_work_says_why(judge, begun, examples, tiny_model, tmp_path):
    bad = judge(tmp_path / "none.onnx", tmp_path / "rows", str(examples)).ready()
    assert isinstance(bad, Failed)
    assert bad.exit_code is ExitCode.MODEL
    gpu = judge(tiny_model, tmp_path / "rows", str(examples), needs_gpu=True).ready()
    assert isinstance(gpu, Failed)
    assert "not on a GPU" in gpu.reason
    unseen = judge(tiny_model, tmp_path / "rows", "/no/such/folder").ready()
    assert isinstance(unseen, Failed)
    assert "/no/such/folder" in unseen.reason
    (tmp_path / "rows/run.json").unlink()
    request = ScanRequest(paths=(str(examples),), out=str(tmp_path / "rows"), model=str(tiny_model))
    apart = begun(Task(request, str(tmp_path), needs_gpu=False)).ready()
    assert isinstance(apart, Failed)
    assert "all machines share" in apart.reason


def test_an_actor_ends_its_chunk_when_the_store_is_gone(begun, contents, tiny_model, tmp_path):
    objects = Objects(dict(contents))
    faults = Faults(objects.answer, {key: [closed] for key in [*contents][20:]})
    with served(faults) as server:
        stores = StoreOptions(server.url, "us-east-1", anonymous=True)
        found = tuple(AnyFiles([b"s3://pictures/"], stores=Stores(stores)).find())
        request = ScanRequest(
            paths=("s3://pictures/",),
            out=str(tmp_path / "rows"),
            model=str(tiny_model),
            stores=stores,
            limits=Limits(timeout_s=1),
        )
        (tmp_path / "rows").mkdir()
        (tmp_path / "rows/run.json").write_text("{}")
        actor = begun(Task(request, str(tmp_path), needs_gpu=False))
        name = "part-000000-000001-00000000-001.csv"
        # One failure at the end of a chunk is a row; many in a row, or nothing else, are none.
        some = actor.judge(Chunk(name, found[:21]))
        assert isinstance(some, Done)
        assert some.totals.statuses == {"ok": 20, "unreadable": 1}
        for chunk in (found[:80], found[30:32]):
            gone = actor.judge(Chunk(name, chunk))
            assert isinstance(gone, Failed)
            assert gone.exit_code is ExitCode.SOURCE_LOST


@pytest.mark.slow
def test_an_interrupted_scan_says_how_to_go_on_and_goes_on(small_pictures, tiny_model):
    arguments = (small_pictures, "--out", "rows", "--model", tiny_model, "--part-rows", "10")
    with start(*arguments, command=SCAN_CLUSTER) as process:
        wait_for_parts("rows", 3)
        family = processes_of(process.pid, "")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"go on with --resume" in errors
    wait_for_end(family)
    assert run(*arguments, command=SCAN_CLUSTER)[0] == 2
    before = len(list(Path("rows").glob("part-*")))
    assert before >= 3
    other = run(*arguments, "--fpr", "0.05", "--resume", command=SCAN_CLUSTER)
    assert other[0] == 2
    assert "cannot be resumed: thresholds" in other[2]
    assert run(*arguments, "--resume", command=SCAN_CLUSTER)[0] == 0
    assert run(small_pictures, "--out", "scan.csv", "--model", tiny_model)[0] == 0
    assert merged("rows") == Path("scan.csv").read_bytes()
