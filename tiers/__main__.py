"""`python -m tiers`: run one tier node against a NATS server that is there or will be."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path

from fusioncmd import divisions, limits
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.errors import BadInput
from fusioncmd.exchange import bounds
from fusioncmd.machine_clock import machine_clock
from fusioncmd.programs import run_program
from tiers.kit import watch
from tiers.kit_disk import unbounded
from tiers.node import Node

BUS_WAIT_S = 30.0
LISTEN_S = 1.2 * limits.PRESENCE_EVERY_S  # every gateway has said who is connected by then


async def _run(given: argparse.Namespace) -> None:
    if not 0 <= given.second_person_above <= limits.SECOND_PERSON_PEOPLE_MAX:
        raise BadInput(
            f"--second-person-above may be 0 to {limits.SECOND_PERSON_PEOPLE_MAX}.",
            f"--second-person-above 须为 0 至 {limits.SECOND_PERSON_PEOPLE_MAX}。",
        )
    places, clock = divisions.load(given.divisions), machine_clock()
    bus = await open_bus(given.nats, "node", wait_s=BUS_WAIT_S, key=given.bus_key, ca=given.tls_ca)
    node = Node(
        bus, places.find(given.node), places, given.data, given.snapshot_every, LISTEN_S,
        clock=clock, second_above=given.second_person_above, above=given.above,
        canary_every_s=float(os.environ.get("FUSIONCMD_CANARY_EVERY_S", bounds.CANARY_EVERY_S)),
    )  # fmt: skip
    node.health.clock_off_s = lambda: clock.off_s if clock.jumped else 0.0
    if given.disk_bytes is None:
        unbounded(given.data)
    else:
        watch(node, bus, given.data, given.disk_bytes)
    if given.video:  # on the account that passes between tiers
        key = given.bus_key and users.seed_file(given.bus_key.parent, users.FLOOR)
        node.media.video.bus = await open_bus(given.nats, "video", wait_s=BUS_WAIT_S, key=key, ca=given.tls_ca)
    key = given.bus_key and users.seed_file(given.bus_key.parent, users.TRACKS)
    if key is None or key.exists():  # a server whose users somebody else made may have none for it
        node.media.tracks.bus = await open_bus(given.nats, "tracks", wait_s=BUS_WAIT_S, key=key, ca=given.tls_ca)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, node.stop)
    await node.run()
    await bus.close()
    for each in (node.media.video.bus, node.media.tracks.bus):
        if each is not None:
            await each.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tiers", description=__doc__)
    parser.add_argument("--node", required=True)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--divisions", type=Path)
    parser.add_argument("--bus-key", type=Path, help="the node's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    parser.add_argument("--above", default="", help="the code of the node above, when this one is linked to it")
    parser.add_argument("--video", action="store_true", help="show sources and call rolls; floor.nk beside the key")
    parser.add_argument("--disk-bytes", type=int, help="a kit: so much for all that it keeps; 0: what the disk affords")
    often_s = float(os.environ.get("FUSIONCMD_SNAPSHOT_EVERY_S", limits.SNAPSHOT_EVERY_S))
    parser.add_argument("--snapshot-every", type=float, default=often_s, help="seconds between writes of the ledger")
    parser.add_argument("--second-person-above", type=int, default=limits.SECOND_PERSON_PEOPLE, metavar="PEOPLE")
    run_program(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
