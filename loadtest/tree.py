"""Tiers in a chain for one scenario: each with its own NATS server and folder, linked through an emulated link."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fusioncmd import api, divisions, keys
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.cli.bus import taken_up
from fusioncmd.cli.keys import make_keys
from fusioncmd.cli.linked import Linked
from fusioncmd.cli.up import Tier, run_tier
from fusioncmd.errors import Unavailable
from fusioncmd.trust import handing, joining, ring
from loadtest.harness import BUS_WAIT_S, OfficeCommander, Running, free_ports
from loadtest.link.link import Link
from loadtest.scenario import pause_until

DAY_MS = 86_400_000
LINKED_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Branch:
    """A tier of the chain; `link` is the one to the tier above, and the first has none."""

    code: str
    running: Running
    link: Link | None


@contextlib.asynccontextmanager
async def chain(folder: Path, codes: Sequence[str], seed: int, resets: bool = False) -> AsyncIterator[list[Branch]]:
    """The tiers of `codes`, each below the one before; all of them linked. `resets`: whoever is connected over a link
    finds out at once when it is cut, as after a cut that lasts."""
    async with contextlib.AsyncExitStack() as stack:
        found: list[Branch] = []
        for n, code in enumerate(codes):
            data = folder / code
            link, linked, links_port = None, Linked(), free_ports(1)[0]
            if found:
                above = found[-1].running.tier
                await approve(above, data, code)
                assert above.linked.listens is not None
                cut_link = Link(above.linked.listens, seed=seed + n, cut_resets=resets, cut_refuses=resets)
                link = await stack.enter_async_context(cut_link)
                key = users.seed_file(users.folder_of(data), joining.PARENT)
                linked = Linked(above.node, f"nats-leaf://127.0.0.1:{link.port}", key)
            linked = replace(linked, listens=("127.0.0.1", links_port))
            found.append(Branch(code, await stack.enter_async_context(up(data, code, linked)), link))
        for above_it, below in itertools.pairwise(found):
            await until_linked(above_it, below, LINKED_S_MAX)
        yield found


async def until_linked(above: Branch, below: Branch, wait_s: float) -> None:
    """`Unavailable` when the link between them does not carry both ways within so long."""

    async def linked() -> bool:
        return await _state(above, below.code) == "up" == await _state(below, above.code)

    if not await pause_until(linked, wait_s):
        raise Unavailable(f"{below.code} is not linked to {above.code}.", f"{below.code} 未与 {above.code} 连通。")


async def _state(branch: Branch, peer: str) -> str:
    try:
        links = (await branch.running.commander.ask(api.Health(), timeout_s=2.0)).links
    except Unavailable:
        return ""
    return next((link.state for link in links if link.peer == peer), "")


async def approve(above: Tier, data: Path, code: str) -> None:
    """As `fusioncmd nodes request`, `approve` and `take` do, without the files."""
    now_ms = int(time.time() * 1000)
    keys.claim(data, code)
    folder, place = ring.folder_of(above.data), divisions.guangdong()
    asked = joining.ask(ring.folder_of(data), users.folder_of(data), code, place.name(place.find(code)))
    name = ring.ROOT if ring.root_key_file(folder).exists() else ring.DEPUTY
    bus, by = users.folder_of(above.data), handing.signer_of(folder, name)
    joining.take(data, joining.approve(folder, bus, above.node, asked, by, 400 * DAY_MS, now_ms), now_ms)
    await taken_up(above.data, None)


@contextlib.asynccontextmanager
async def up(
    data: Path,
    code: str,
    linked: Linked,
    fit: Callable[[Tier], Tier] = lambda tier: tier,
) -> AsyncIterator[Running]:
    """A tier of its own in `data`, as `fit` has it besides."""
    nats_port, port = free_ports(2)
    places = divisions.guangdong()
    tier = Tier(code, data, None, None, nats_port, None, "127.0.0.1", port, 1, linked=linked)
    tier = fit(tier)
    make_keys(data, code, places)
    supervisor = await run_tier(tier, lambda _: None, dict(os.environ))
    bus = None
    try:
        key = tier.bus_key(users.NODE)
        bus = await open_bus(tier.nats_url, "loadtest", wait_s=BUS_WAIT_S, quiet=True, key=key)
        commander = OfficeCommander(bus, data)
        await commander.log_in()
        yield Running(tier, supervisor, bus, commander, places, {})
    finally:
        if bus is not None:
            await bus.close()
        await supervisor.stop()
