"""``results.json``: what each part measured, when, where, and by which command."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from trustthepixels.infer.scan.measure import processor_name
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
    """Where and how one part was measured.

    Attributes:
        date: in UTC.
        command: what was typed.
        cores: that the process may use.
        processor: its name.
        features: the instruction sets that matter for inference.
        memory_gb: of the machine, in 10^9 bytes.
        accelerator: the GPU's name; empty on the CPU, and where nobody says.
        repeats: how often each figure was taken.
        load: of the machine when the part began: processes that wanted a core, one minute's mean.
        versions: of Python and of the packages that were installed.
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


def circumstances(device: str, repeats: int) -> Circumstances:
    """Where this runs, now.

    Args:
        device: of the models, one of ``names.DEVICES``.
        repeats: how often each figure is going to be taken.
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
    )


def without_paths(arguments: Sequence[str]) -> list[str]:
    """What was typed, with ``DIR`` for folders, which are others on each machine."""
    shown: list[str] = []
    for argument in arguments:
        is_folder = bool(shown) and shown[-1] in ("--data", "--photos", "--work", "--out")
        shown.append("DIR" if is_folder else argument)
    return shown


def load(path: Path) -> Json:
    """All parts by ``names.part_key``; none where there is no file yet."""
    if not path.exists():
        return {}
    parts: Json = json.loads(path.read_text(encoding="utf-8"))
    return parts


def store(path: Path, key: str, about: Circumstances, measured: Mapping[str, Any]) -> None:
    """Put one part into the file, in place of what it measured before on the same device."""
    parts = load(path) | {key: {"circumstances": asdict(about), "measured": measured}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(parts, indent=1) + "\n", encoding="utf-8")


def _gpu() -> str:
    """What the first GPU calls itself."""
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
