"""Pictures per second that the networks of a study score, measured by turns."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ..networks.hardware import choose_arithmetic
from ..networks.network import Classifier

_BATCH_SIZE = 16
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Workload:
    """Work of a network for one picture: number and side of its views."""

    architecture: str
    side: int
    views: int


def judging_speeds(workloads: Sequence[Workload]) -> Mapping[Workload, float]:
    """Return pictures per second of each network, without decoding: the median of rounds by
    turns."""
    arithmetic = choose_arithmetic()
    accelerator = arithmetic.accelerator
    distinct = list(dict.fromkeys(workloads))
    networks = {one: _network(one, accelerator) for one in distinct}
    seconds: dict[Workload, list[float]] = {one: [] for one in distinct}
    with torch.inference_mode(), arithmetic.autocast():
        for turn in range(_ROUNDS + 1):
            for one in distinct:
                took = _seconds(networks[one], one, accelerator)
                if turn:  # the first round warms up
                    seconds[one].append(took)
    return {
        one: _BATCH_SIZE / (one.views * statistics.median(took)) for one, took in seconds.items()
    }


def _network(workload: Workload, accelerator: str) -> Classifier:
    network = Classifier(workload.architecture).eval().to(accelerator)
    return network.to(memory_format=torch.channels_last)


def _seconds(network: Classifier, workload: Workload, accelerator: str) -> float:
    """Return the time for one batch of views."""
    shape = (_BATCH_SIZE, workload.side, workload.side, 3)
    images = torch.zeros(shape, dtype=torch.uint8, device=accelerator)
    began = time.perf_counter()
    network(images).cpu()
    return time.perf_counter() - began
