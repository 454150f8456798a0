"""Part ``earlier``: start, bookkeeping and memory, next to an earlier checkout."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..inputs.models import EDGE, null_model
from ..inputs.pictures import camera_jpegs, files_of, small_jpegs
from ..inputs.tiny_files import tiny_files
from ..names import EARLIER, OURS
from ..peers.earlier import earlier
from ..processes import Run, command, run
from ..series import interleaved
from ..settings import Settings
from .growth_part import rate_of
from .start_part import FIRST_FILES, MORE_REPEATS

Json = dict[str, Any]

_TINY = 20_000
_MANY_THREADS, _MANY_FILES = 16, 200


def measure(settings: Settings) -> Json:
    """Return figures by name, each of this build and of the earlier one.

    Raises:
        ValueError: there is no earlier checkout.
    """
    build = earlier(settings)
    if build is None:
        raise ValueError("the part needs --earlier")
    first, many = files_of(small_jpegs(settings))[:FIRST_FILES], _many_camera_jpegs(settings)
    tiny, null = tiny_files(settings, _TINY), str(null_model(settings))
    names = ("scan-folder", "trustthepixels")
    commands: dict[str, dict[str, list[str | Path]]] = {
        OURS: {name: [command(name)] for name in names},
        EARLIER: {name: build.command(name.replace("-", "_")) for name in names},
    }
    environments = {OURS: {}, EARLIER: build.environment}

    def scan(
        which: str, paths: Sequence[Path], model: str, *options: str, cores: int | None = None
    ) -> Run:
        told = ["--out", "-", "--quiet", "--model", model, "--device", settings.device, *options]
        arguments = [*commands[which]["scan-folder"], *paths, *told]
        return run(arguments, cores=cores, environment=environments[which])

    def help_of(which: str, name: str) -> float:
        done = run([*commands[which][name], "--help"], environment=environments[which])
        return done.wall_s

    both = (OURS, EARLIER)
    starts = {
        (f"first row, {model}: s", which): partial(_first_row, partial(scan, which, first, model))
        for model in ("default", EDGE)
        for which in both
    }
    starts |= {
        (f"{name} --help: s", which): partial(help_of, which, name)
        for name in commands[OURS]
        for which in both
    }
    tiny_scans = {
        (f"bookkeeping, {cores or 'all'} core{'' if cores else 's'}: files/s", which): partial(
            _rate, partial(scan, which, [tiny], null, cores=cores)
        )
        for cores in (1, None)
        for which in both
    }
    threads = str(_MANY_THREADS)
    options = ("--threads", threads, "--decode-threads", threads)
    memory = {
        (f"peak memory, {model}, camera files, {threads} threads: MB", which): partial(
            _peak, partial(scan, which, [many], model, *options)
        )
        for model in ("default", EDGE)
        for which in both
    }
    taken = interleaved(MORE_REPEATS * settings.counts.repeats, starts)
    taken |= interleaved(settings.counts.repeats, tiny_scans | memory)
    return {"commit": build.commit, "figures": _by_name(taken)}


def _many_camera_jpegs(settings: Settings) -> Path:
    """Return a folder of links to camera JPEGs, too few for a thread to get a decode process."""
    originals = files_of(camera_jpegs(settings))
    folder = settings.work / f"camera-{_MANY_FILES}-links"
    folder.mkdir(exist_ok=True)
    for number in range(_MANY_FILES):
        link = folder / f"{number:03}.jpg"
        link.unlink(missing_ok=True)
        link.symlink_to(originals[number % len(originals)])
    return folder


def _first_row(scan: "partial[Run]") -> float:
    return scan().first_row_s


def _rate(scan: "partial[Run]") -> float:
    return rate_of(scan())


def _peak(scan: "partial[Run]") -> float:
    return scan().peak_mb


def _by_name(taken: Mapping[tuple[str, str], list[float]]) -> Json:
    figures: Json = {}
    for (name, which), values in taken.items():
        figures.setdefault(name, {})[which] = values
    return figures
