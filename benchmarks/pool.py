"""Independent jobs on all cores."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from trustthepixels.infer.system.cores import available_cores

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_processes(work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
    """Yield the result of each job, in the order of the jobs."""
    # Not forked: the threads of ONNX Runtime, OpenCV and libvips do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(available_cores(), mp_context=context) as pool:
        yield from pool.map(work, jobs, chunksize=4)
