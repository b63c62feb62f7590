"""How a tier is linked: in plain text on the loopback alone, and with an authority for the node above of its own."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusioncmd import subjects, tls
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.cli.bus_way import Way
from fusioncmd.cli.linked import linked_way
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.trust import joining
from tests.nats_server import free_port, until
from tests.test_nats_leaves import Server
from tiers.nats_config import NatsSettings, render
from tiers.nats_links import PARENT_SEED


@pytest.fixture
def joined(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "above").write_text("44\n")
    users.secret(users.folder_of(tmp_path), joining.PARENT)
    for name in ("own.pem", "above.pem"):
        (tmp_path / name).write_text("an authority")
    yield tmp_path


@pytest.mark.parametrize(
    ("own", "above", "parent", "wanted"),
    [
        (None, None, "127.0.0.1:7422", ("nats-leaf://127.0.0.1:7422", None)),
        ("own.pem", None, "127.0.0.1:7422", ("nats-leaf://127.0.0.1:7422", None)),
        ("own.pem", None, "above.example:7422", ("tls://above.example:7422", "own.pem")),
        ("own.pem", "above.pem", "above.example:7422", ("tls://above.example:7422", "above.pem")),
        (None, "above.pem", "127.0.0.1:7422", ("tls://127.0.0.1:7422", "above.pem")),
    ],
)
def test_the_node_above_has_its_own_authority_or_that_of_the_bus(
    joined: Path, own: str | None, above: str | None, parent: str, wanted: tuple[str, str | None]
) -> None:
    way = Way(ca=None if own is None else joined / own)
    found = linked_way(joined, way, False, parent, "127.0.0.1", None, None if above is None else joined / above)
    assert (found.parent, found.parent_ca) == (wanted[0], None if wanted[1] is None else joined / wanted[1])


def test_an_authority_that_is_not_there_or_for_nobody_is_told_of(joined: Path) -> None:
    with pytest.raises(NotFound, match="cannot be read"):
        linked_way(joined, Way(), False, "127.0.0.1:7422", "127.0.0.1", None, joined / "none.pem")
    with pytest.raises(BadInput, match="goes with --parent"):
        linked_way(joined, Way(), False, None, "127.0.0.1", None, joined / "above.pem")


@pytest.mark.parametrize("right", [True, False])
async def test_a_server_links_in_tls_to_one_that_the_authority_above_vouches_for_and_to_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: bool
) -> None:
    keys, links, ports = users.folder_of(tmp_path), free_port(), (free_port(), free_port())
    for name in ("here", "above"):
        tls.make(tmp_path / name, (), datetime.datetime.now(datetime.UTC))
    users.ensure(keys, "node", "node", "44")
    users.ensure(tmp_path / "city", "node", "node", "4401")
    users.admit(keys, "link-4401", "4401", users.secret(keys, "link-4401"))
    certificate = (tmp_path / "above" / tls.SERVER, tmp_path / "above" / tls.SERVER_KEY)
    upper = NatsSettings("44", ports[0], tmp_path / "one", tls=certificate, links=("127.0.0.1", links))
    authority = tmp_path / ("above" if right else "here") / tls.CA
    lower = NatsSettings(
        "4401", ports[1], tmp_path / "two", parent=f"tls://127.0.0.1:{links}", parent_ca=authority
    )  # fmt: skip
    monkeypatch.setenv(PARENT_SEED, users.read_seed(users.seed_file(keys, "link-4401")))
    province, city = Server(tmp_path, "above", render(upper, users.users(keys)), None), None
    try:
        city = Server(tmp_path, "city", render(lower, users.users(tmp_path / "city")), ports[1])
        if not right:
            await until(lambda: city.said("TLS Handshake Failure") and city.said("failed to verify certificate"))
            return
        key, heard = users.seed_file(keys, "node"), list[bytes]()
        above = await open_bus(f"tls://127.0.0.1:{ports[0]}", "test", 10.0, key=key, ca=authority)
        below = await open_bus(city.url, "test", 10.0, key=users.seed_file(tmp_path / "city", "node"))
        await above.hear(subjects.link_up("4401"), lambda _, data: heard.append(data))
        async with asyncio.timeout(10):
            while not heard:
                await below.say(subjects.link_up("4401"), b"up")
                await asyncio.sleep(0.05)
        await above.close()
        await below.close()
    finally:
        for server in (province, city):
            if server is not None:
                server.stop()
