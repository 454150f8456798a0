"""Actors and the machines that hold them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustthepixels.infer.cluster.fit import Node, Plan, Wish, check_free, planned
from trustthepixels.infer.errors import UsageError

ALONE, JOINED = 0, 1


@pytest.mark.parametrize(
    ("wish", "nodes", "plan"),
    [
        (Wish(None, None, 0, ALONE), [Node(2)], Plan(1, 2, 0)),
        (Wish(2, None, 0, ALONE), [Node(2)], Plan(2, 1, 0)),
        (Wish(None, None, 1, ALONE), [Node(16, 2)], Plan(2, 8, 1)),
        (Wish(None, None, 0.5, ALONE), [Node(16, 1)], Plan(2, 8, 0.5)),
        (Wish(None, None, 0, JOINED), [Node(8), Node(8)], Plan(2, 7, 0)),
        (Wish(None, None, 0, JOINED), [Node(0), Node(8), Node(4)], Plan(3, 3, 0)),
        (Wish(None, None, 1, JOINED), [Node(8), Node(17, 4)], Plan(4, 4, 1)),
        (Wish(3, 2, 0, JOINED), [Node(8)], Plan(3, 2, 0)),
    ],
)
def test_actors_fit_by_default(wish, nodes, plan):
    assert planned(wish, nodes) == plan


@pytest.mark.parametrize(
    ("wish", "nodes", "words"),
    [
        (Wish(3, None, 0, ALONE), [Node(2)], "3 actors with 1 processor each: there is room for 2"),
        (Wish(None, 4, 0, ALONE), [Node(2)], "1 actor with 4 processors each: there is room for 0"),
        (Wish(8, 1, 0, JOINED), [Node(8)], "room for 7 .* 1 on each stays free for other tasks"),
        (Wish(None, None, 0, JOINED), [Node(1)], "1 machine with 1 processor, and 1 on each"),
        (Wish(None, None, 1, ALONE), [Node(8)], "1 machine with 8 processors and 0 GPUs"),
    ],
)
def test_actors_that_do_not_fit_are_refused_in_words(wish, nodes, words):
    with pytest.raises(UsageError, match=words):
        planned(wish, nodes)


def test_actors_do_not_wait_for_other_work():
    check_free(Plan(2, 3, 0), 6, 0)
    for free in ((5, 0), (6, 0.5)):
        with pytest.raises(UsageError, match=r"2 actors of 3 .* only .* are free now"):
            check_free(Plan(2, 3, 1), *free)


@given(
    st.integers(0, 6),
    st.integers(0, 9),
    st.sampled_from([0, 0.25, 1, 2]),
    st.sampled_from([ALONE, JOINED]),
    st.lists(st.builds(Node, st.integers(0, 20), st.integers(0, 4)), max_size=4),
)
def test_no_plan_takes_more_than_there_is(actors, cpus, gpus, room, nodes):
    try:
        plan = planned(Wish(actors or None, cpus or None, gpus, room), nodes)
    except UsageError:
        return
    assert plan.actors >= 1
    assert plan.actors * plan.cpus <= sum(max(0, node.cpus - room) for node in nodes)
    assert plan.actors * plan.gpus <= sum(node.gpus for node in nodes)
