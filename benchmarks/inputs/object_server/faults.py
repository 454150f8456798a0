"""Spoilt replies: broken connections, wrong bodies and refusals."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .objects import failure
from .server import Answer, Reply, Request


@dataclass(slots=True)
class Faults:
    """Replies that are spoilt: each key has a list of changes, one for each request of it.

    Attributes:
        answer: makes sound replies.
        changes: changes by key, first one first; a key's last one stays in force.
        everything: change of every reply after its own ones; ``None`` for none.
    """

    answer: Answer
    changes: dict[str, list[Callable[[Reply], Reply]]] = field(default_factory=dict)
    everything: Callable[[Reply], Reply] | None = None

    async def __call__(self, request: Request) -> Reply:
        """Return the reply to a request, spoilt if it is its turn."""
        reply = await self.answer(request)
        changes = self.changes.get(request.key)
        if changes:
            reply = (changes.pop(0) if len(changes) > 1 else changes[0])(reply)
        return reply if self.everything is None else self.everything(reply)


def sound(reply: Reply) -> Reply:
    """Change nothing."""
    return reply


def cut(reply: Reply) -> Reply:
    """Close the connection in the middle of the body."""
    return replace(reply, sent=len(reply.body) // 2)


def shortened(reply: Reply) -> Reply:
    """Send half of the body as if it were all."""
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def closed(_reply: Reply) -> Reply:
    """Close the connection without a reply."""
    return Reply(0)


def slow(reply: Reply) -> Reply:
    """Send the body one byte at a time."""
    return replace(reply, pause_s=0.1)


def throttled(_reply: Reply) -> Reply:
    """Ask to slow down."""
    return failure(503, "SlowDown")


def denied(_reply: Reply) -> Reply:
    """Refuse access."""
    return failure(403, "AccessDenied")
