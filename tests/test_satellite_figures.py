"""What `loadtest satellite` makes of its measurements, headers on the emulated link, and a link with two ways."""

from __future__ import annotations

import argparse
import asyncio
import socket

import pytest

from fusioncmd.errors import BadInput, Unavailable
from loadtest.link.fork import Fork
from loadtest.link.link import Link
from loadtest.link.packets import TCP_HEADER_BYTES, UDP_HEADER_BYTES, Flow, Payload, Profile
from loadtest.link.quantities import MS, S
from loadtest.link.shaper import Line
from loadtest.output import Result
from loadtest.satellite import plan, scenario
from loadtest.satellite.figures import NEVER, ROWS, by_rank, first_full_s, holds, percentile, tell
from loadtest.satellite.quiet import _all_came
from loadtest.satellite.world import Thin

RATE_BPS = 64_000


class Sink:
    def arrive(self, payload: Payload) -> None: ...


@pytest.mark.parametrize(("ordered", "header"), [(False, UDP_HEADER_BYTES), (True, TCP_HEADER_BYTES)])
def test_headers_take_their_time_on_the_line_and_are_counted(ordered: bool, header: int) -> None:
    for headers, size in ((False, 100), (True, 100 + header)):
        line = Line(Profile(rate_bps=RATE_BPS, headers=headers))
        line.offer(0, Flow(Sink(), ordered, lambda: 0.5), bytes(100))
        due_ns = size * 8 * S // RATE_BPS
        assert line.advance(due_ns - 1) == [] and len(line.advance(due_ns)) == 1
        assert line.counters.carried_bytes == line.counters.line_bytes == size


def test_what_is_lost_had_the_line_too() -> None:
    line = Line(Profile(rate_bps=RATE_BPS, loss=0.5))
    chances = iter((0.9, 0.5, 0.1, 0.5))  # of being lost once, and of none
    flow = Flow(Sink(), False, lambda: next(chances))
    line.offer(0, flow, bytes(100))
    line.offer(0, flow, bytes(100))
    line.advance(S)
    assert (line.counters.line_bytes, line.counters.carried_bytes, line.counters.lost) == (200, 100, 1)


def test_each_answer_took_until_so_many_were_counted() -> None:
    assert by_rank([1.0, 1.1, 1.2], [(0.0, 0), (1.5, 2), (2.0, 3)], 3) == pytest.approx([0.5, 0.4, 0.8])
    assert by_rank([1.0, 1.1], [(0.0, 0), (1.5, 1)], 3) == [0.5, NEVER, NEVER]  # one was not counted, one not given
    assert by_rank([], [], 1) == [NEVER]


def test_percentiles_are_of_what_happened_and_never_of_nothing() -> None:
    assert [percentile([4.0, 1.0, 3.0, 2.0], share) for share in (0.25, 0.5, 0.95, 1.0)] == [1.0, 2.0, 4.0, 4.0]
    assert percentile([], 0.5) == NEVER


def test_a_rate_is_in_use_from_the_first_span_that_carried_it() -> None:
    slow = [(n / 10, n * 100) for n in range(20)]  # 8 kbit/s for 2 s, then 64
    fast = [(2 + n / 10, 2_000 + n * 800) for n in range(20)]
    full_s = first_full_s(slow + fast, 0.95 * RATE_BPS)
    assert 2.8 < full_s <= 3.1
    assert first_full_s(slow, 0.95 * RATE_BPS) == NEVER == first_full_s([], RATE_BPS)


def test_an_aim_that_is_missed_is_a_failure_and_the_leaf_has_none() -> None:
    aimed = next(row for row in ROWS if row.aim is not None and not row.least)
    assert holds(aimed, aimed.aim or 0.0) and not holds(aimed, NEVER)
    bare = next(row for row in ROWS if row.aim is None)
    for own, failures in ((0.5, 0), (NEVER, 1)):
        result = Result("satellite", {})
        tell(result, {"satellite": {bare.name: own}, "leaf": {bare.name: NEVER}})
        assert len(result.failures) == failures  # what never came is no good figure, whatever is aimed at
        result = Result("satellite", {})
        tell(result, {"satellite": {aimed.name: own}, "leaf": {aimed.name: NEVER}})
        assert len(result.failures) == failures
        assert {figure.name for figure in result.figures} == {f"{over}: {aimed.name}" for over in ("satellite", "leaf")}
        assert result.grid is not None and result.grid.row_count == 1


