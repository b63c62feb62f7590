"""The lower end of a satellite link: it dials the hub for ever, by one of several ways. What it decides is in
`kit_end.py`."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from fusioncmd.errors import Problem
from gateways.satellite.classes import Class
from gateways.satellite.facts import Facts
from gateways.satellite.identity import Believes, Identity
from gateways.satellite.kit_end import KitEnd
from gateways.satellite.quic_opening import Ticket, read_ticket
from gateways.satellite.udp import Udp
from gateways.satellite.ways import Way

log = structlog.get_logger("satellite")
MOVED_S = 60.0  # a hub that does not answer may be at another address now
ASK_AGAIN_S = 5.0  # for the address of a hub that has a name, and for a socket on an address that is not there yet


class KitDialer:
    """A `Pipe`. `above`: code of the node that the hub must prove to be; `hub`: its name or address, and port."""

    def __init__(
        self,
        hub: tuple[str, int],
        ways: Sequence[Way],
        identity: Identity,
        believes: Believes,
        above: str,
        ticket_file: Path | None = None,
    ) -> None:
        self._hub, self._ways, self._ticket_file = hub, {way.name: way for way in ways}, ticket_file
        self.end = KitEnd(
            identity, believes, above, ways, time.monotonic, self._ticket(), self._keep_ticket, self._tell
        )  # fmt: skip
        self.end.wake = self._wake
        self._address: tuple[socket.AddressFamily, Any] | None = None
        self._sockets: dict[str, Udp] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._soon = self._is_closed = False
        self._resolving: asyncio.Task[None] | None = None
        self.unsent = 0
        self._why_unknown = ""  # the name of the hub has no address

    @property
    def heard(self) -> Callable[[Class, bytes], None]:
        return self.end.heard

    @heard.setter
    def heard(self, heard: Callable[[Class, bytes], None]) -> None:
        self.end.heard = heard

    @property
    def turned(self) -> Callable[[bool], None]:
        return self.end.turned

    @turned.setter
    def turned(self, turned: Callable[[bool], None]) -> None:
        self.end.turned = turned

    @property
    def up(self) -> bool:
        return self.end.up

    @property
    def rate_bps(self) -> int:
        return self.end.rate_bps

    def waiting(self, cls: Class) -> int:
        return self.end.waiting(cls)

    def say(self, cls: Class, letter: bytes, lives_s: float | None = None) -> bool:
        return self.end.say(cls, letter, lives_s)

    async def open(self) -> None:
        """Begins to dial; whether anybody answers is said by `turned`."""
        self._resolving = asyncio.get_running_loop().create_task(self._resolve())

    def close(self) -> None:
        self.end.close()
        self._run()
        self._is_closed = True
        if self._resolving is not None:
            self._resolving.cancel()
        if self._timer is not None:
            self._timer.cancel()
        for udp in self._sockets.values():
            udp.close()
        self._sockets.clear()

    def use(self, way: str) -> None:
        """Change over to that way now, if it answers; `BadInput` where there is none of that name."""
        self.end.use(way, time.monotonic())
        self._wake()

    def facts(self) -> Facts:
        return self.end.facts()

    async def _resolve(self) -> None:
        """Where the hub is: asked until it is known, and again while nobody answers there."""
        loop = asyncio.get_running_loop()
        while True:
            if not self.up:
                try:
                    found = await loop.getaddrinfo(*self._hub, type=socket.SOCK_DGRAM)
                except (OSError, UnicodeError) as error:  # the second: a name that is none (RFC 1035, 2.3.4)
                    self._unknown(str(error))
                else:
                    self._unknown("")
                    self._found(found[0][0], found[0][4])
            await asyncio.sleep(ASK_AGAIN_S if self._address is None else MOVED_S)

    def _unknown(self, why: str) -> None:
        """Said once each time that it begins."""
        if why and why != self._why_unknown:
            log.warning("satellite.hub_unknown", hub=self._hub[0], problem=why)
        self._why_unknown = why

    def _found(self, family: socket.AddressFamily, address: Any) -> None:
        before, self._address = self._address, (family, address)
        if before is None:
            self.end.start(time.monotonic())
            self._run()
        elif before[0] is not family:
            for udp in self._sockets.values():
                udp.close()
            self._sockets.clear()

    def _arrived(self, way: str, data: bytes) -> None:
        self.end.receive(data, way, time.monotonic())

    def _wake(self) -> None:
        """Once for all that is said in this turn of the loop."""
        if not self._soon and not self._is_closed and self._address is not None:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._soon = False
        if self._is_closed or self._address is None:
            return
        now_s = time.monotonic()
        for data, way in self.end.transmit(now_s):
            self._send(data, way)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self.end.timer(now_s)
        if at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, at - now_s), self._due)

    def _due(self) -> None:
        self._timer = None
        self.end.due(time.monotonic())
        self._run()

    def _send(self, data: bytes, way: str) -> None:
        assert self._address is not None
        udp = self._sockets.get(way)
        if udp is None:
            try:
                udp = self._socket(self._ways[way], self._address[0])
            except OSError:  # the address of that way is not on this machine now
                self.unsent += 1
                return
            self._sockets[way] = udp
        unsent = udp.unsent
        udp.send(data, self._address[1])
        if udp.unsent != unsent:
            self.unsent += 1
            self._sockets.pop(way).close()  # it may be bound to an address that is gone

    def _socket(self, way: Way, family: socket.AddressFamily) -> Udp:
        anywhere = "::" if family is socket.AF_INET6 else "0.0.0.0"
        return Udp(way.address or anywhere, 0, family, lambda data, _: self._arrived(way.name, data), self._run)

    def _tell(self, problem: Problem) -> None:
        log.warning("satellite.refused", problem=problem.en, problem_zh=problem.zh)

    def _ticket(self) -> Ticket | None:
        if self._ticket_file is None:
            return None
        try:
            return read_ticket(self._ticket_file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, Problem) as problem:  # then the whole handshake is made
            log.warning("satellite.ticket", file=str(self._ticket_file), problem=str(problem))
            return None

    def _keep_ticket(self, ticket: Ticket) -> None:
        file = self._ticket_file
        if file is None:
            return
        new = file.with_suffix(".new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(ticket.encode())
            new.replace(file)
        except OSError as problem:
            log.warning("satellite.ticket", file=str(file), problem=str(problem))
