"""Machine of a measurement, and the versions of what does the work on it."""

import platform
from dataclasses import dataclass
from pathlib import Path

from ..system.cores import available_cores
from ..system.versions import installed_version
from .session import Session

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")


@dataclass(frozen=True, slots=True)
class Machine:
    """Machine of a measurement.

    Attributes:
        cores: cores that the process may use, by affinity and quota.
        processor: name of the processor, empty if unknown.
        system: operating system and architecture.
        device: device of the model.
        provider: ONNX Runtime's name for it.
        versions: versions of Python and of the packages that do the work.
    """

    cores: int
    processor: str
    system: str
    device: str
    provider: str
    versions: dict[str, str]


def machine(session: Session) -> Machine:
    """Return this machine, with the model's session on it."""
    packages = ["trustthepixels", "numpy", "pillow"]
    packages += [name for name in _RUNTIMES if installed_version(name)]
    return Machine(
        cores=available_cores(),
        processor=processor_name(),
        system=f"{platform.system()} {platform.machine()}",
        device=session.device.value,
        provider=session.provider,
        versions={"python": platform.python_version()}
        | {name: installed_version(name) for name in packages},
    )


def processor_name() -> str:
    """Return the name of the processor; empty if unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
