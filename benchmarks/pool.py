"""Independent jobs on all cores."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from trustthepixels.infer.system.cores import available_cores

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_processes(work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
    """The result of each job in their order."""
    # Not forked: the threads of ONNX Runtime, OpenCV and libvips do not survive that.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(available_cores(), mp_context=context) as pool:
        yield from pool.map(work, jobs, chunksize=4)
