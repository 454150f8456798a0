"""The loop between driver and workers, with workers that die at any moment."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustthepixels.infer.cluster import dispatch as dispatch_module
from trustthepixels.infer.cluster.dispatch import (
    AHEAD,
    Came,
    Died,
    Dispatch,
    Event,
    Finished,
)
from trustthepixels.infer.cluster.job import in_chunks
from trustthepixels.infer.cluster.messages import Chunk, ClusterError, Done, Failed, Ready
from trustthepixels.infer.errors import ExitCode
from trustthepixels.infer.files.walk import Found
from trustthepixels.infer.output.parts.manifest import Totals
from trustthepixels.infer.output.parts.part import Part
from trustthepixels.infer.output.reader import KeptRows

READY = Ready({"model": "m"}, "CPU", "here")


def done(chunk: Chunk) -> Done:
    return Done(Part(chunk.part, len(chunk.files), 0, "", 0, ""), Totals(), KeptRows())


class Store:
    """Parts in memory, by name."""

    def __init__(self) -> None:
        self.parts: dict[str, tuple[Found, ...]] = {}
        self.given_up: list[Found] = []
        self._names = 0

    def chunk(self, files: tuple[Found, ...]) -> Chunk:
        self._names += 1
        return Chunk(f"part-{self._names}", files)

    def written(self, chunk: Chunk) -> Done | None:
        return done(chunk) if chunk.part in self.parts else None

    def give_up(self, chunk: Chunk) -> Done:
        self.given_up.extend(chunk.files)
        return self.put(chunk)

    def put(self, chunk: Chunk) -> Done:
        self.parts[chunk.part] = chunk.files
        return done(chunk)


class RandomCrew:
    """Workers that finish and die in any order, and always at the files of ``poison``.

    Args:
        size: number of workers.
        store: where they write.
        poison: paths that no worker survives.
        chance: decides everything.
        deaths: number of deaths for no reason.
    """

    def __init__(
        self, size: int, store: Store, poison: set[bytes], chance: random.Random, deaths: int
    ) -> None:
        self.size = size
        self.most_held = 0
        self._store, self._poison, self._chance, self._deaths = store, poison, chance, deaths
        self._held: dict[int, list[Chunk]] = {}

    def send(self, worker: int, chunk: Chunk) -> None:
        self._held[worker].append(chunk)
        self.most_held = max(self.most_held, len(self._held[worker]))

    def wait(self) -> list[Event]:
        worker = self._chance.randrange(self.size)
        if worker not in self._held:
            self._held[worker] = []
            return [Came(worker, READY)]
        chunks = self._held[worker]
        if not chunks:
            return []
        is_poison = any(file.path in self._poison for chunk in chunks for file in chunk.files)
        if is_poison or (self._deaths and self._chance.random() < 0.2):
            self._deaths -= not is_poison
            if not is_poison and self._chance.random() < 0.5:
                self._store.put(chunks[0])
            del self._held[worker]
            return [Died(worker)]
        chunk = chunks.pop(0)
        return [Finished(worker, chunk.part, self._store.put(chunk))]


def files(count: int) -> list[Found]:
    return [Found(f"{number}.jpg".encode()) for number in range(count)]


def run(crew, store: Store, found: list[Found], size: int) -> list[Done]:
    dispatch = Dispatch(crew, lambda word: None)
    dispatch.gather()
    return list(dispatch.done(in_chunks(iter(found), size), store))


@given(st.integers(0, 60), st.integers(1, 20), st.integers(1, 4), st.integers(0, 9), st.randoms())
def test_each_file_is_in_one_part_whatever_dies(count, size, workers, deaths, chance):
    store, found = Store(), files(count)
    results = run(RandomCrew(workers, store, set(), chance, deaths), store, found, size)
    listed = Counter(file for result in results for file in store.parts[result.part.name])
    assert listed == Counter(found)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 4), st.data())
def test_exactly_the_files_that_no_worker_survives_are_given_up(count, size, workers, data):
    store, found = Store(), files(count)
    poison = data.draw(st.sets(st.sampled_from([file.path for file in found]), max_size=5))
    crew = RandomCrew(workers, store, poison, data.draw(st.randoms()), 0)
    results = run(crew, store, found, size)
    assert sorted(file.path for file in store.given_up) == sorted(poison)
    listed = Counter(file for result in results for file in store.parts[result.part.name])
    assert listed == Counter(found)


def test_work_in_flight_is_bounded_and_files_are_taken_when_there_is_room():
    store, taken = Store(), 0

    def listing() -> Iterator[Found]:
        nonlocal taken
        for file in files(1000):
            taken += 1
            yield file

    crew = RandomCrew(3, store, set(), random.Random(1), 0)
    dispatch = Dispatch(crew, lambda word: None)
    dispatch.gather()
    for number, _ in enumerate(dispatch.done(in_chunks(listing(), 10), store), 1):
        assert taken <= 10 * (number + 3 * AHEAD)
    assert taken == 1000
    assert crew.most_held == AHEAD


def test_a_worker_that_cannot_work_ends_the_scan_with_its_exit_code():
    class Broken(RandomCrew):
        def wait(self) -> list[Event]:
            return [Came(0, Failed("no such model", ExitCode.MODEL))]

    dispatch = Dispatch(Broken(1, Store(), set(), random.Random(1), 0), lambda word: None)
    with pytest.raises(ClusterError, match="no such model") as error:
        dispatch.gather()
    assert error.value.exit_code is ExitCode.MODEL


def test_a_cluster_that_stays_away_ends_the_scan(monkeypatch):
    class Gone(RandomCrew):
        def wait(self) -> list[Event]:
            return []

    monkeypatch.setattr(dispatch_module, "PATIENCE_S", 0.0)
    dispatch = Dispatch(Gone(1, Store(), set(), random.Random(1), 0), lambda word: None)
    with pytest.raises(ClusterError, match="cluster seems to be gone") as error:
        dispatch.gather()
    assert error.value.exit_code is ExitCode.SOURCE_LOST
