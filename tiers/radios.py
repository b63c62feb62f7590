"""The node's counter for radios: accounts are made and removed, and gateways told to call them together.

An account is one message in the trust stream; the node and its radio gateways hold them all. What gives a right is in
the audit before it holds; a removal holds at once, and is told after. Wrong secrets are told by count, once a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from fusioncmd import radios, subjects
from fusioncmd.access import Actor, check_places
from fusioncmd.api import radios as asked
from fusioncmd.audit.entries import Deed, Entry, Recorder
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, Conflict, NotFound
from fusioncmd.radios import RING_ACCOUNTS_MAX, Failures, Here, Radio, Ring
from fusioncmd.roster.directory import Roster
from fusioncmd.trust.notices import Notices
from fusioncmd.voice.faults import Kind
from fusioncmd.voice.groups import Talkgroup
from tiers.serving import Answer

log = structlog.get_logger("radios")

DEED: Deed = "radio"
GATEWAY = "radio gateway"
HERE_S = 150.0  # a gateway says who is there at least each minute


class RadioDesk:
    """`key` is the tier's ticket key; `clock` gives seconds since 1970."""

    def __init__(
        self, bus: Bus, roster: Roster, key: bytes, audit: Recorder, clock: Callable[[], float], notices: Notices
    ) -> None:
        self._bus, self._roster, self._key, self._audit, self._clock = bus, roster, key, audit, clock
        self._held: dict[str, tuple[Radio, int]] = {}  # by account, also those that were removed; and the sequence
        self._here: dict[str, tuple[frozenset[str], float]] = {}  # by gateway
        self.faults: Callable[[str, dict[Kind, int]], None] = lambda who, totals: None
        notices.on("radio", self.fold)

    async def start(self) -> None:
        await self._bus.hear(subjects.RADIO_FAILED, self._failed)
        await self._bus.hear(subjects.RADIO_HERE, self._told_here)

    def answers(self) -> dict[type[Any], Answer]:
        return {
            asked.AddRadio: self.add, asked.Radios: self.list, asked.RemoveRadio: self.remove,
            asked.RingRadios: self.ring,
        }  # fmt: skip

    def fold(self, stored: Stored) -> None:
        radio = radios.unpack(stored.data, self._key)
        if stored.subject != subjects.radio(radio.account):
            raise BadInput("It lies on another radio's subject.", "所在主题属于另一部电台。")
        held = self._held.get(radio.account)
        if held is None or stored.seq > held[1]:
            self._held[radio.account] = radio, stored.seq

    async def add(self, request: asked.AddRadio, who: Actor) -> asked.RadiosReply:
        path, name = self._place(request, who)
        before = self._held.get(request.account)
        if before is not None and not before[0].removed:
            self._check(before[0], who)
            if not request.again:
                raise Conflict(
                    f"There is a radio {request.account} already; --again gives it another secret.",
                    f"电台账户 {request.account} 已存在；如需更换密钥请加 --again。",
                )
        elif len(self._held) >= radios.ACCOUNTS_MAX:
            raise BadInput(
                f"A node has {radios.ACCOUNTS_MAX:,} radios at most.",
                f"每个节点最多 {radios.ACCOUNTS_MAX:,} 个电台账户。",
            )
        made = Radio(request.account, path.code, request.number, name, request.sha256, request.md5, self._now_ms)
        await self._audit.record(self._entry(who.name, made, "another secret" if request.again else "added"))
        await self._put(made, 0 if before is None else before[1])
        return asked.RadiosReply((self._line(made),))

    async def remove(self, request: asked.RemoveRadio, who: Actor) -> asked.RadiosReply:
        held = self._held.get(request.account)
        if held is None or (held[0].removed and not Path(held[0].path).code.startswith(who.path.code)):
            raise NotFound(f"There is no radio {request.account}.", f"没有电台账户 {request.account}。")
        self._check(held[0], who)
        nobodys = radios.hashes("", "", "")[0]  # what is kept of the secret goes
        gone = Radio(
            request.account, held[0].path, held[0].number, held[0].name, nobodys, "", self._now_ms, removed=True
        )  # fmt: skip
        await self._put(gone, held[1])
        await self._audit.record_after(self._entry(who.name, gone, "removed"))
        return asked.RadiosReply((self._line(gone),))

    async def list(self, request: asked.Radios, who: Actor) -> asked.RadiosReply:
        place = request.node or who.path.code
        check_places(who, (place,))
        mine = sorted(r.account for r, _ in self._held.values() if not r.removed and r.path.startswith(place))
        page = [account for account in mine if account > request.after][: request.limit]
        more = bool(page) and page[-1] != mine[-1]
        return asked.RadiosReply(tuple(self._line(self._held[a][0]) for a in page), page[-1] if more else None)

    async def ring(self, request: asked.RingRadios, who: Actor) -> asked.Rung:
        """Those who are elsewhere than at the asker's place are not called: nor told of."""
        check_places(who, (request.node,))
        if Path(request.node) not in self._roster.divisions:
            raise NotFound(f"There is no place with the code {request.node}.", f"没有代码为 {request.node} 的地点。")
        for account in request.accounts:
            self._check(self._known(account), who)
        here = self._registered()
        found = request.accounts or tuple(
            r.account for r, _ in self._held.values() if not r.removed and r.path.startswith(request.node)
        )
        where = f"{request.node}.{request.group}" if request.group else request.node
        details = {"what": "rung", "radios": str(len(found))}
        await self._audit.record(Entry(self._now_ms, who.name, DEED, where, details=details))
        ring = Ring(request.node, request.accounts, where, who.name)
        await self._bus.say(subjects.radio_ring(Path(request.node)), radios.encode(ring))
        return asked.Rung(sum(account in here for account in found), where)

    def meant(self, group: Talkgroup) -> tuple[str, ...]:
        """The accounts that are its members: themselves, by whose they are, or by where they belong."""
        held = (radio for radio, _ in self._held.values() if not radio.removed)
        return tuple(sorted(radio.account for radio in held if group.means(radio.path, radio.number, radio.account)))

    def place_of(self, account: str) -> str:
        """NotFound."""
        return self._known(account).path

    async def call(self, path: str, accounts: Sequence[str], where: str, by: str, end: bool = False) -> int:
        """Into that talkgroup; or `end` their calls in it, with no account everybody's. How many are here."""
        here = self._registered()
        parts = [accounts[at : at + RING_ACCOUNTS_MAX] for at in range(0, len(accounts), RING_ACCOUNTS_MAX)]
        for part in parts or ([()] if end else []):
            ring = Ring(path, tuple(part), where, by, end)
            await self._bus.say(subjects.radio_ring(Path(path)), radios.encode(ring))
        return sum(account in here for account in accounts)

    async def _put(self, radio: Radio, last: int) -> None:
        """`Conflict` when it was changed meanwhile."""
        seq = await self._bus.store(subjects.radio(radio.account), radios.pack(radio, self._key), expect_last=last)
        self._held[radio.account] = radio, seq

    def _place(self, request: asked.AddRadio, who: Actor) -> tuple[Path, str]:
        if request.number is not None:
            person = self._roster.person(request.number)
            check_places(who, (person.place,))
            return Path(person.place), request.name or person.name
        path = Path(request.path or who.path.code)
        check_places(who, (path.code,))
        if path not in self._roster.divisions:
            raise NotFound(f"There is no place with the code {path}.", f"没有代码为 {path} 的地点。")
        return path, request.name or request.account

    def _known(self, account: str) -> Radio:
        held = self._held.get(account)
        if held is None or held[0].removed:
            raise NotFound(f"There is no radio {account}.", f"没有电台账户 {account}。")
        return held[0]

    def _check(self, radio: Radio, who: Actor) -> None:
        check_places(who, (radio.path,))

    def _line(self, radio: Radio) -> asked.RadioLine:
        here = radio.account in self._registered() and not radio.removed
        return asked.RadioLine(radio.account, radio.path, radio.number, radio.name, here, radio.changed_ms)

    def _registered(self) -> frozenset[str]:
        now_s = self._clock()
        return frozenset().union(*(accounts for accounts, at_s in self._here.values() if now_s - at_s < HERE_S))

    @property
    def gateways(self) -> int:
        """Radio gateways that are there."""
        now_s = self._clock()
        return sum(now_s - at_s < HERE_S for _, at_s in self._here.values())

    def _told_here(self, subject: str, data: bytes) -> None:
        try:
            told = radios.decode(Here, data)
        except BadInput as problem:
            log.error("radios.bad_message", subject=subject, problem=problem.en)
            return
        if told.gateway in self._here or len(self._here) < 64:
            self._here[told.gateway] = frozenset(told.accounts), self._clock()
            self.faults(told.gateway, told.faults)

    def _failed(self, subject: str, data: bytes) -> None:
        try:
            told = radios.decode(Failures, data)
        except BadInput as problem:
            log.error("radios.bad_message", subject=subject, problem=problem.en)
            return
        worst = sorted(told.by_address.items(), key=lambda one: -one[1])[:4]
        details = {"what": "wrong secrets", "count": str(told.total)} | {a[:64]: str(n) for a, n in worst}
        self._audit.note(Entry(self._now_ms, GATEWAY, DEED, "", "wrong secret", details))

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _entry(self, by: str, radio: Radio, what: str) -> Entry:
        details = {"what": what, "path": radio.path} | ({} if radio.number is None else {"number": str(radio.number)})
        return Entry(self._now_ms, by, DEED, radio.account, details=details)
