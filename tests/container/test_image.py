"""The image of the Dockerfile: built by buildah on a base by debootstrap, and run by podman.

No registry is needed: the base is a plain Debian, and the wheels come from this machine's pip. The
containers have no network, a read-only root and no capabilities.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from scanning import parse, rows_of, run

ROOT = Path(__file__).parents[2]
SUITE = "bookworm"
PYTHON_OF_SUITE = "3.11"
LARGEST_IMAGE_BYTES = 450_000_000
OWNS_NOTHING = "12345:12345"
NOTHING_GRANTED = (
    *("--rm", "--read-only", "--read-only-tmpfs=false", "--network", "none"),
    *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
)
PROGRAMS = ("buildah", "podman", "debootstrap")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="debootstrap needs root"
    ),
]


@dataclass(frozen=True)
class Engine:
    """Buildah and podman with a storage of their own, by their environment."""

    environment: dict[str, str]

    def __call__(self, *command: str | Path) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end; its exit code is the caller's to check."""
        return subprocess.run(
            [str(part) for part in command],
            env=self.environment,
            capture_output=True,
            check=False,
        )

    def done(self, *command: str | Path) -> bytes:
        """Return the standard output of a command that must succeed."""
        ended = self(*command)
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    """Engine whose images are gone after the tests."""
    folder = tmp_path_factory.mktemp("engine")
    storage = folder / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
    )
    # The runtimes' own limits are above those that a sandbox allows; crun refuses mixed cgroups.
    limits = ["nofile=4096:4096", "nproc=4096:4096"]
    runtime = 'runtime = "runc"\n' if shutil.which("runc") else ""
    containers = folder / "containers.conf"
    containers.write_text(
        f"[containers]\ndefault_ulimits = {json.dumps(limits)}\n"
        f'[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n{runtime}'
        f'static_dir = "{folder}/static"\ntmp_dir = "{folder}/tmp"\n'
        f'volume_path = "{folder}/volumes"\n'
    )
    docker = folder / "docker"
    docker.write_text('#!/bin/sh\nexec podman "$@"\n')
    docker.chmod(0o755)
    paths = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "CONTAINERS_STORAGE_CONF": str(storage),
        "CONTAINERS_CONF": str(containers),
    }
    opened = Engine({**os.environ, **paths})
    yield opened
    opened("podman", "rm", "--all", "--force")
    opened("buildah", "rm", "--all")
    opened("buildah", "rmi", "--all", "--force")
    subprocess.run(["umount", f"{folder}/images/overlay"], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def base(engine, tmp_path_factory) -> Iterator[str]:
    """Image of a Debian as slim as the public ones, with Python."""
    folder = tmp_path_factory.mktemp("base")
    root = folder / "root"
    packages = "--include=python3,python3-venv"
    engine.done("debootstrap", "--variant=minbase", packages, SUITE, root)
    for left_out in ("var/cache/apt", "var/lib/apt/lists", *map("usr/share/{}".format, LEFT_OUT)):
        shutil.rmtree(root / left_out)
        (root / left_out).mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nADD root /\n")
    engine.done("buildah", "build", "--isolation", "chroot", "-t", "debian-python", folder)
    yield "localhost/debian-python"
    shutil.rmtree(folder)


LEFT_OUT = ("doc", "man", "info", "locale")


@pytest.fixture(scope="module")
def image(engine, base, tmp_path_factory) -> str:
    """The image for the CPU, built from wheels that this machine's pip fetched."""
    wheels = tmp_path_factory.mktemp("wheels")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["cpu"],
        *project["build-system"]["requires"],
    ]
    pip = (sys.executable, "-m", "pip", "download", "--only-binary=:all:")
    engine.done(*pip, "--python-version", PYTHON_OF_SUITE, "--dest", wheels, *needed)
    arguments = (f"BASE={base}", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels")
    options = [part for argument in arguments for part in ("--build-arg", argument)]
    volume = ("--volume", f"{wheels}:/wheels:ro")
    name = "trustthepixels"
    engine.done("buildah", "build", "--isolation", "chroot", *options, *volume, "-t", name, ROOT)
    shutil.rmtree(wheels)
    return name


@pytest.fixture
def photos(tmp_path, examples, monkeypatch) -> Path:
    """Folder of pictures below the working folder."""
    shutil.copytree(examples, tmp_path / "photos")
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def assert_close(rows: list[dict[str, str]], expected: list[dict[str, str]]) -> None:
    """Check rows against those of a scan with another release of ONNX Runtime."""
    same = ("path", "status", "width", "height", "format", "bytes", "error")
    assert [[row[name] for name in same] for row in rows] == [
        [row[name] for name in same] for row in expected
    ]
    for row, other in zip(rows, expected, strict=True):
        assert float(row["p_ai"]) == pytest.approx(float(other["p_ai"]), abs=0.01)


def expected_rows() -> list[dict[str, str]]:
    code, output, errors = run("photos", "--out", "-")
    assert code == 0, errors
    return parse(output)


def test_the_image_is_small(engine, image):
    (description,) = json.loads(engine.done("podman", "image", "inspect", image))
    print("bytes of the image:", description["Size"])
    assert 0 < description["Size"] <= LARGEST_IMAGE_BYTES


@pytest.mark.parametrize("user", [(), ("--user", OWNS_NOTHING)], ids=["image's user", "other"])
def test_it_scans_where_nothing_is_granted(engine, image, photos, user):
    volume = ("--volume", f"{photos.parent}:/data:ro")
    output = engine.done(
        "podman", "run", *NOTHING_GRANTED, *user, *volume, image, "photos", "--out", "-"
    )
    assert_close(parse(output), expected_rows())


def test_its_user_is_not_root_and_its_root_is_read_only(engine, image):
    shown = engine.done(
        *("podman", "run", *NOTHING_GRANTED, "--entrypoint", "sh", image),
        *("-c", "id -u; id -g; touch /tmp/a 2>/dev/null || echo refused; ls /sys/class/net"),
    )
    assert shown.split() == [b"65532", b"65532", b"refused", b"lo"]


def test_workers_decode_and_nothing_but_rows_is_left(engine, image, photos):
    uid, gid = map(int, OWNS_NOTHING.split(":"))
    os.chown(photos.parent, uid, gid)
    engine.done(
        *("podman", "run", *NOTHING_GRANTED, "--user", OWNS_NOTHING),
        *("--volume", f"{photos.parent}:/data", image),
        *("photos", "--isolate", "all", "--out", "results.csv"),
    )
    assert sorted(path.name for path in photos.parent.iterdir()) == ["photos", "results.csv"]
    assert (photos.parent / "results.csv").stat().st_uid == uid
    assert_close(rows_of("results.csv"), expected_rows())


def test_a_folder_that_belongs_to_another_is_a_clear_error(engine, image, photos):
    ended = engine(
        *("podman", "run", *NOTHING_GRANTED, "--user", OWNS_NOTHING),
        *("--volume", f"{photos.parent}:/data", image, "photos", "--out", "results.csv"),
    )
    assert ended.returncode == 2
    assert ended.stderr.decode() == "error: cannot write to results.csv: Permission denied\n"


def test_it_ends_in_order_when_it_is_stopped(engine, image, photos):
    """Its process has the number 1, to which the kernel sends no signal without a handler."""
    options = ("--interactive", "--name", "stopped", "--volume", f"{photos.parent}:/data:ro")
    command = ["podman", "run", *NOTHING_GRANTED, *options, image, "--files-from", "-"]
    with subprocess.Popen(
        [*command, "--out", "-"],
        env=engine.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(b"photos/Real/chelsea.jpg\n")
        process.stdin.flush()
        lines = [process.stdout.readline(), process.stdout.readline()]
        engine.done("podman", "kill", "--signal", "TERM", "stopped")
        assert process.wait() == 128 + 15
        lines.append(process.stdout.read())
        assert b"interrupted: 1 file" in process.stderr.read()
    (row,) = parse(b"".join(lines))
    assert row["path"] == "photos/Real/chelsea.jpg"


def test_the_commands_of_the_readme_run(engine, image, photos):
    _, _, block = (ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- test: image -->")
    block = block.split("```")[1]
    commands = [line for line in block.splitlines() if line.startswith("docker run")]
    assert len(commands) == 2
    for command in commands:
        engine.done("sh", "-euc", command)
        assert_close(rows_of("results.csv"), expected_rows())
        Path("results.csv").unlink()


def test_help_is_shown_where_nothing_is_asked(engine, image):
    assert engine.done("podman", "run", *NOTHING_GRANTED, image).startswith(b"Usage: scan-folder")
