"""The floor, small: bare sockets that answer, each or many in a system call, and what is told of it."""

from __future__ import annotations

import argparse
import select

import pytest

from loadtest.floor import Floor, measure_floor
from loadtest.floor_process import ManyServer, Server
from loadtest.floors import Floors
from loadtest.output import Result

ROUNDS = 2


@pytest.mark.parametrize("many", [False, True])
async def test_each_socket_has_the_order_and_answers_in_each_round(many: bool) -> None:
    floor = await measure_floor(300, servers=2, clients=2, size=655, rounds=ROUNDS, many=many)
    assert len(floor.answered_s) == len(floor.server_us) == ROUNDS
    assert all(0 < seconds < 30 for seconds in floor.answered_s)


def test_ratios_are_to_the_median_of_all_rounds_before_and_after() -> None:
    floors, result = Floors(argparse.Namespace()), Result("calldown", {})
    floors._each = [Floor([1.0, 2.0, 3.0], [7.0]), Floor([4.0, 5.0, 6.0], [9.0])]
    floors._many = Floor([2.0, 2.5, 9.0], [5.0])
    floors.tell(7.0, 14.0, result)
    told = {figure.name: figure.value for figure in result.figures}
    assert list(told.values()) == [3.5, 8.0, 2.0, 4.0, 2.5, 2.8]
    assert told["last answer on disk, as a ratio to the floor"] == 2.0


@pytest.mark.parametrize("kind", [Server, ManyServer])
def test_the_last_answer_is_not_when_somebody_asks_for_it(kind: type[Server]) -> None:
    epoll = select.epoll()
    server = kind(0, 9, epoll)
    server.obey("go")
    before = server.obey("status")
    server.events([])
    assert server.obey("status")["last_s"] == before["last_s"] > 0
    server.listener.close()
    epoll.close()
