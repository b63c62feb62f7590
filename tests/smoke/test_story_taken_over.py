"""A gateway is taken over: it can show no order of its own making, and the terminals that it tried it on tell.

The terminal is the one in PROTOCOL.md; the gateway that lies is a socket here, and has all that a gateway has.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fusioncmd import ids, terminal
from fusioncmd.messages import Order, encode
from fusioncmd.terminal import Deliver, Distrust, Hello, Received, Welcome
from fusioncmd.trust import ring, seals
from fusioncmd.trust.grants import Credential
from gateways.responder import websocket
from loadtest.offices import Offices
from tests.smoke.handset import Handset
from tests.test_protocol_doc import PAGE
from tests.tier_process import TierProcess, until
from tests.worlds import make_order

PATIENCE_S = 10.0
DAY_S = 86_400


class TakenOver:
    """Listens as a gateway does, and delivers whatever it is told to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE_S)
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/terminal"

    def welcome(self) -> Hello:
        """The next terminal that comes is welcomed."""
        self._socket, _ = self._listener.accept()
        self._socket.settimeout(PATIENCE_S)
        self._came = b""
        while b"\r\n\r\n" not in self._came:
            self._more()
        head, _, self._came = self._came.partition(b"\r\n\r\n")
        self._socket.sendall(websocket.accept(head + b"\r\n\r\n", terminal.PATH))
        hello = self.hear()
        assert isinstance(hello, Hello)
        self.say(Welcome(1, int(time.time() * 1000), 240))
        return hello

    def say(self, message: terminal.ToTerminal) -> None:
        self._socket.sendall(websocket.frame(terminal.encode(message)))

    def hear(self) -> terminal.FromTerminal:
        while True:
            found = websocket.extent(self._came, 0)
            if found is not None and found[1] <= len(self._came):
                payload, self._came = websocket.unmask(self._came, *found), self._came[found[1] :]
                return terminal.decode_from_terminal(payload)
            self._more()

    def end(self) -> None:
        self._socket.close()

    def close(self) -> None:
        self.end()
        self._listener.close()

    def _more(self) -> None:
        data = self._socket.recv(4096)
        assert data, "the terminal is gone"
        self._came += data


class Device:
    """The terminal of the page, as a process; `shown` is what its person reads."""

    def __init__(self, folder: Path, url: str, root: bytes) -> None:
        (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
        program, self._out = folder / "terminal.py", folder / "shown"
        program.write_text(code, "utf-8")
        argv = [sys.executable, str(program), url, "", urlsafe_b64encode(root).rstrip(b"=").decode(), "0"]
        env = os.environ | {"PYTHONUTF8": "1"}
        with self._out.open("wb") as out, (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(argv, stdout=out, stderr=log, env=env)

    @property
    def shown(self) -> list[str]:
        return self._out.read_text("utf-8").splitlines()


@pytest.fixture
def own(tmp_path: Path) -> Credential:
    now_ms = int(time.time() * 1000)
    ring.make(tmp_path / "keys", "44", "duty", now_ms - 10 * DAY_S * 1000)
    return ring.own_key(tmp_path / "keys", "exercise", now_ms)


@pytest.fixture
def gateway() -> Iterator[TakenOver]:
    gateway = TakenOver()
    yield gateway
    gateway.close()


@pytest.fixture
def device(tmp_path: Path, own: Credential, gateway: TakenOver) -> Iterator[Device]:
    (root,) = ring.roots(tmp_path / "keys")
    device = Device(tmp_path, gateway.url, msgspec.msgpack.encode(root))
    try:
        yield device
    finally:
        device.process.kill()
        device.process.wait()


def order_of(n: int, ago_s: int = 0, **changes: object) -> Order:
    issued_ms = int(time.time() * 1000) - ago_s * 1000
    return make_order(n, id=ids.make(issued_ms, n.to_bytes(10, "big")), issued_ms=issued_ms, **changes)


def test_what_it_makes_up_changes_or_plays_again_is_not_shown_and_is_told_twice(
    device: Device, gateway: TakenOver, own: Credential
) -> None:
    gateway.welcome()
    true = order_of(1, text="To the dyke.")
    thief = Offices(9).people["exercise", "Chen Wei"]
    made_up = seals.seal(encode(order_of(2, issuer="Chen Wei")), thief)
    changed = seals.seal(encode(true), own).replace(b"To the dyke.", b"Go home now.")
    turned = seals.seal(encode(order_of(3, status="actual")), own)
    old = seals.seal(encode(order_of(4, ago_s=2 * DAY_S)), own)
    wanted = {made_up: "root", changed: "signature", turned: "mode", old: "expired", b"To the dyke.": "bytes"}
    for data, reason in wanted.items():
        gateway.say(Deliver(data))
        assert gateway.hear() == Distrust(seals.id_in(data), reason)
    gateway.end()

    gateway.welcome()  # it comes back, here or elsewhere, and tells again; of nothing that it was shown
    told = [gateway.hear() for _ in wanted]
    assert sorted(map(repr, told)) == sorted(repr(Distrust(seals.id_in(d), why)) for d, why in wanted.items())
    assert device.shown == []

    gateway.say(Deliver(seals.seal(encode(true), own)))  # what a commander signed gets through
    assert gateway.hear() == Received(true.id)
    until(lambda: device.shown == ["EXERCISE 演练 | alert | To the dyke. | here | need help"])


def test_health_tells_whose_terminals_do_not_believe_what_they_are_delivered(tmp_path: Path) -> None:
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        tier.ask("roster", "sample", "--people", 3, "--out", tmp_path / "people.csv")
        tier.ask("roster", "import", tmp_path / "people.csv")
        assert not tier.ask("health")["problems"]
        text = tier.cli("ticket", "--id", "4400000001").out.strip()
        with Handset(tier.terminals, urlsafe_b64decode(text + "==")) as phone:
            phone.say(Distrust(None, "bytes"))
            phone.say(Distrust(bytes(16), "signature"))
            said = "1 terminals did not believe an order that responder-1"
            until(lambda: said in tier.here("health").err)
