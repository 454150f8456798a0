"""Kills at random moments: the driver, an actor, a machine. No row is lost, and none is doubled."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray.cluster_utils
from cluster_runs import SCAN_CLUSTER, merged, processes_of, wait_for_end, wait_until
from scanning import rows_of, run, search_first, start

from benchmarks.inputs.object_server import Faults, Objects, Server, denied, failure, served

pytestmark = pytest.mark.slow

OUT = "s3://pictures/rows/"
PARTS = 20
LATENCY_S = 0.2
"""Latency that stretches a run to some seconds."""


@pytest.fixture
def store(contents, monkeypatch) -> Iterator[tuple[Objects, Faults, Server]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    objects = Objects({f"in/{name}": content for name, content in contents.items()})
    faults = Faults(objects.answer)
    with served(faults) as server:
        yield objects, faults, server


@pytest.fixture
def arguments(store, tiny_model) -> list[str]:
    rows = str(len(store[0].contents) // PARTS)
    own = ["s3://pictures/in/", "--out", OUT, "--part-rows", rows]
    return [*own, "--endpoint", store[2].url, "--model", str(tiny_model)]


@pytest.fixture
def undisturbed(store, tiny_model) -> bytes:
    """Rows of a scan that nothing disturbs, with missing and denied objects."""
    objects, faults, server = store
    keys = sorted(objects.contents)
    faults.changes = {key: [lambda _reply: failure(404, "NoSuchKey")] for key in keys[5::20]}
    faults.changes |= {key: [denied] for key in keys[11::20]}
    code, _, errors = run(
        "s3://pictures/in/", "--endpoint", server.url, "--model", tiny_model, "--out", "scan.csv"
    )
    assert code == 1, errors
    objects.latency_s = LATENCY_S
    return Path("scan.csv").read_bytes()


def parts_in(objects: Objects) -> int:
    return sum(key.startswith("rows/part-") for key in list(objects.contents))


def wait_for_a_moment(objects: Objects, chance: random.Random) -> None:
    """Wait for any moment of a run, from its start to its last parts."""
    count = chance.randrange(PARTS)
    if count:
        wait_until(lambda: parts_in(objects) >= count)
    time.sleep(chance.uniform(0, 0.5) if count else chance.uniform(0, 12))


def rows_in(store, out: str = OUT) -> bytes:
    return merged(out, "--endpoint", store[2].url)


@pytest.mark.parametrize("seed", range(7))
def test_a_driver_is_killed(store, arguments, undisturbed, seed):
    with start(*arguments, command=SCAN_CLUSTER) as process:
        wait_for_a_moment(store[0], random.Random(seed))
        family = processes_of(process.pid, "")
        process.kill()
        process.communicate()
    # The processes of its Ray end by themselves.
    wait_for_end(family)
    code, _, errors = run(*arguments, "--resume", command=SCAN_CLUSTER)
    if code == 2:
        assert "it is complete" in errors
    else:
        assert code == 1, errors
    assert rows_in(store) == undisturbed


@pytest.mark.parametrize("seed", range(7, 14))
def test_an_actor_is_killed(store, arguments, undisturbed, seed):
    chance = random.Random(seed)
    with start(*arguments, "--actors", "2", command=SCAN_CLUSTER) as process:
        wait_until(lambda: len(processes_of(process.pid, "ray::Judge")) == 2)
        wait_for_a_moment(store[0], chance)
        for victim in processes_of(process.pid, "ray::Judge")[: chance.randint(1, 2)]:
            victim.kill()
        _, errors = process.communicate(timeout=200)
    assert process.returncode == 1, errors
    assert rows_in(store) == undisturbed


@pytest.fixture
def cluster(store, monkeypatch) -> Iterator[ray.cluster_utils.Cluster]:
    """A cluster on this machine, with the credentials for the store; tests add a second node."""
    # Its mode was fixed when ray was imported.
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    made = ray.cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 3, "include_dashboard": False}
    )
    yield made
    made.shutdown()


@pytest.mark.parametrize("seed", range(14, 20))
def test_a_machine_is_lost(cluster, store, arguments, undisturbed, seed):
    node = cluster.add_node(num_cpus=3)
    address = ("--address", cluster.address, "--cpus-per-actor", "1", "--actors", "4")
    with start(*arguments, *address, command=SCAN_CLUSTER) as process:
        wait_until(lambda: "rows/run.json" in store[0].contents)
        wait_for_a_moment(store[0], random.Random(seed))
        cluster.remove_node(node, allow_graceful=False)
        _, errors = process.communicate(timeout=200)
    assert process.returncode == 1, errors
    assert rows_in(store) == undisturbed


def test_a_file_that_kills_its_actor_gets_a_row_and_costs_no_other(
    small_pictures, tiny_model, tmp_path
):
    killer = tmp_path / "killer"
    killer.mkdir()
    (killer / "sitecustomize.py").write_text(
        "import os\n"
        "from trustthepixels.infer.files import source\n"
        "real_read = source.read_file\n"
        "def read(path, most):\n"
        "    if path.endswith((b'/077.jpg', b'/150.jpg')):\n"
        "        os.kill(os.getpid(), 9)\n"
        "    return real_read(path, most)\n"
        "source.read_file = read\n"
    )
    arguments = (small_pictures, "--model", tiny_model)
    code, _, errors = run(
        *arguments,
        "--out",
        "rows",
        "--part-rows",
        "50",
        command=SCAN_CLUSTER,
        env={**os.environ, "PYTHONPATH": search_first(killer)},
    )
    assert code == 1, errors
    assert run(*arguments, "--out", "scan.csv")[0] == 0
    merged("rows")
    for row, other in zip(rows_of("merged.csv"), rows_of("scan.csv"), strict=True):
        if row["path"].endswith(("/077.jpg", "/150.jpg")):
            assert row["status"] == "corrupt"
            assert "died again when it judged this file alone" in row["error"]
        else:
            assert row == other
