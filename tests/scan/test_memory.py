"""One budget of memory for everything that is decoded at once."""

import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trustthepixels.infer.errors import ImageError
from trustthepixels.infer.flow.budget import MemoryBudget
from trustthepixels.infer.flow.channel import Cancelled
from trustthepixels.infer.results import FileStatus
from trustthepixels.infer.system import memory as system_memory
from trustthepixels.infer.system.memory import default_memory


class Holder(threading.Thread):
    """Asks for a share, and holds it until it is told to let go."""

    def __init__(self, budget: MemoryBudget, size: int) -> None:
        super().__init__(daemon=True)
        self.budget, self.size = budget, size
        self.has_it, self.let_go, self.was_cancelled = (threading.Event() for _ in range(3))
        self.start()

    def run(self) -> None:
        try:
            with self.budget.share(self.size):
                self.has_it.set()
                self.let_go.wait()
        except Cancelled:
            self.was_cancelled.set()

    def has_to_wait(self) -> bool:
        return not self.has_it.wait(0.1)


def release(*holders: Holder) -> None:
    for holder in holders:
        holder.let_go.set()
        holder.join()


class TestBudget:
    def test_shares_that_fit_are_held_at_once(self):
        budget = MemoryBudget(10)
        holders = [Holder(budget, 5), Holder(budget, 5)]
        assert all(holder.has_it.wait(5) for holder in holders)
        release(*holders)

    def test_one_that_does_not_fit_waits_for_room(self):
        budget = MemoryBudget(10)
        first = Holder(budget, 6)
        first.has_it.wait()
        second = Holder(budget, 5)
        assert second.has_to_wait()
        release(first)
        assert second.has_it.wait(5)
        release(second)

    def test_a_large_one_is_not_overtaken_by_small_ones(self):
        budget = MemoryBudget(10)
        first = Holder(budget, 6)
        first.has_it.wait()
        large = Holder(budget, 10)
        assert large.has_to_wait()
        small = Holder(budget, 1)
        assert small.has_to_wait()
        release(first)
        assert large.has_it.wait(5)
        assert small.has_to_wait()
        release(large)
        assert small.has_it.wait(5)
        release(small)

    def test_more_than_all_of_it_is_refused_at_once(self):
        with pytest.raises(ImageError, match="budget") as caught, MemoryBudget(10).share(11):
            pass
        assert caught.value.status is FileStatus.TOO_LARGE

    def test_all_of_it_can_be_had(self):
        with MemoryBudget(10).share(10):
            pass

    def test_a_failure_gives_the_share_back(self):
        budget = MemoryBudget(10)
        with pytest.raises(KeyError), budget.share(10):
            raise KeyError
        with budget.share(10):
            pass

    def test_cancelling_ends_every_wait_now_and_later(self):
        budget = MemoryBudget(10)
        first, second = Holder(budget, 10), Holder(budget, 10)
        while not (first.has_it.is_set() or second.has_it.is_set()):
            pass
        holding, waiting = (first, second) if first.has_it.is_set() else (second, first)
        budget.cancel()
        assert waiting.was_cancelled.wait(5)
        release(holding)
        with pytest.raises(Cancelled), budget.share(1):
            pass
        with pytest.raises(Cancelled), budget.only_large_file():
            pass

    @given(sizes=st.lists(st.integers(0, 30), max_size=30), threads=st.integers(1, 6))
    @settings(deadline=None, max_examples=40)
    def test_no_more_than_all_of_it_is_ever_out(self, sizes, threads):
        budget = MemoryBudget(20)
        out, most, done = 0, 0, 0
        lock, waiting = threading.Lock(), iter(sizes)

        def take():
            nonlocal out, most, done
            while True:
                with lock:
                    size = next(waiting, None)
                if size is None:
                    return
                try:
                    with budget.share(size):
                        with lock:
                            out += size
                            most = max(most, out)
                        with lock:
                            out -= size
                except ImageError:
                    assert size > 20
                with lock:
                    done += 1

        takers = [threading.Thread(target=take) for _ in range(threads)]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join()
        assert (done, out) == (len(sizes), 0)
        assert most <= 20