def test_what_never_came_is_not_measured_as_cheap() -> None:
    _all_came({b"1": 5, b"2": 5}, {b"1": 5, b"2": 5})
    with pytest.raises(Unavailable, match="came to 4 only"):
        _all_came({b"1": 5, b"2": 5}, {b"1": 5, b"2": 4})


async def test_a_datagram_goes_over_the_link_of_the_address_that_it_comes_from_and_its_answer_comes_back() -> None:
    def made(host: str) -> socket.socket:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((host, 0))
        one.setblocking(False)
        return one

    loop, hub = asyncio.get_running_loop(), made("127.0.0.1")
    kit = {host: made(host) for host in ("127.0.0.2", "127.0.0.3", "127.0.0.4")}
    slow = Profile(delay_ns=30 * MS)
    async with Link(hub.getsockname(), slow, carries="udp") as one, Link(hub.getsockname(), carries="udp") as other:
        ways = {"127.0.0.2": ("127.0.0.1", one.port), "127.0.0.3": ("127.0.0.1", other.port)}
        async with Fork(ways) as fork:
            for host, each in kit.items():
                each.sendto(host.encode(), ("127.0.0.1", fork.port))
            for host in ("127.0.0.3", "127.0.0.2"):  # the slow way's comes last; of 127.0.0.4 there is no way
                data, sender = await asyncio.wait_for(loop.sock_recvfrom(hub, 100), 5)
                assert data == host.encode()
                hub.sendto(b"to " + data, sender)
                assert await asyncio.wait_for(loop.sock_recv(kit[host], 100), 5) == b"to " + data
            assert one.counters("up").packets == other.counters("up").packets == 1
    for each in (hub, *kit.values()):
        each.close()


def given(**changes: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    scenario.add_arguments(parser)
    found = parser.parse_args([])
    vars(found).update(changes)
    return found


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"loss": 100.0}, "--loss"), ({"outage": "1s"}, "--outage"), ({"people": 0}, "--people"),
     ({"only": "busy,x"}, "--only"), ({"over": "radio"}, "--over"), ({"rtt": "long"}, "a time"),
     ({"rate": "fast"}, "--rate")],
)  # fmt: skip
async def test_what_is_asked_wrongly_is_refused_before_anything_is_started(
    changes: dict[str, object], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        await scenario.main(given(**changes, json=False))


def test_how_long_it_takes_is_said_beforehand_and_bounds_it() -> None:
    parts = plan.parts(120, 120, 600)
    assert [part.name for part in parts] == list(scenario.PARTS)
    assert all(part.about_s < part.most_s for part in parts)
    said = plan.told(parts[2:3])
    assert said.startswith("About 11 minutes, 24 at most") and "outage" in said and "quiet" not in said


async def test_a_part_that_comes_to_no_end_or_cannot_be_measured_is_missed_and_the_others_go_on() -> None:
    parts = (plan.Part("quiet", "", 0, 0.01), plan.Part("busy", "", 0, 5), plan.Part("outage", "", 0, 5))
    run = scenario.Run(given(), Thin(RATE_BPS, 0, 0.0, 1), "satellite", parts)

    async def for_ever() -> dict[str, float]:
        await asyncio.sleep(60)
        return {"never": 1.0}

    async def cannot() -> dict[str, float]:
        raise Unavailable("The clip does not come.", "片段未开始上传。")

    async def can() -> dict[str, float]:
        return {"measured": 1.0}

    for name, what in (("quiet", for_ever), ("busy", cannot), ("outage", can), ("away", for_ever)):
        await run.part(name, what)
    assert run.measured == {"measured": 1.0}
    assert run.missed == [
        "satellite, quiet: it did not end within 0 s.", "satellite, busy: The clip does not come.",
    ]  # fmt: skip
