"""``prepare-data`` on the Hugging Face Hub, played by a server on this machine."""

import json
from pathlib import Path

import pytest
from fake_hub import COMMIT, REPOSITORY, serving
from picture_sets import crops, manifest_rows, tree, write_folders, write_parquet
from scanning import RunCommand

from trustthepixels.infer.errors import InputError
from trustthepixels.train.prepare.request import DatasetRequest
from trustthepixels.train.prepare.sources.hub import open_dataset


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Variables that keep the hub's client away from the home folder and the network."""
    return {
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }


def test_a_draw_downloads_little_more_than_it_keeps_and_stores_nothing_else(
    run_command: RunCommand, home: dict[str, str], tmp_path: Path
) -> None:
    root = write_parquet(tmp_path / "repository", ballast=200_000)
    arguments = ("--out", tmp_path / "out", "--per-class", "10", "--group-by", "column:prompt")
    with serving(root) as hub:
        done = run_command(
            "trustthepixels", "prepare-data", REPOSITORY, *arguments, **home | hub.environment
        )

    assert (done.returncode, done.stdout[:6]) == (0, "wrote ")
    assert {row["source"] for row in manifest_rows(tmp_path / "out")} == {REPOSITORY}
    assert len(manifest_rows(tmp_path / "out")) == 20
    recipe = json.loads((tmp_path / "out" / "prepare.json").read_text())
    assert recipe["source"]["version"] == COMMIT
    assert recipe["settings"]["sampling"] == "streamed"
    size = sum(path.stat().st_size for path in root.iterdir())
    assert 0 < sum(hub.sent.values()) < size / 5
    assert not any(name.endswith(".parquet") for name in tree(tmp_path / "home"))


def test_the_pictures_of_an_image_folder_are_downloaded_one_by_one(
    run_command: RunCommand, home: dict[str, str], tmp_path: Path
) -> None:
    root = write_folders(tmp_path / "repository")
    arguments = ("--out", tmp_path / "out", "--per-class", "8")
    with serving(root) as hub:
        done = run_command(
            "trustthepixels", "prepare-data", REPOSITORY, *arguments, **home | hub.environment
        )
        downloaded = set(hub.sent)

    assert done.returncode == 0
    assert len(downloaded) == 16
    sizes = {len(crop.data) for crop in crops()}
    assert {int(row["original_bytes"]) for row in manifest_rows(tmp_path / "out")} <= sizes


def test_a_data_set_that_the_hub_does_not_know_is_one_line(
    run_command: RunCommand, home: dict[str, str], tmp_path: Path
) -> None:
    arguments = ("trustthepixels", "prepare-data", "someone/else", "--out", tmp_path / "out")
    with serving(tmp_path) as hub:
        done = run_command(*arguments, **home | hub.environment)

    assert done.returncode == 2
    assert done.stderr.startswith("error: no data set 'someone/else' on the Hugging Face")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "environment",
    [{"HF_HUB_OFFLINE": "1"}, {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}],
    ids=["offline mode", "no connection"],
)
def test_an_unreachable_hub_is_one_line_that_says_what_to_do(
    run_command: RunCommand, home: dict[str, str], tmp_path: Path, environment: dict[str, str]
) -> None:
    out = tmp_path / "out"
    done = run_command("trustthepixels", "prepare-data", "--out", out, **home | environment)

    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: cannot reach the Hugging Face Hub for theminji/ai-vs-real-200k"
    )
    assert "use --ai DIR --real DIR" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not out.exists()


def test_a_path_that_does_not_exist_is_not_looked_for_on_the_hub() -> None:
    for path in ("./pictures", "/pictures", "pictures.parquet", "a/b/c"):
        with pytest.raises(InputError, match=f"^{path} does not exist$"):
            open_dataset(DatasetRequest(path))
