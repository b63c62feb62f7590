"""`python -m loadtest.swarm`: one process of the swarm, told what to do by its parent (see `fleet.py`).

On standard input: commands, one a line. On standard output, to each: a length in four bytes and a MessagePack value.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import select
import sys
import time
from pathlib import Path
from typing import Any

import msgpack

from fusioncmd import limits
from fusioncmd.descriptors import raise_descriptors
from fusioncmd.trust import ring
from fusioncmd.trust.judge import Judge
from gateways.responder.pace import Pace
from loadtest.swarm.behaviour import BEHAVIOURS
from loadtest.swarm.crew import Crew
from loadtest.swarm.engine import Engine
from loadtest.swarm.links import LINKS, Links

EVENTS_PER_TURN = 512


def status(crew: Crew, links: Links, engine: Engine) -> dict[str, Any]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "terminals": len(crew.numbers),
        "welcomed": crew.welcomed.count(1),
        "stopped": engine.stopped,
        "deaf": len(links.deaf),
        "waiting": crew.waiting(),
        "shown": {ident: len(deeds.shown) for ident, deeds in crew.record.deeds.items()},
        "confirmed": {i: sum(map(len, deeds.confirmed)) for i, deeds in crew.record.deeds.items()},
        "last_shown_s": crew.last_shown_s,
        "last_confirmed_s": crew.last_confirmed_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }


def obey(line: str, crew: Crew, links: Links, engine: Engine) -> None:
    """Do what one line says."""
    reply: object = None
    match line.split():
        case ["status"]:
            reply = status(crew, links, engine)
        case ["record"]:
            reply = crew.record.pack()
        case ["times", order]:
            reply = [times.tobytes() for times in crew.times(bytes.fromhex(order), without=links.odd)]
        case ["trouble"]:
            links.trouble(engine, time.monotonic())
        case ["calm"]:
            links.calm(engine)
        case _:
            sys.exit(f"{line!r} is no command of the swarm.")
    data = msgpack.packb(reply)
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()


def run(crew: Crew, links: Links, engine: Engine) -> None:
    """Until the parent is gone."""
    commands = sys.stdin.fileno()
    engine.epoll.register(commands, select.EPOLLIN)
    pending = b""
    pace = Pace()
    while True:
        now_s = time.monotonic()
        wait_s = engine.wait_s(now_s)
        if (gather_s := min(pace.before(now_s), wait_s)) > 0:
            time.sleep(gather_s)
        events = engine.epoll.poll(wait_s - gather_s, EVENTS_PER_TURN)
        if commands in engine.handle(events):
            data = os.read(commands, 4096)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                obey(line.decode(), crew, links, engine)
        engine.step(time.monotonic())
        if events:
            pace.had(len(events), time.monotonic())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.swarm", description=__doc__)
    parser.add_argument("--tickets", type=Path, required=True, help="a MessagePack list of [number, ticket]")
    parser.add_argument("--keys", type=Path, required=True, help="the folder with the root grants that are believed")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--source", default="127.0.0.1", help="the address to connect from")
    parser.add_argument("--behaviour", choices=sorted(BEHAVIOURS), default="at-once")
    parser.add_argument("--link", choices=LINKS, default="steady")
    parser.add_argument("--share", type=float, default=0.0, help="of the terminals have that link, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    terminals = [(int(number), bytes(ticket)) for number, ticket in msgpack.unpackb(given.tickets.read_bytes())]
    believe = Judge(ring.anchors(given.keys), time.time).fresh
    crew = Crew(terminals, believe, BEHAVIOURS[given.behaviour], given.seed, os.urandom(4), time.monotonic())
    links = Links(given.link, given.share, len(terminals), f"{given.seed}/{given.source}/links")
    engine = Engine(crew, links, (given.host, given.port), given.source, raise_descriptors(), given.seed)
    os.nice(limits.GATEWAY_NICE)  # as the gateways, so that neither end is favoured
    gc.freeze()
    gc.disable()  # nothing here is cyclic
    run(crew, links, engine)


if __name__ == "__main__":
    main()
