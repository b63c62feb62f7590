"""A kit and its hub on a link of the emulator, in virtual time: what tests of the satellite pipe run on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fusioncmd.errors import Problem
from fusioncmd.trust import link_keys
from fusioncmd.trust.chains import Chain
from fusioncmd.trust.grants import Credential
from gateways.satellite.carrying import Kind, Pipe
from gateways.satellite.classes import Class
from gateways.satellite.end import End
from gateways.satellite.hub_end import Comer, HubEnds
from gateways.satellite.identity import Believes, Identity
from gateways.satellite.kit_end import KitEnd
from gateways.satellite.quic_opening import Ticket
from gateways.satellite.ways import Way
from loadtest.link.packets import Flow, Profile
from loadtest.link.quantities import S
from loadtest.link.schedule import Change
from loadtest.link.shaper import Line
from loadtest.offices import BOTH, NOW_MS, Offices

OFFICES = Offices(7)
HUB, KIT = "4401", "440106001"
KIT_NODE = OFFICES.grant(OFFICES.city, "Kit", purposes=("node",), path=KIT, statuses=BOTH)
_NOBODY: Any = None  # packets of the emulator come out where `World` takes them
STEPS_MAX = 3_000_000
HEADERS = 28


def identity(code: str = HUB, node: Credential | None = None) -> Identity:
    key = Ed25519PrivateKey.generate()
    certificate = link_keys.make(key, code, node or (OFFICES.node if code == HUB else KIT_NODE))
    encoding = serialization.Encoding.PEM
    return Identity(
        code, certificate.public_bytes(encoding),
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )  # fmt: skip


HUB_IDENTITY, KIT_IDENTITY = identity(HUB), identity(KIT)


def exchange(text: str | bytes) -> bytes:
    return bytes((Kind.EXCHANGE,)) + (text.encode() if isinstance(text, str) else text)


class Node:
    """What an end of a link heard, and when."""

    def __init__(self, world: World) -> None:
        self.heard: list[tuple[float, Class, bytes]] = []
        self.turns: list[tuple[float, bool]] = []
        self._world = world

    def listen(self, pipe: Pipe) -> None:
        pipe.heard = lambda cls, letter: self.heard.append((self._world.now_s, cls, letter))
        pipe.turned = lambda up: self.turns.append((self._world.now_s, up))

    def of(self, cls: Class) -> list[bytes]:
        return [letter for _, which, letter in self.heard if which is cls]

    def when(self, letter: bytes) -> float:
        return next(at for at, _, said in self.heard if said == letter)


class World:
    """A kit and a hub, and between them one line in each direction for each way of the kit. Rates count the headers of
    IP and UDP too, as a modem does."""

    def __init__(
        self,
        *,
        rate_bps: int = 64_000,
        delay_s: float = 0.3,
        loss: float = 0.0,
        seed: int = 1,
        ways: tuple[Way, ...] = (),
        hub_identity: Identity = HUB_IDENTITY,
        kit_identity: Identity = KIT_IDENTITY,
    ) -> None:
        self.now_s = 1_000.0
        self._random = Random(seed)
        self.ways = ways or (Way("sat", "", rate_bps),)
        self.lines: dict[tuple[str, str], Line] = {}
        self._flows: dict[tuple[str, str], Flow] = {}
        for way in self.ways:
            self.lay(way.name, rate_bps=way.rate_bps, delay_s=delay_s, loss=loss)
        self.sources = {way.name: (f"10.0.0.{n}", 5000) for n, way in enumerate(self.ways)}  # as the hub sees them
        self._endpoints: list[tuple[str, int]] = []
        self.hub_node, self.kit_node = Node(self), Node(self)
        self.revoked: set[bytes] = set()  # as the hub knows
        self.revoked_for_kit: set[bytes] = set()
        self.kit_clock_ms = 0
        self.hub_refused: list[Problem] = []
        self.kit_refused: list[Problem] = []
        self.tap: Callable[[str, str, bytes], None] = lambda way, direction, data: None
        self.sent: list[tuple[float, str, str, int]] = []  # when, way, direction, bytes with headers
        self.hub_identity, self.kit_identity = hub_identity, kit_identity
        self.admitted = {KIT}
        self.secret = b"s" * 32
        self.ticket: Ticket | None = None
        self._jobs: list[tuple[float, int, Callable[[], None]]] = []
        self.hub = self.make_hub()
        self.kit = self.make_kit()

    def lay(self, way: str, *, rate_bps: int, delay_s: float, loss: float = 0.0) -> None:
        """The line of a way, anew."""
        profile = Profile(delay_ns=round(delay_s * S), loss=loss, rate_bps=rate_bps, queue_bytes=256 * 1024)
        for direction in ("up", "down"):
            self.lines[way, direction] = Line(profile)
            chance = Random(self._random.random()).random
            self._flows[way, direction] = Flow(_NOBODY, False, chance)

    def believes(self, clock: Callable[[], int], revoked: Callable[[], set[bytes]]) -> Believes:
        def ended(chain: Chain) -> int | None:
            return 1 if revoked() & set(chain.names) else None

        return Believes(lambda: OFFICES.anchors, ended, clock)

    def now_ms(self) -> int:
        return NOW_MS + round(self.now_s * 1000)

    def make_hub(self) -> HubEnds:
        def on_kit(code: str, pipe: Pipe) -> None:
            self.hub_node.listen(pipe)

        return HubEnds(
            self.hub_identity, self.believes(self.now_ms, lambda: self.revoked), lambda code: code in self.admitted,
            on_kit, self.ways[0].rate_bps, lambda: self.now_s, self.secret, self.hub_refused.append,
        )  # fmt: skip

    def make_kit(self) -> KitEnd:
        def keep(ticket: Ticket) -> None:
            self.ticket = ticket

        believes = self.believes(lambda: self.now_ms() + self.kit_clock_ms, lambda: self.revoked_for_kit)
        kit = KitEnd(
            self.kit_identity, believes, HUB, self.ways, lambda: self.now_s, self.ticket, keep, self.kit_refused.append,
        )  # fmt: skip
        self.kit_node.listen(kit)
        return kit

    def restart_kit(self) -> None:
        """Its process; what it kept on disk it finds again."""
        self.kit = self.make_kit()
        self.kit_node.turns.clear()

    @property
    def hub_end(self) -> End:
        return self.hub.ends[KIT]

    def at(self, when_s: float, what: Callable[[], None]) -> None:
        self._jobs.append((when_s, len(self._jobs), what))
        self._jobs.sort(key=lambda job: job[:2])

    def cut(self, cut: bool, way: str | None = None, direction: str | None = None) -> None:
        for (of, which), line in self.lines.items():
            if way in (None, of) and direction in (None, which):
                line.switch(Change(self._ns(), cut=cut, deaf=None))

    def start(self) -> None:
        self.kit.start(self.now_s)

    def connect(self, within_s: float = 20.0) -> None:
        self.start()
        self.run(lambda: self.kit.up and KIT in self.hub.ends and self.hub_end.up, within_s)

    def run(self, until: Callable[[], bool] | None = None, for_s: float = 60.0) -> None:
        """Until that is so (it must be, by then), or for so long."""
        ends_s = self.now_s + for_s
        for _ in range(STEPS_MAX):
            self._move()
            if until is not None and until():
                return
            next_s = self._next_s()
            if next_s > ends_s:
                assert until is None, "it did not come to be"
                self.now_s = ends_s
                return
            self.now_s = max(self.now_s, next_s)
        raise AssertionError("it spins")

    def _ns(self) -> int:
        return round(self.now_s * S)

    def bytes_sent(self, direction: str, since_s: float = 0.0) -> int:
        return sum(size for at, _, which, size in self.sent if which == direction and at >= since_s)

    def offer(self, way: str, direction: str, data: bytes) -> None:
        self.tap(way, direction, data)
        self.sent.append((self.now_s, way, direction, len(data) + HEADERS))
        payload = data + self._endpoint(way) + bytes(HEADERS - 4)
        self.lines[way, direction].offer(self._ns(), self._flows[way, direction], payload)

    def _move(self) -> None:
        while self._jobs and self._jobs[0][0] <= self.now_s:
            self._jobs.pop(0)[2]()
        for (way, direction), line in self.lines.items():
            for _, payload in line.advance(self._ns()):
                assert isinstance(payload, bytes)
                data, endpoint = payload[:-HEADERS], payload[-HEADERS : 4 - HEADERS]
                if direction == "up":
                    self.hear(data, self._endpoints[int.from_bytes(endpoint, "big")])
                elif endpoint == self._endpoint(way):  # else nobody is there any more
                    self.kit.receive(data, way, self.now_s)
        if (timer := self.kit.timer(self.now_s)) is not None and timer <= self.now_s:
            self.kit.due(self.now_s)
        for data, way in self.kit.transmit(self.now_s):
            self.offer(way, "up", data)
        for comer in self._comers():
            if (timer := self.hub.timer(comer, self.now_s)) is not None and timer <= self.now_s:
                self.hub.due(comer, self.now_s)
            for data, address in self.hub.transmit(comer, self.now_s):
                self._answer(data, address)

    def hear(self, data: bytes, source: tuple[str, int]) -> None:
        """At the hub."""
        for answer, address in self.hub.receive(data, source, self.now_s)[1]:
            self._answer(answer, address)

    def _endpoint(self, way: str) -> bytes:
        """The address of the kit on that way, as four bytes beside a datagram."""
        if self.sources[way] not in self._endpoints:
            self._endpoints.append(self.sources[way])
        return self._endpoints.index(self.sources[way]).to_bytes(4, "big")

    def _answer(self, data: bytes, address: Any) -> None:
        way = next((name for name, source in self.sources.items() if source == address), None)
        if way is not None:  # else to where nobody is any more
            self.offer(way, "down", data)

    def _comers(self) -> Iterable[Comer]:
        return list({id(comer): comer for comer in self.hub._by_id.values()}.values())

    def _next_s(self) -> float:
        found = [ns / S for line in self.lines.values() if (ns := line.next_ns()) is not None]
        found += [at for at in (self.kit.timer(self.now_s),) if at is not None]
        found += [at for comer in self._comers() if (at := self.hub.timer(comer, self.now_s)) is not None]
        found += [self._jobs[0][0]] if self._jobs else []
        return max(min(found), self.now_s + 1e-6) if found else float("inf")
