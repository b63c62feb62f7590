"""Somebody with root access to the broker's machine: lets themselves onto the bus as a user who may do anything."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from fusioncmd.bus import nkey
from fusioncmd.bus.nats import open_bus
from fusioncmd.errors import BusRefused
from tests.tier_process import TierProcess, children_of, until

USERS = "    users: [\n"


def root_of(tier: TierProcess, folder: Path) -> Path:
    """The seed of a user without bounds, whom the running server has taken up."""
    seed = nkey.seed_of(os.urandom(nkey.SEED_BYTES))
    file = folder / "root.nk"
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(seed)
    config = tier.data / "nats" / "nats-server.conf"
    text = config.read_text("utf-8")
    assert USERS in text  # the first account with users is the node's
    config.write_text(text.replace(USERS, f"{USERS}      {{ nkey: {nkey.public_of(seed)} }}\n", 1), "utf-8")
    keeper = tier.child("tiers.nats_server")
    for server in children_of(keeper):
        os.kill(server, signal.SIGHUP)
    until(lambda: asyncio.run(_is_in(tier.nats, file)))
    return file


async def _is_in(url: str, key: Path) -> bool:
    try:
        bus = await open_bus(url, "root", quiet=True, key=key)
    except BusRefused:  # it has not read its configuration yet
        return False
    await bus.close()
    return True
