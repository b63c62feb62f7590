"""The upper end of satellite links: one UDP port, many kits, one pipe for each. What it decides is in `hub_end.py`."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import structlog

from fusioncmd.errors import Problem, Unavailable
from fusioncmd.words import reason
from gateways.satellite.carrying import Pipe
from gateways.satellite.facts import Facts
from gateways.satellite.hub_end import Comer, HubEnds
from gateways.satellite.identity import Believes, Identity
from gateways.satellite.quic_connection import reset_secret
from gateways.satellite.udp import Udp

log = structlog.get_logger("satellite")
REFUSED_SHOWN_S = 300.0  # in health


class HubPort:
    """`admits(code)`: whether that kit is one of ours now. `on_kit(code, pipe)` is said once for each kit, when it
    first proved who it is; its pipe outlives its connections."""

    def __init__(
        self,
        host: str,
        port: int,
        identity: Identity,
        believes: Believes,
        admits: Callable[[str], bool],
        on_kit: Callable[[str, Pipe], None],
        rate_bps: int = 64_000,
    ) -> None:
        self._host, self._port = host, port
        self.ends = HubEnds(
            identity, believes, admits, on_kit, rate_bps, time.monotonic, reset_secret(identity), self._tell
        )
        self.ends.wake = self._touch
        self._udp: Udp | None = None
        self._timers: dict[Comer, asyncio.TimerHandle] = {}
        self._touched: dict[Comer, None] = {}
        self._refused_s = 0.0

    async def open(self) -> int:
        """The port; `Unavailable` when it cannot listen there."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
            family, _, _, _, address = found[0]
            self._udp = Udp(str(address[0]), int(address[1]), family, self._arrived, self._run)
        except OSError as error:
            en, zh = reason(error)
            raise Unavailable(
                f"The satellite port {self._host}:{self._port} cannot be opened: {en}.",
                f"无法打开卫星链路端口 {self._host}:{self._port}：{zh}。",
            ) from None
        return self._udp.port

    def close(self) -> None:
        """Kits are told, as far as one datagram each does that."""
        for comer in self.ends.close():
            self._send(comer)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._udp is not None:
            self._udp.close()
            self._udp = None

    def facts(self) -> list[Facts]:
        return [end.facts() for end in self.ends.ends.values()]

    def judge_again(self) -> None:
        """To be asked now and then: who was revoked is let go."""
        for comer in self.ends.judge_again():
            self._touch(comer)

    @property
    def refusal(self) -> Problem | None:
        """The last one, while it is news: who is refused asks again each 30 s."""
        return self.ends.last_refusal if time.monotonic() - self._refused_s < REFUSED_SHOWN_S else None

    def _tell(self, problem: Problem) -> None:
        self._refused_s = time.monotonic()
        log.warning("satellite.refused", problem=problem.en, problem_zh=problem.zh)

    def _arrived(self, data: bytes, address: Any) -> None:
        comer, answers = self.ends.receive(data, address, time.monotonic())
        if self._udp is not None:
            for answer, to in answers:
                self._udp.send(answer, to)
        if comer is not None:
            self._touched[comer] = None

    def _touch(self, comer: Comer) -> None:
        """Something is to be sent: with whatever else is said in this turn of the loop."""
        if not self._touched:
            asyncio.get_running_loop().call_soon(self._run)
        self._touched[comer] = None

    def _run(self) -> None:
        while self._touched:
            touched, self._touched = self._touched, {}
            for comer in touched:
                self._send(comer)

    def _send(self, comer: Comer) -> None:
        now_s = time.monotonic()
        if self._udp is None:
            return
        for data, address in self.ends.transmit(comer, now_s):
            self._udp.send(data, address)
        if (timer := self._timers.pop(comer, None)) is not None:
            timer.cancel()
        at = self.ends.timer(comer, now_s)
        if at is not None:
            loop = asyncio.get_running_loop()
            self._timers[comer] = loop.call_later(max(0.0, at - now_s), self._due, comer)

    def _due(self, comer: Comer) -> None:
        self._timers.pop(comer, None)
        self.ends.due(comer, time.monotonic())
        self._send(comer)
