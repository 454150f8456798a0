"""The door to Ray: a local or joined cluster, and actors that are started again when they die."""

import logging
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError, one_line
from ..model.batching import Tell
from .dispatch import AHEAD, Came, Died, Event, Finished
from .fit import Node, Plan
from .judge import Judge
from .messages import Chunk, ClusterError, Task

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Without it Ray warns about a change of its own, on each start.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_LOCAL = "local"
_OBJECT_STORE = 80 << 20
"""Bytes of shared memory; Ray takes no less, and keys and counts need next to nothing."""

_LONGEST_FOLDER = 40
"""Characters of a temporary folder; a longer one leaves no room for the names of Ray's sockets."""

_ANSWER_S = 10.0
_MOMENT_S = 0.5


@contextmanager
def cluster(address: str | None, cpus: int) -> Iterator[Any]:
    """Start Ray on this machine, or join a cluster, while the block runs; yield the module.

    Nothing is written to the user's home, and nothing is reported to anybody.

    Args:
        address: ``auto`` or ``HOST:PORT`` of a cluster that this machine belongs to; ``None``
            starts Ray here.
        cpus: processors that a Ray of this machine may give away.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: the cluster cannot be reached, or Ray cannot be started.
    """
    os.environ.update(_QUIET)
    options: dict[str, Any] = {"address": address or _LOCAL}
    with tempfile.TemporaryDirectory(
        prefix="ray-", dir=_short_folder(), ignore_cleanup_errors=True
    ) as folder:
        if address is None:
            # Ray would keep a token of its own in the user's home.
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
            options |= {"num_cpus": cpus, "object_store_memory": _OBJECT_STORE}
            options |= {"include_dashboard": False, "_temp_dir": folder}
        else:
            _check_reachable(address)
        try:
            ray = import_module("ray")
        except ModuleNotFoundError as error:
            raise MissingExtraError("trustthepixels scan-cluster", "ray", "ray") from error
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        try:
            _connect(ray, options)
            yield ray
        finally:
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Refuse a cluster that does not answer; Ray itself waits for minutes.

    Raises:
        ClusterError: nothing listens at the address.
    """
    host, colon, port = address.rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), _ANSWER_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise ClusterError(f"no cluster of Ray answers at {address}: {one_line(error)}") from error


def _connect(ray: Any, options: dict[str, Any]) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**options, log_to_driver=False, configure_logging=False)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        address = options["address"]
        what = "be started" if address == _LOCAL else f"join the cluster {address}"
        raise ClusterError(f"Ray cannot {what}: {one_line(error)}") from error
    finally:
        # Ray puts one of its own there.
        signal.signal(signal.SIGTERM, handler)


def nodes_of(ray: Any) -> list[Node]:
    """Return the machines of a cluster that are alive."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(each.get("CPU", 0.0), each.get("GPU", 0.0)) for each in resources]


def free_in(ray: Any) -> tuple[float, float]:
    """Return the processors and GPUs of a cluster that no work has taken."""
    free = ray.available_resources()
    return free.get("CPU", 0.0), free.get("GPU", 0.0)


class RayCrew:
    """Actors of Ray as workers.

    Args:
        ray: the module, connected to a cluster.
        plan: number and size of the actors.
        task: their task.
        tell: takes lines for the user.
    """

    def __init__(self, ray: Any, plan: Plan, task: Task, tell: Tell) -> None:
        self._ray, self._tell = ray, tell
        actor = ray.remote(Judge).options(
            num_cpus=plan.cpus,
            num_gpus=plan.gpus,
            max_restarts=-1,
            # A chunk of a dead actor is judged again, but not by Ray's own rule.
            max_task_retries=0,
            max_concurrency=AHEAD + 1,
        )
        self._actors = {worker: actor.remote(task) for worker in range(plan.actors)}
        self._calls: dict[Any, tuple[int, str | None]] = {}
        for worker in self._actors:
            self._ask(worker)

    @property
    def size(self) -> int:
        """Number of actors that live, or will live again."""
        return len(self._actors)

    def send(self, worker: int, chunk: Chunk) -> None:
        """Give an actor a chunk."""
        self._calls[self._actors[worker].judge.remote(chunk)] = worker, chunk.part

    def wait(self) -> list[Event]:
        """Return what happened; wait for a moment if there is nothing.

        Raises:
            ClusterError: no actor is left.
        """
        ended, _ = self._ray.wait(list(self._calls), timeout=_MOMENT_S)
        return [event for call in ended if call in self._calls for event in self._after(call)]

    def _ask(self, worker: int) -> None:
        """Ask an actor for its first word, as soon as it lives."""
        self._calls[self._actors[worker].ready.remote()] = worker, None

    def _after(self, call: Any) -> Iterator[Event]:
        worker, part = self._calls.pop(call)
        try:
            result = self._ray.get(call)
        except self._ray.exceptions.RayActorError as error:
            self._calls = {one: its for one, its in self._calls.items() if its[0] != worker}
            yield Died(worker)
            if isinstance(error, self._ray.exceptions.ActorUnavailableError):
                self._tell("an actor died, and is started again; its files are judged once more")
                self._ask(worker)
                return
            del self._actors[worker]
            reason = f"an actor cannot be started: {_last_line(error)}"
            if not self._actors:
                raise ClusterError(reason) from error
            self._tell(f"{reason}; {len(self._actors)} are left")
            return
        yield Came(worker, result) if part is None else Finished(worker, part, result)


def _last_line(error: Exception) -> str:
    *_, last = str(error).strip().splitlines() or [""]
    return last.strip() or type(error).__name__


def _short_folder() -> str | None:
    usual = tempfile.gettempdir()
    return "/tmp" if len(usual) > _LONGEST_FOLDER and Path("/tmp").is_dir() else usual
