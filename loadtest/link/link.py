"""A link between two processes, for scenarios and tests.

    async with Link(("127.0.0.1", 4222), Profile(delay_ns=300 * MS)) as link:
        ...connect to 127.0.0.1, link.port...
        link.cut("up")      # from who connects to who listens: nothing passes
        link.heal()

*Up* is from who connects to who listens. Everything random comes from `seed`: which datagrams are lost is the same in
every run; so it is for the segments of a TCP connection, as far as the kernel hands its bytes over in the same pieces.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import Literal, Self

from loadtest.link.packets import Counters, Profile
from loadtest.link.pump import Pump
from loadtest.link.schedule import Cut, Direction, Ways, changes
from loadtest.link.shaper import RETRY_NS_MAX, RETRY_NS_MIN, Line
from loadtest.link.sockets import Address
from loadtest.link.tcp import TcpProxy
from loadtest.link.udp import UdpProxy

Carries = Literal["tcp", "udp", "both"]


class Link:
    """`down` is as `up`, unless it is given. `cut_resets`: a cut resets TCP connections; `cut_refuses`: who connects
    meanwhile is reset at once, instead of hearing nothing. `retry_ns_max` bounds how long after a cut TCP may stand.
    """

    port: int

    def __init__(
        self,
        to: Address,
        up: Profile | None = None,
        down: Profile | None = None,
        *,
        listen: Address = ("127.0.0.1", 0),
        carries: Carries = "tcp",
        cuts: Iterable[Cut] = (),
        seed: int = 0,
        cut_resets: bool = False,
        cut_refuses: bool = False,
        retry_ns_max: int = RETRY_NS_MAX,
    ) -> None:
        up = up or Profile()
        self._profiles: dict[Direction, Profile] = {"up": up, "down": down or up}
        self._to, self._listen, self._carries = to, listen, carries
        self._cuts, self._seed, self._retry_ns_max = list(cuts), seed, retry_ns_max
        self._cut_resets, self._cut_refuses = cut_resets, cut_refuses
        self._pumps: dict[Direction, Pump] = {}
        self._stack = contextlib.AsyncExitStack()
        self.tcp: TcpProxy | None = None
        self.udp: UdpProxy | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Raises OSError when it cannot listen there."""
        for direction in self._profiles:
            self._pumps[direction] = Pump(direction, self._line(direction), self._seed, self._was_cut)
        up, down = self._pumps["up"], self._pumps["down"]
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        try:
            address = self._listen
            if self._carries != "udp":
                self.tcp = TcpProxy(up, down, tasks, self._to, refuses=self._cut_refuses)
                self._stack.push_async_callback(self.tcp.close)
                address = (address[0], await self.tcp.listen(address))
            if self._carries != "tcp":
                self.udp = UdpProxy(up, down, self._to)
                self._stack.callback(self.udp.close)
                address = (address[0], await self.udp.listen(address))
        except BaseException:
            await self._stack.aclose()
            raise
        self.port = address[1]
        began_ns = time.monotonic_ns()
        for pump in self._pumps.values():
            self._stack.callback(pump.stop)
            pump.begin(began_ns)

    async def close(self) -> None:
        """Resets what is open."""
        await self._stack.aclose()

    def cut(self, ways: Ways = "both") -> None:
        self._turn(ways, True)

    def heal(self, ways: Ways = "both") -> None:
        """Now. What the schedule has still to come comes."""
        self._turn(ways, False)

    def is_cut(self, direction: Direction) -> bool:
        return self._pumps[direction].line.cut

    def counters(self, direction: Direction) -> Counters:
        return self._pumps[direction].line.counters

    def _turn(self, ways: Ways, cut: bool) -> None:
        for direction, pump in self._pumps.items():
            own = ways in ("both", direction)
            back = ways != direction
            pump.turn(cut=cut if own else None, deaf=cut if back else None)

    def _was_cut(self) -> None:
        if self._cut_resets and self.tcp is not None:
            self.tcp.reset_all()

    def _line(self, direction: Direction) -> Line:
        """With the retransmission timeout of this link: its round trip, and as much above it as RFC 6298 says."""
        up, down = self._profiles["up"], self._profiles["down"]
        retry_ns = up.delay_ns + down.delay_ns + max(RETRY_NS_MIN, 4 * max(up.jitter_ns, down.jitter_ns))
        line_changes = changes(self._cuts, direction)
        return Line(self._profiles[direction], line_changes, retry_ns, max(retry_ns, self._retry_ns_max))
