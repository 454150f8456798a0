"""``trustthepixels sort`` as it is installed: where pictures go, what stays, and the way back."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from report.pages import judged, write_rows
from sorting.trees import PAST, files_in, make_tree, put, snapshot

SORTED = [
    "ai/2024/deep/d.jpg",
    "ai/a.jpg",
    "ai/a.jpg.xmp",
    "failed/e.jpg",
    "real/2024/c.jpg",
    "real/2024/c.json",
    "unsure/2024/b.png",
]
ACTIONS = ("copy", "link", "move")


@pytest.fixture
def here(tmp_path, run_command) -> Path:
    folder = tmp_path / "cwd"
    make_tree(folder)
    return folder


@pytest.fixture
def sort(run_command, here):
    def run(*arguments):
        return run_command("trustthepixels", "sort", *arguments)

    return run


def flags(action: str) -> list[str]:
    return [] if action == "copy" else [f"--{action}"]


@pytest.mark.parametrize("action", ACTIONS)
def test_pictures_lie_by_verdict_with_their_sidecars_and_can_go_back(here, sort, action):
    before = snapshot(here)
    done = sort("rows.csv", "--into", "sorted", *flags(action))
    assert (done.returncode, done.stdout) == (0, "")
    past = {"copy": "copied", "link": "linked", "move": "moved"}[action]
    counts = "5 pictures (2 ai, 1 unsure, 1 real, 1 failed) and 2 sidecars; 0 left\n"
    assert done.stderr == f"{past} {counts}"
    assert files_in(here / "sorted") == SORTED
    after = snapshot(here)
    for name in SORTED:
        source = f"photos/{name.partition('/')[2]}"
        if action == "link":
            assert (here / "sorted" / name).is_symlink()
            assert (here / "sorted" / name).samefile(here / source)
        else:
            assert after[f"sorted/{name}"] == before[source]
        assert (source in after) is (action != "move")
    stay = [name for name in before if action != "move" or name == "photos/2024/other.txt"]
    assert all(after[name] == before[name] for name in stay)
    back = sort("--undo", "--into", "sorted")
    assert (back.returncode, back.stderr) == (0, "undone: 7 files; 0 left\n")
    assert snapshot(here) == before


def test_a_real_scan_is_sorted(run_command, here, examples, tiny_model):
    shutil.copytree(examples, here / "pictures")
    scan = ("scan-folder", "pictures", "--out", "scan.csv", "--model", tiny_model)
    assert run_command(*scan).returncode == 0
    done = run_command("trustthepixels", "sort", "scan.csv", "--into", "sorted")
    assert done.returncode == 0, done.stderr
    verdicts = {
        line.split(",")[0].partition("/")[2]: line.split(",")[2]
        for line in (here / "scan.csv").read_text().splitlines()[1:]
    }
    assert files_in(here / "sorted") == sorted(
        f"{label}/{name}" for name, label in verdicts.items()
    )


@pytest.mark.parametrize("action", ACTIONS)
def test_the_same_command_again_does_nothing(here, sort, action):
    sort("rows.csv", "--into", "sorted", *flags(action))
    before = {name: found for name, found in snapshot(here).items() if "-sort" not in name}
    done = sort("rows.csv", "--into", "sorted", *flags(action))
    assert done.returncode == 0
    assert "0 pictures (0 ai, 0 unsure, 0 real, 0 failed) and 0 sidecars" in done.stderr
    assert "5 were there already; 0 left" in done.stderr
    after = {name: found for name, found in snapshot(here).items() if "-sort" not in name}
    assert after == before


def test_choices_change_no_place(here, sort):
    for arguments, expected in (
        (["--only", "ai"], SORTED[:3]),
        (["--only", "ai", "--only", "failed"], SORTED[:4]),
        (["--min-p", "0.95"], SORTED[1:3]),
        (["--min-p", "0.5"], [*SORTED[:3], SORTED[6]]),
        (["--only", "real", "--min-p", "0.2"], []),
    ):
        assert sort("rows.csv", "--into", "sorted", *arguments).returncode == 0
        assert files_in(here / "sorted") == expected
        assert sort("--undo", "--into", "sorted").returncode == 0


@pytest.mark.parametrize("action", ACTIONS)
def test_a_dry_run_prints_what_would_be_done_and_does_nothing(here, sort, action):
    before = snapshot(here)
    done = sort("rows.csv", "--into", "sorted", "--dry-run", *flags(action))
    assert done.returncode == 0
    assert snapshot(here) == before
    lines = done.stdout.splitlines()
    expected = [
        f"{action} {here}/photos/{name.partition('/')[2]} -> {here}/sorted/{name}"
        for name in SORTED
    ]
    assert sorted(lines) == sorted(expected)
    assert f"would {action} 5 pictures" in done.stderr
    sort("rows.csv", "--into", "sorted", *flags(action))
    before = snapshot(here)
    done = sort("--undo", "--into", "sorted", "--dry-run")
    assert len(done.stdout.splitlines()) == 7
    assert snapshot(here) == before


def test_nothing_is_overwritten_and_undo_leaves_what_was_there(here, sort):
    put(here / "sorted/ai/a.jpg", b"mine")
    put(here / "sorted/real/2024/c.json", b"mine too")
    before = snapshot(here)
    done = sort("rows.csv", "--into", "sorted", "--move")
    assert done.returncode == 1
    assert f"left {here}/photos/a.jpg: another file is at {here}/sorted/ai/a.jpg" in done.stderr
    assert f"left {here}/photos/2024/c.json: another file is at" in done.stderr
    assert "2 left" in done.stderr
    after = snapshot(here)
    for name in ("sorted/ai/a.jpg", "sorted/real/2024/c.json"):
        assert after[name] == before[name]
    for name in ("photos/a.jpg", "photos/a.jpg.xmp", "photos/2024/c.json"):
        assert after[name] == before[name]
    assert sort("--undo", "--into", "sorted").returncode == 0
    assert snapshot(here) == before


@pytest.mark.parametrize("action", ACTIONS)
def test_a_picture_that_changed_is_left_and_said_so(here, sort, action):
    (here / "photos/a.jpg").write_bytes(b"another size")
    os.utime(here / "photos/a.jpg", ns=(PAST, PAST))
    later = time.time_ns() + 10**9
    os.utime(here / "photos/2024/b.png", ns=(later, later))
    (here / "photos/2024/c.jpg").unlink()
    (here / "photos/e.jpg").unlink()
    (here / "photos/e.jpg").mkdir()
    done = sort("rows.csv", "--into", "sorted", *flags(action))
    assert done.returncode == 1
    assert f"left {here}/photos/a.jpg: changed since the scan" in done.stderr
    assert f"left {here}/photos/2024/b.png: changed since the scan" in done.stderr
    assert f"left {here}/photos/2024/c.jpg: gone since the scan" in done.stderr
    assert f"left {here}/photos/e.jpg: not a regular file" in done.stderr
    assert "4 left" in done.stderr
    # Sidecars do not go without their picture.
    assert files_in(here / "sorted") == ["ai/2024/deep/d.jpg"]


def test_an_update_knows_times_too(run_command, here, examples, tiny_model):
    shutil.copytree(examples, here / "pictures")
    for path in (here / "pictures").glob("*/*"):
        os.utime(path, ns=(PAST, PAST))
    scan = ("scan-folder", "pictures", "--out", "scan.csv", "--model", tiny_model, "--update")
    assert run_command(*scan).returncode == 0
    coffee = here / "pictures/Real/coffee.jpg"
    content = bytearray(coffee.read_bytes())
    content[-1] ^= 1
    coffee.write_bytes(content)
    os.utime(coffee, ns=(PAST + 1, PAST + 1))
    done = run_command("trustthepixels", "sort", "scan.csv", "--into", "sorted")
    assert done.returncode == 1
    assert f"left {coffee}: changed since the scan" in done.stderr
    assert len(files_in(here / "sorted")) == 17


def test_a_sidecar_of_two_pictures_goes_with_both(run_command, here):
    for name in ("x.jpg", "x.png", "y.jpg", "y.png", "x.xmp", "y.xmp"):
        put(here / "pairs" / name, name.encode())
    rows = [
        judged(f"pairs/{name}", p_ai, label, bytes=5)
        for name, label, p_ai in (
            ("x.jpg", "ai", 0.9),
            ("x.png", "real", 0.1),
            ("y.jpg", "ai", 0.9),
            ("y.png", "ai", 0.9),
        )
    ]
    write_rows(here / "pairs.csv", rows)
    before = snapshot(here)
    done = run_command("trustthepixels", "sort", "pairs.csv", "--into", "sorted", "--move")
    assert done.returncode == 0, done.stderr
    expected = [
        "ai/x.jpg",
        "ai/x.xmp",
        "ai/y.jpg",
        "ai/y.png",
        "ai/y.xmp",
        "real/x.png",
        "real/x.xmp",
    ]
    assert files_in(here / "sorted") == expected
    # The copy that came with the first one lies at the place of the second.
    assert files_in(here / "pairs") == ["y.xmp"]
    assert run_command("trustthepixels", "sort", "--undo", "--into", "sorted").returncode == 0
    assert snapshot(here) == before


def test_a_sidecar_of_a_raw_file_stays_with_it(run_command, here):
    for name in ("z.jpg", "z.CR2", "z.xmp", "z.jpg.json", "z.JSON"):
        put(here / "raw" / name, b"12345")
    write_rows(here / "raw.csv", [judged("raw/z.jpg", 0.9, "ai", bytes=5)])
    done = run_command("trustthepixels", "sort", "raw.csv", "--into", "sorted", "--move")
    assert done.returncode == 0
    assert files_in(here / "sorted") == ["ai/z.JSON", "ai/z.jpg", "ai/z.jpg.json", "ai/z.xmp"]
    assert files_in(here / "raw") == ["z.CR2", "z.JSON", "z.xmp"]


def test_several_sorts_are_undone_together(here, sort):
    before = snapshot(here)
    for arguments in (
        ["--only", "ai"],
        ["--only", "real", "--move"],
        ["--link", "--only", "unsure"],
    ):
        assert sort("rows.csv", "--into", "sorted", *arguments).returncode == 0
    assert sort("--undo", "--into", "sorted").returncode == 0
    assert snapshot(here) == before


def test_undo_leaves_what_changed_since_and_can_go_on(here, sort):
    before = snapshot(here)
    sort("rows.csv", "--into", "sorted", "--only", "ai")
    sort("rows.csv", "--into", "sorted", "--only", "real", "--move")
    edited, taken = here / "sorted/ai/a.jpg", here / "photos/2024/c.jpg"
    edited.write_bytes(b"edited")
    put(taken, b"a new one")
    done = sort("--undo", "--into", "sorted")
    assert done.returncode == 1
    assert f"left {edited}: it changed since it was sorted" in done.stderr
    assert f"left {here}/sorted/real/2024/c.jpg: another file is at {taken}" in done.stderr
    assert "2 left" in done.stderr
    assert (edited.read_bytes(), taken.read_bytes()) == (b"edited", b"a new one")
    refused = sort("rows.csv", "--into", "sorted")
    assert refused.returncode == 2
    assert "an undo did not end" in refused.stderr
    edited.unlink()
    taken.unlink()
    assert sort("--undo", "--into", "sorted").returncode == 0
    assert snapshot(here) == before


def test_undo_never_removes_the_last_copy(here, sort):
    sort("rows.csv", "--into", "sorted")
    (here / "photos/a.jpg").unlink()
    done = sort("--undo", "--into", "sorted")
    assert done.returncode == 1
    assert "it is the only copy left, because the original is gone" in done.stderr
    assert files_in(here / "sorted") == ["ai/a.jpg"]


def test_undo_makes_lost_folders_again(here, sort):
    before = snapshot(here)
    sort("rows.csv", "--into", "sorted", "--move")
    (here / "photos/2024/deep").rmdir()
    assert sort("--undo", "--into", "sorted").returncode == 0
    assert snapshot(here) == before


def test_files_of_others_in_the_folder_stay(here, sort):
    sort("rows.csv", "--into", "sorted")
    put(here / "sorted/ai/2024/notes.txt", b"mine")
    assert sort("--undo", "--into", "sorted").returncode == 0
    assert files_in(here / "sorted") == ["ai/2024/notes.txt"]


def test_a_moved_link_would_point_elsewhere(here, sort):
    (here / "photos/a.jpg").unlink()
    put(here / "elsewhere.jpg", b"picture 0")
    (here / "photos/a.jpg").symlink_to("../elsewhere.jpg")
    done = sort("rows.csv", "--into", "sorted", "--move", "--only", "ai")
    assert done.returncode == 1
    assert "photos/a.jpg: a link, which would point elsewhere" in done.stderr
    assert sort("--undo", "--into", "sorted").returncode == 0
    assert sort("rows.csv", "--into", "sorted", "--only", "ai").returncode == 0
    assert (here / "sorted/ai/a.jpg").read_bytes() == b"picture 0"


def test_rows_of_a_scan_elsewhere(here, run_command, tmp_path):
    (tmp_path / "desk").mkdir()
    done = run_command(
        *("trustthepixels", "sort", here / "rows.csv", "--into", "sorted"),
        *("--scanned-in", here, "--link"),
        cwd=tmp_path / "desk",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "desk/sorted/ai/a.jpg").read_bytes() == b"picture 0"


@pytest.mark.parametrize(
    "arguments",
    [
        ["rows.csv"],
        ["--into", "sorted"],
        ["none.csv", "--into", "sorted"],
        ["rows.csv", "--into", "none/sorted"],
        ["rows.csv", "--into", "rows.csv"],
        ["rows.csv", "--into", "sorted", "--link", "--move"],
        ["rows.csv", "--into", "sorted", "--undo"],
        ["rows.csv", "--into", "sorted", "--min-p", "1.5"],
        ["rows.csv", "--into", "sorted", "--only", "fake"],
        ["--undo", "--into", "photos"],
        ["--undo", "--into", "none"],
    ],
)
def test_wrong_use_is_one_line_and_does_nothing(here, sort, arguments):
    before = snapshot(here)
    done = sort(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert snapshot(here) == before


def test_a_scan_that_did_not_end_is_not_sorted(here, sort):
    (here / "rows.csv.resume").write_text("{}")
    done = sort("rows.csv", "--into", "sorted")
    assert done.returncode == 2
    assert "did not end" in done.stderr
    assert not (here / "sorted").exists()


@pytest.mark.parametrize(
    "content",
    [
        *("no json\n", "[]\n", '{"burn": 1}\n', '{"done": 7}\n', "1\n", "{}\n"),
        '{"begin": 1, "made": true}\n{"do": "burn"}\n',
        '{"begin": 1, "made": true}\n{"done": 7}\n',
    ],
)
def test_a_foreign_journal_is_left_alone(here, sort, content):
    put(here / "sorted/.trustthepixels-sort", content.encode())
    before = snapshot(here)
    for arguments in (["rows.csv"], ["--undo"]):
        done = sort(*arguments, "--into", "sorted")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "not a journal of this version" in done.stderr
    assert snapshot(here) == before


def test_a_journal_names_every_file_in_plain_text(here, sort):
    sort("rows.csv", "--into", "sorted", "--move")
    lines = (here / "sorted/.trustthepixels-sort").read_text().splitlines()
    actions = [json.loads(line) for line in lines if '"do"' in line]
    assert {one["to"] for one in actions} == set(SORTED)
    assert all(one["from"].startswith(f"{here}/photos/") for one in actions)


def test_two_sorts_into_one_folder_exclude_each_other(here, sort):
    (here / "sorted").mkdir()
    code = (
        "import sys, time\n"
        "from trustthepixels.infer.sorting.journal import open_journal\n"
        "import os\n"
        "journal = open_journal('sorted', os.O_CREAT)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=here, **pipes) as other:
        assert other.stdout.readline() == b"ready\n"
        done = sort("rows.csv", "--into", "sorted")
        other.stdin.close()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert files_in(here / "sorted") == []


NAMES = (
    "a\nb.jpg",
    "=cmd.jpg",
    "-rf.jpg",
    "caf\udce9.jpg",
    "\u202egpj.jpg",
    "\\x41.jpg",
    " .jpg",
    "$(x).jpg",
    "..jpg",
    "%s.jpg",
)


@pytest.mark.parametrize("action", ACTIONS)
def test_any_name_is_sorted_and_comes_back(here, run_command, action):
    rows = []
    for name in NAMES:
        put(here / "odd" / name, b"12345")
        rows.append(judged(f"odd/{name}", 0.9, "ai", bytes=5))
    rows.append(judged("odd/../odd/%s.jpg", 0.9, "ai", bytes=5))
    write_rows(here / "odd.csv", rows)
    before = snapshot(here)
    sort = ("trustthepixels", "sort", "odd.csv", "--into", "sorted", *flags(action))
    done = run_command(*sort)
    # The last row is a file that another row has, too: its place is taken by itself.
    assert done.returncode == (1 if action == "move" else 0), done.stderr
    assert files_in(here / "sorted") == sorted(f"ai/{name}" for name in NAMES)
    assert run_command("trustthepixels", "sort", "--undo", "--into", "sorted").returncode == 0
    assert snapshot(here) == before
