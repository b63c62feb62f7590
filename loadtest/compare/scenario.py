"""`python -m loadtest compare`: the same terminals called down through this system and through others, in one run.

One order of 608 bytes to each of the terminals, each of which answers with 40 bytes as soon as it has it; the same lean
swarm for every server; ratios to bare sockets in the same run. A server that is not installed is a row that says so.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from fusioncmd.descriptors import raise_descriptors
from fusioncmd.errors import BadInput, Problem
from fusioncmd.words import say, sentence
from loadtest import harness, measure
from loadtest.compare import servers
from loadtest.compare.fusioncmd_server import fusioncmd
from loadtest.compare.measuring import Row, measured
from loadtest.compare.payloads import ANSWER_BYTES, ORDER_BYTES
from loadtest.compare.servers import Kind, Plan
from loadtest.compare.table import figures, grid
from loadtest.output import Result, note, show

PROGRAM = {"nchan": "nginx"}  # what the version is of
SPARE_DESCRIPTORS = 300  # of a server process: its files, its timers, its listeners


def by_choice(plan: Plan) -> int:
    return plan.servers


def one(_: Plan) -> int:
    return 1


KINDS = {
    "floor": Kind(servers.floor, by_choice),
    "fusioncmd": Kind(fusioncmd, by_choice, servers.no_nats_server),
    "nats-ws": Kind(partial(servers.nats, dialect="nats-ws"), one, servers.no_nats_server),
    "nats-tcp": Kind(partial(servers.nats, dialect="nats-tcp"), one, servers.no_nats_server),
    "mosquitto": Kind(servers.mosquitto, one, servers.no_mosquitto),
    "nchan": Kind(servers.nchan, by_choice, servers.no_nchan),
    "websockets": Kind(
        partial(servers.library, module="loadtest.compare.serve_websockets"),
        by_choice,
        partial(servers.no_library, "websockets"),
    ),
    "aiohttp": Kind(
        partial(servers.library, module="loadtest.compare.serve_aiohttp"),
        by_choice,
        partial(servers.no_library, "aiohttp"),
    ),
}


async def run(given: argparse.Namespace) -> Result:
    chosen = chosen_of(given.only)
    result = Result("compare", _conditions(given, chosen))
    descriptors = raise_descriptors()
    rows = []
    for name in chosen:
        note(f"{name} …")
        with harness.scratch() as folder:
            plan = Plan(
                given.terminals, given.gateways, max(given.people, given.terminals), given.seed, folder, descriptors
            )
            row = await _row(name, KINDS[name], plan, given)
        rows.append(row)
        result.failures += row.failures
    result.grid = grid(rows)
    result.figures = figures(rows)
    result.remarks = [f"{row.name}: {row.note}" for row in rows if row.note] + _remarks(rows)
    return result


async def _row(name: str, kind: Kind, plan: Plan, given: argparse.Namespace) -> Row:
    absent = kind.absent()
    if absent is not None:
        return Row(name, absent)
    room = kind.processes(plan) * (plan.descriptors - SPARE_DESCRIPTORS)
    if room < plan.terminals:
        return Row(name, _too_few(kind.processes(plan), plan))
    try:
        async with kind.run(plan) as server:
            row = await measured(name, server, plan, given.swarm, given.rounds)
    except Problem as problem:
        return Row(name, sentence(problem), failures=[f"{name}: {sentence(problem)}"])
    for lost, what in ((row.deliveries_lost, "deliveries"), (row.answers_lost, "answers")):
        if lost and name in ("floor", "fusioncmd"):  # what others lose is a finding, and not our failure
            row.failures.append(f"{name}: {lost:,} {what} were lost.")
    return row


def _too_few(processes: int, plan: Plan) -> str:
    return say(
        f"{processes} process(es) of {plan.descriptors:,} descriptors each cannot hold {plan.terminals:,} connections",
        f"{processes} 个进程、每个 {plan.descriptors:,} 个描述符，容不下 {plan.terminals:,} 个连接",
    )


def _remarks(rows: list[Row]) -> list[str]:
    """What a dash means, where there is one."""
    if not any(row.delivered_s is not None and row.confirmed_s is None for row in rows):
        return []
    return [
        say(
            "–: it neither puts an answer on disk nor tells the terminal that it counts.",
            "–：不将应答落盘，也不向终端确认计入。",
        )
    ]


def chosen_of(only: str | None) -> list[str]:
    """The rows asked for, in the table's order; all of them for None. `BadInput` for a name that is none."""
    wanted = set(KINDS) if only is None else {name.strip() for name in only.split(",")}
    unknown = sorted(wanted - set(KINDS))
    if unknown:
        raise BadInput(
            f"There is no row {', '.join(unknown)}; there are {', '.join(KINDS)}.",
            f"没有 {'、'.join(unknown)}；可选：{'、'.join(KINDS)}。",
        )
    return [name for name in KINDS if name in wanted]


def _conditions(given: argparse.Namespace, chosen: list[str]) -> dict[str, object]:
    asked = {
        "terminals": given.terminals, "server_processes": given.gateways, "rounds": given.rounds,
        "people": max(given.people, given.terminals), "order_bytes": ORDER_BYTES, "answer_bytes": ANSWER_BYTES,
    }  # fmt: skip
    programs = {"mosquitto": ("mosquitto", "-h"), "nchan": ("nginx", "-v")}
    said = {name: _version(*programs[name]) for name in chosen if name in programs}
    for name in chosen:
        with contextlib.suppress(PackageNotFoundError):
            said[name] = version(name) if name in ("websockets", "aiohttp") else said.get(name, "")
    return measure.conditions() | asked | {PROGRAM.get(name, name): number for name, number in said.items() if number}


def _version(program: str, flag: str) -> str:
    """What a program says of itself, or nothing."""
    found = servers.program_path(program)
    if found is None:
        return ""
    said = subprocess.run([found, flag], capture_output=True, text=True, check=False)
    number = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
    return number.group() if number else ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--terminals", type=int, default=15_000)
    parser.add_argument("--only", help=f"some of {','.join(KINDS)}")
    parser.add_argument("--rounds", type=int, default=3, help="call-downs of each; figures are medians")
    parser.add_argument("--gateways", type=int, default=2, help="server processes, where there is a choice")
    parser.add_argument("--swarm", type=int, default=2, help="swarm processes, at least")
    parser.add_argument("--people", type=int, default=840_000, help="in fusioncmd's roster")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
