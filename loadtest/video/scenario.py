"""`python -m loadtest video`: one source of 1 Mbit/s to many viewers, forwarded packet by packet, beside Janus.

Each viewer is a session of its own: ICE, DTLS, SRTP with keys of its own, reports and gaps asked for again. Only the
process that forwards counts. Added latency is from the source's system call to the kernel of the last viewer.
"""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from functools import partial

from fusioncmd.errors import BadInput, Problem
from fusioncmd.words import say, sentence
from loadtest import harness, measure
from loadtest.compare.processes import worker
from loadtest.output import Result, note, show
from loadtest.video import attacked, clip, janus, servers
from loadtest.video.measuring import Row, busy, live
from loadtest.video.table import figures, grid

OURS, BESIDE, THREADED = "fusioncmd", "janus-1", "janus"
CPU_AIM, P99_MS_AIM, AIM_VIEWERS = 0.25, 10.0, 50  # % of a core per viewer
FRAMES_SHARE_AIM, PLACES_AIM = 0.9, 20  # of a browser: frames decoded, and of 50 places of the bar
LEGEND = (
    "janus-1: Janus with one event loop, as our gateway has; janus: as it comes, with a thread for each viewer.",
    "janus-1：Janus 单事件循环（与本系统网关相同）；janus：默认配置，每个观看者一个线程。",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--viewers", default="1,10,50,100", help="how many, in ascending order (%(default)s)")
    parser.add_argument("--busy", type=int, default=50, help="viewers with whom the rate is raised (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="that each is measured (%(default)s)")
    parser.add_argument("--browsers", type=int, default=0, help="real ones that watch ours with the last of --viewers")
    parser.add_argument("--attack", action="store_true", help="the last of --viewers, attacked at their ports instead")
    parser.add_argument("--beside", choices=("janus",), help="measured in the same run")


async def run(given: argparse.Namespace) -> Result:
    viewers = _ascending(given.viewers)
    rows: dict[str, servers.Server] = {OURS: servers.fusioncmd}
    if given.beside:
        rows |= {BESIDE: servers.janus, THREADED: partial(servers.janus, loops=None)}
    address = servers.own_address()
    found = []
    for name, server in rows.items():
        note(f"{name} …")
        found.append(await _row(name, server, address, viewers, given))
    result = Result("video", _conditions(given, found))
    result.grid, result.figures = grid(found), figures(found, BESIDE if given.beside else None)
    result.remarks = [say(*LEGEND)] if given.beside else []
    result.remarks += [f"{row.name}: {row.note}" for row in found if row.note]
    result.failures = _failures(found)
    return result


async def _row(name: str, server: servers.Server, address: str, viewers: list[int], given: argparse.Namespace) -> Row:
    row = Row(name)
    if name != OURS and (why := janus.absent()) is not None:
        row.note = why
        return row
    with harness.scratch() as folder:
        try:
            runs = (
                partial(live, viewers=viewers, seconds=given.seconds, browsers=given.browsers),
                partial(busy, viewers=given.busy),
            )
            for n, run in enumerate(runs):
                async with AsyncExitStack() as stack:
                    source = await stack.enter_async_context(worker("loadtest.video.source", "--address", address))
                    served = await stack.enter_async_context(server(folder / str(n), address, source))
                    await run(row, served, source, address)
        except Problem as problem:
            row.note = sentence(problem)
    return row


def _failures(rows: list[Row]) -> list[str]:
    """Of ours alone: what others lose is a finding."""
    ours, them = rows[0], next((row for row in rows if row.name == BESIDE), None)
    found = [f"{OURS}: {ours.note}"] if ours.note else []
    for one in ours.live:
        if one.lost or one.live < one.viewers:
            found.append(f"{one.viewers} viewer(s): {one.lost:,} packets were lost, {one.live} sessions are live.")
        if one.viewers <= AIM_VIEWERS and one.p99_ms > P99_MS_AIM:
            found.append(f"{one.viewers} viewer(s): {one.p99_ms:.1f} ms added at p99; the aim is {P99_MS_AIM:.0f}.")
        if one.viewers == AIM_VIEWERS and one.viewer_percent > CPU_AIM:
            found.append(f"{one.viewer_percent:.2f} % of a core per viewer; the aim is {CPU_AIM}.")
    for n, seen in enumerate(ours.seen):
        if seen.frames_per_s < FRAMES_SHARE_AIM * clip.RATE_PER_S or seen.places < PLACES_AIM or seen.first_ms < 0:
            found.append(f"Browser {n} decoded {seen.frames_per_s:.1f} frames/s, the bar at {seen.places} places.")
    if them and them.busy and ours.busy and ours.busy.per_core < them.busy.per_core:
        found.append(f"{ours.busy.per_core:,.0f} packets per core, and Janus forwards {them.busy.per_core:,.0f}.")
    return found


def _conditions(given: argparse.Namespace, rows: list[Row]) -> dict[str, object]:
    source = {
        "source": f"{clip.PACKETS // 2} packets/s of {clip.PACKET_BYTES} B", "seconds": given.seconds,
        "srtp": ", ".join(sorted({row.profile for row in rows if row.profile})),
    }  # fmt: skip
    beside = {"janus": janus.version()} if given.beside else {}
    return measure.conditions() | {"network": "this machine"} | source | beside


def _ascending(words: str) -> list[int]:
    """Raises BadInput."""
    try:
        found = [int(word) for word in words.split(",")]
    except ValueError:
        found = []
    if not found or found[0] < 1 or found != sorted(set(found)):
        raise BadInput(
            "--viewers are numbers in ascending order, such as 1,10,50.", "--viewers 须为递增的数字，如 1,10,50。"
        )
    return found


async def main(given: argparse.Namespace) -> int:
    if given.attack:
        return show(await attacked.run(given, _ascending(given.viewers)[-1]), given.json)
    return show(await run(given), given.json)