class TestDefault:
    def test_is_half_of_what_the_tightest_limit_allows(self, monkeypatch):
        monkeypatch.setattr(system_memory, "_physical_memory", lambda: 64 << 30)
        monkeypatch.setattr(system_memory, "_cgroup_limits", lambda: [1 << 30, 9 << 30])
        monkeypatch.setattr(system_memory, "_address_space", lambda: [])
        assert default_memory() == 512 << 20

    def test_is_two_gibibytes_on_a_large_machine(self, monkeypatch):
        monkeypatch.setattr(system_memory, "_physical_memory", lambda: 64 << 30)
        monkeypatch.setattr(system_memory, "_cgroup_limits", lambda: [])
        monkeypatch.setattr(system_memory, "_address_space", lambda: [])
        assert default_memory() == 2 << 30

    @pytest.mark.parametrize("version", [1, 2])
    def test_cgroups_of_both_versions_are_read(self, tmp_path, version):
        line = "4:memory:/a/b" if version == 1 else "0::/a/b"
        (tmp_path / "list").write_text(f"7:cpuset:/\n{line}\n")
        root = tmp_path / "memory" if version == 1 else tmp_path
        name = "memory.limit_in_bytes" if version == 1 else "memory.max"
        (root / "a" / "b").mkdir(parents=True)
        (root / "a" / "b" / name).write_text("max\n" if version == 2 else "12345678\n")
        (root / "a" / name).write_text("1234567\n")
        assert min(system_memory._cgroup_limits(tmp_path / "list", tmp_path)) == 1234567

    def test_sees_a_limit_on_the_address_space(self):
        script = (
            "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 29, 3 << 29))\n"
            "from trustthepixels.infer.system.memory import default_memory; print(default_memory())"
        )
        command = [sys.executable, "-c", script]
        environment = {"OPENBLAS_NUM_THREADS": "1"}
        output = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        assert int(output) <= 3 << 28


MEASURE = """
import io, sys
from pathlib import Path
from trustthepixels.infer.images.decode import decode_to_size
from trustthepixels.infer.images.shape import InputShape
from trustthepixels.infer.images.limits import Limits
from trustthepixels.infer.flow.budget import MemoryBudget
from contextlib import contextmanager

class Noting:
    size = 0
    @contextmanager
    def share(self, size):
        self.size = size
        yield

def peak():
    # Not ru_maxrss, which begins with that of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

data = Path(sys.argv[1]).read_bytes()
small = Path(sys.argv[2]).read_bytes()
decode_to_size(small, InputShape(224, 224), Limits(), MemoryBudget())
before = peak()
budget = Noting()
decode_to_size(data, InputShape(224, 224), Limits(), budget)
print(peak() - before, budget.size)
"""


@pytest.mark.slow
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("format", "mode", "options"),
    [
        ("JPEG", "RGB", {}),
        ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("PNG", "RGB", {"compress_level": 1}),
        ("PNG", "RGBA", {"compress_level": 1}),
        ("PNG", "LA", {"compress_level": 1}),
        ("PNG", "P", {"compress_level": 1}),
        ("PNG", "1", {"compress_level": 1}),
        ("PNG", "I;16", {"compress_level": 1}),
        ("WEBP", "RGB", {"method": 0}),
        ("WEBP", "RGBA", {"method": 0, "lossless": True, "quality": 0}),
        ("GIF", "P", {}),
        ("BMP", "RGB", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
        ("TIFF", "RGB", {}),
        ("TIFF", "CMYK", {}),
        ("AVIF", "RGB", {"speed": 10}),
        ("AVIF", "RGBA", {"speed": 10}),
    ],
    ids=lambda value: str(value) if not isinstance(value, dict) else "-".join(value) or "plain",
)
def test_decoding_takes_no_more_than_was_estimated(tmp_path, format, mode, options, orientation):
    from image_files import encoded, photograph
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    if format not in ("GIF", "BMP"):
        options = {**options, "exif": exif}
    for name, size in (("large", (4000, 3000)), ("small", (40, 30))):
        picture = photograph().resize(size)
        if mode == "I;16":
            picture = picture.convert("L").convert("I").convert("I;16")
        (tmp_path / name).write_bytes(encoded(format, picture.convert(mode), **options))
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "large"), str(tmp_path / "small")]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    taken, estimated = map(int, output.split())
    assert 4000 * 3000 <= taken <= estimated
