"""``results.json``: figures of each part, with date, machine and command."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from trustthepixels.infer.model.bundled import bundled_models, load_model
from trustthepixels.infer.model.machine import processor_name
from trustthepixels.infer.system.cores import available_cores
from trustthepixels.infer.system.versions import installed_version

from ..names import CUDA

Json = dict[str, Any]

_PACKAGES = (
    "trustthepixels",
    "onnxruntime",
    "onnxruntime-gpu",
    "numpy",
    "pillow",
    "torch",
    "timm",
    "transformers",
    "simplejpeg",
    "PyTurboJPEG",
    "pyvips",
    "opencv-python-headless",
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Machine, time and settings of one part's measurement.

    Attributes:
        date: date and time in UTC.
        command: the command line.
        cores: number of cores that the process may use.
        processor: name of the processor.
        features: instruction sets that matter for inference.
        memory_gb: memory of the machine, in 10^9 bytes.
        accelerator: name of the GPU; empty on the CPU, and if unknown.
        repeats: number of times that each figure was taken.
        load: the machine's load before the part: runnable processes, mean of one minute.
        versions: versions of Python and of the installed packages.
        models: name and first digits of the digest of each installed model.
    """

    date: str
    command: str
    cores: int
    processor: str
    features: tuple[str, ...]
    memory_gb: float
    accelerator: str
    repeats: int
    load: float
    versions: dict[str, str]
    models: dict[str, str]


def circumstances(device: str, repeats: int) -> Circumstances:
    """Return the circumstances of a measurement that starts now.

    Args:
        device: device of the models, one of ``names.DEVICES``.
        repeats: number of times that each figure will be taken.
    """
    versions = {name: installed_version(name) for name in _PACKAGES}
    return Circumstances(
        date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        command=" ".join(["python -m benchmarks", *without_paths(sys.argv[1:])]),
        cores=available_cores(),
        processor=processor_name(),
        features=_features(),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        accelerator=_gpu() if device == CUDA else "",
        repeats=repeats,
        load=round(psutil.getloadavg()[0], 2),
        versions={"python": sys.version.split()[0]}
        | {name: version for name, version in versions.items() if version},
        models={name: _digest(name) for name in bundled_models()},
    )


def without_paths(arguments: Sequence[str]) -> list[str]:
    """Return the command line with ``DIR`` for folders, which differ between machines."""
    shown: list[str] = []
    for argument in arguments:
        is_folder = bool(shown) and shown[-1] in _PATHS
        shown.append("DIR" if is_folder else argument)
    return shown


_PATHS = ("--data", "--photos", "--work", "--out", "--earlier")


def load(path: Path) -> Json:
    """Return all parts by ``names.part_key``; none if the file does not exist yet."""
    if not path.exists():
        return {}
    parts: Json = json.loads(path.read_text(encoding="utf-8"))
    return parts


def store(path: Path, key: str, about: Circumstances, measured: Mapping[str, Any]) -> None:
    """Write one part into the file; it replaces the part's older figures on that device."""
    parts = load(path) | {key: {"circumstances": asdict(about), "measured": measured}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(parts, indent=1) + "\n", encoding="utf-8")


def _digest(model: str) -> str:
    """Return the first digits of a model's digest."""
    return load_model(model).fingerprint.rpartition("sha256 ")[2][:8]


def _gpu() -> str:
    """Return the name of the first GPU."""
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return next(iter(done.stdout.splitlines()), "").strip()


def _features() -> tuple[str, ...]:
    known = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp")
    try:
        words = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return ()
    return tuple(name for name in known if name in words)
