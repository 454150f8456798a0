"""Actors that fit a cluster: how many, with how many processors and GPUs each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class Node:
    """Machine of a cluster.

    Attributes:
        cpus: processors that Ray may give away.
        gpus: the same for GPUs.
    """

    cpus: float
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Wish:
    """Wish of the user; ``None`` leaves a number to ``planned``.

    Attributes:
        actors: number of actors.
        cpus: processors of each.
        gpus: GPUs of each, also parts of one; 0 for none.
        room: processors of each machine that stay free for other tasks.
    """

    actors: int | None
    cpus: int | None
    gpus: float
    room: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Actors to start.

    Attributes:
        actors: their number.
        cpus: processors of each.
        gpus: GPUs of each.
    """

    actors: int
    cpus: int
    gpus: float

    def __str__(self) -> str:
        """Return the plan in words."""
        gpus = f" and {self.gpus:g} GPU" if self.gpus else ""
        return f"{_counted(self.actors, 'actor')} of {_counted(self.cpus, 'processor')}{gpus}"


def planned(wish: Wish, nodes: Sequence[Node]) -> Plan:
    """Return the actors that fit: by default as many as possible, one or more on each machine.

    By default each gets all processors of the smallest machine that can hold one, shared with its
    other GPUs.

    Raises:
        UsageError: the actors that were asked for do not fit, or not a single one does.
    """
    able = [node for node in nodes if node.gpus >= wish.gpus and _free(node, wish) >= 1]
    cpus = wish.cpus or min((_share(node, wish, len(able)) for node in able), default=1)
    most = sum(_fitting(node, wish, cpus) for node in able)
    if most >= (wish.actors or 1):
        return Plan(wish.actors or most, cpus, wish.gpus)
    each = _counted(cpus, "processor") + (f" and {wish.gpus:g} GPUs" if wish.gpus else "")
    there = _counted(sum(node.cpus for node in nodes), "processor")
    if wish.gpus:
        there += f" and {_counted(sum(node.gpus for node in nodes), 'GPU')}"
    room = f", and {wish.room} on each stays free for other tasks" if wish.room else ""
    raise UsageError(
        f"{_counted(wish.actors or 1, 'actor')} with {each} each: there is room for {most} on "
        f"{_counted(len(nodes), 'machine')} with {there}{room}; change --actors or --cpus-per-actor"
    )


def check_free(plan: Plan, cpus: float, gpus: float) -> None:
    """Refuse actors for which there is no room at the moment, because of other work.

    Args:
        plan: the actors.
        cpus: processors that are free, of all machines.
        gpus: the same for GPUs.

    Raises:
        UsageError: the actors would wait for them.
    """
    if plan.actors * plan.cpus > cpus or plan.actors * plan.gpus > gpus:
        free = f"{_counted(cpus, 'processor')} and {_counted(gpus, 'GPU')}"
        raise UsageError(
            f"{plan} do not fit beside the cluster's other work: only {free} are free now; wait, "
            "or use fewer --actors"
        )


def _free(node: Node, wish: Wish) -> int:
    return math.floor(node.cpus) - wish.room


def _share(node: Node, wish: Wish, nodes: int) -> int:
    """Return the processors of one actor if it shares a machine with as many as there should be."""
    by_gpus = math.floor(node.gpus / wish.gpus) if wish.gpus else 1
    wanted = math.ceil(wish.actors / nodes) if wish.actors else by_gpus
    return max(1, _free(node, wish) // max(1, wanted))


def _fitting(node: Node, wish: Wish, cpus: int) -> int:
    by_cpus = max(0, _free(node, wish)) // cpus
    return min(by_cpus, math.floor(node.gpus / wish.gpus)) if wish.gpus else by_cpus


def _counted(number: float, what: str) -> str:
    return f"{number:g} {what}" + ("" if number == 1 else "s")
