"""Orders that playbooks make: written down as a commander's would be, issued only under a key granted for that.

The key lies in the folder `auto` of the data folder: a commander's key of its own, asked for and granted as any other
(`fusioncmd keys request --keys …/auto`), for a place, a mode and a time, and revoked as any other. Without it, or where
an order needs a second person, a playbook prepares and does not issue.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path as FilePath

from msgspec import structs

from fusioncmd import api, ids
from fusioncmd.access import Actor
from fusioncmd.alarm import exact
from fusioncmd.alarm import playbook as playbooks
from fusioncmd.alarm.book import Known
from fusioncmd.alarm.playbook import Playbook
from fusioncmd.api import alarms as asked
from fusioncmd.codes import Path
from fusioncmd.departments.department import department_roles
from fusioncmd.errors import NotFound, Problem
from fusioncmd.experts.expert import Expert
from fusioncmd.experts.record import What
from fusioncmd.messages import Order, Selector
from fusioncmd.places.place import Place
from fusioncmd.roster.duty import at_desks
from fusioncmd.roster.numbers import role_of_one
from fusioncmd.trust import ring, seals
from fusioncmd.trust.grants import Credential
from tiers.alarm_people import AlarmPeople
from tiers.borders import Borders
from tiers.desk import Desk
from tiers.problems import Said

FOLDER = "auto"
BEGUN_MAX = 4_096  # orders whose ids are known beforehand; shed, the oldest
GOOD_MS = 9 * 60_000  # so old an id may be; then it is offered for 50 minutes, and refused for its time after an hour
COMES: dict[str, What] = {  # what experts may answer, and which step of the draw each is; who says both does not come
    "能到场 / yes": "accepted", "不能到场 / no": "declined",
}  # fmt: skip


class AlarmOrders:
    def __init__(self, desk: Desk, data: FilePath) -> None:
        self._desk, self._folder, self._borders = desk, data / FOLDER, Borders(data)
        self._people = AlarmPeople(desk.roster)
        self._before: dict[bytes, bytes] | None = None  # orders of before this process, by the end of their ids
        self._begun: OrderedDict[bytes, bytes] = OrderedDict()

    def entropy(self) -> bytes:
        return os.urandom(ids.ENTROPY_BYTES)

    def ident(self, playbook: Playbook, known: Known) -> bytes:
        """Of the order that a playbook makes of an alarm: the same when it is asked for again, as long as one of that
        id may be on disk."""
        said = f"{known.alarm.status} {playbook.name}".encode()
        return self._ident(sha256(known.alarm.id + said).digest())

    def _ident(self, of: bytes) -> bytes:
        orders, tail = self._desk.ledger.book.orders, of[: ids.ENTROPY_BYTES]
        if self._before is None:
            self._before = {order[-ids.ENTROPY_BYTES :]: order for order in orders}
        found = self._before.get(tail) or self._begun.get(tail)
        if found is None or (found not in orders and self._desk.now_ms - ids.time_ms(found) > GOOD_MS):
            found = self._begun[tail] = ids.make(self._desk.now_ms, tail)
            if len(self._begun) > BEGUN_MAX:
                self._begun.popitem(last=False)
        return found

    def draft(self, playbook: Playbook, known: Known, place: Place | None = None) -> api.Draft:
        """Of those whom this node commands. BadInput; NotFound: it is of a place that nobody knows."""
        call, alarm, own = playbook.call, known.alarm, self._desk.node.code
        if alarm.only_place:
            raise NotFound(
                f"There is no place {alarm.place} in the registry, and the alarm says no other.",
                f"场所库中没有 {alarm.place}，预警未指明其他地点。",
            )
        nodes = playbooks.audience(playbook, alarm, self._neighbours)
        there = {self._there(code) for code in nodes}
        if not (of_own := exact.within(own, there)):
            raise NotFound(f"It concerns no place of {own}.", f"预警不涉及 {own} 辖区。")
        below, out = exact.named(of_own, self._below)
        mine = self._people.responsible(place, below)[0] if call.responsible and call.roles else ()
        return api.Draft(
            id=ids.make(self._desk.now_ms, self.entropy()), status=alarm.status,
            text=playbooks.words(call.text, alarm, self._name, place.name if place else ""),
            severity=call.severity or alarm.severity, answers=call.answers,
            audience=Selector(below, (*call.roles, *mine), out, desks=self._desks(playbook)),
            receive_within_s=call.receive_within_s,
            answer_within_s=call.answer_within_s, open_s=call.open_s, ladder=call.ladder,
        )  # fmt: skip

    def uncalled(self, playbook: Playbook, draft: api.Draft, place: Place | None) -> tuple[str, str]:
        """Who is responsible for the place, and not meant by the order; empty: all are, or need not be."""
        if not playbook.call.responsible or draft.audience is None:
            return "", ""
        missing = self._people.responsible(place, draft.audience.nodes)[1]
        names = ", ".join(missing)
        words = (
            f"Not called, as they are no people of these places: {names}.",
            f"不在所呼叫地点名册中，未呼叫：{names}。",
        )
        return words if missing else ("", "")

    async def call_experts(
        self, playbook: Playbook, known: Known, place: Place | None, order: Order, experts: Iterable[Expert]
    ) -> tuple[bytes, tuple[Expert, ...]]:
        """An order to those of them who are in the roster, beside `order`; and who is not. Asked again, of the same
        people, it is the same. NotFound: nobody is, or no key was granted for orders without a hand."""
        people = [(expert, self.number_of(expert)) for expert in experts]
        numbers = [number for _, number in people if number is not None]
        if not numbers:
            raise NotFound("None of them is in the roster.", "均不在名册中。")
        at = tuple(sorted({self._desk.roster.person(number).place for number in numbers}))
        call = playbook.call
        draft = api.Draft(
            id=self._ident(sha256(order.id + repr(numbers).encode()).digest()),
            status=order.status, severity=order.severity, answers=tuple(COMES),
            text=playbooks.words(playbook.experts_text, known.alarm, self._name, place.name if place else ""),
            audience=Selector(at, tuple(map(role_of_one, numbers))), receive_within_s=call.receive_within_s,
            answer_within_s=call.answer_within_s, open_s=call.open_s, ladder=call.ladder,
        )  # fmt: skip
        return await self.issue(draft, known), tuple(expert for expert, number in people if number is None)

    def number_of(self, expert: Expert) -> int | None:
        """In the roster."""
        return self._people.number(expert.id, expert.phone)

    def would(self, playbook: Playbook, known: Known, place: Place | None = None) -> asked.Applies:
        """The order that it would be now, and how many it means."""
        try:
            made = self.draft(playbook, known, place)
            assert made.audience is not None
            people = len(self._desk.roster.resolve(made.audience))
        except Problem as problem:
            return asked.Applies(
                playbook.name, playbook.then, playbook.second_look, problem_en=problem.en, problem_zh=problem.zh,
                place=place,
            )  # fmt: skip
        return asked.Applies(playbook.name, playbook.then, playbook.second_look, made, people, place=place)

    async def issue(self, draft: api.Draft, known: Known) -> bytes:
        """The order's id, when it is issued. NotFound: there is no key for that; SecondNeeded; whatever else keeps a
        commander's order from being issued. What is issued already is not issued again."""
        if draft.id in self._desk.ledger.book.orders:
            return draft.id
        own = self._key(known)
        who = Actor(own.grant.holder, frozenset({"commander"}), Path(own.grant.path), by="key")
        signed = structs.replace(draft, issuer=own.grant.holder, node=own.grant.path)
        composed = await self._desk.compose(api.Compose(signed), who)
        issued = await self._desk.issue(api.Issue(seals.seal(composed.body, own)), who)
        return issued.order.id

    def _key(self, known: Known) -> Credential:
        if not self._folder.is_dir():
            raise NotFound(
                "No key was granted for orders without a hand: the playbook only prepares.",
                "尚未授予自动下达密钥，预案仅作准备。",
            )
        return ring.own_key(self._folder, known.alarm.status, self._desk.now_ms)

    def _below(self, code: str) -> list[str]:
        return [place.code for place in self._desk.roster.divisions.children(Path(code))]

    def missing(self, held: Iterable[Playbook]) -> Iterator[Said]:
        """What playbooks name and is not here: such an order goes to everybody else."""
        for playbook in held:
            for name in sorted(set(playbook.departments) - {d.partition(".")[2] for d in self._desks(playbook)}):
                yield (
                    f"Playbook {playbook.name} calls department {name}, which has no duty desk here",
                    f"预案 {playbook.name} 呼叫部门 {name}，但本地没有其值班室",
                )

        if any(playbook.call.neighbours for playbook in held):
            self._borders.look()
            if self._borders.problem is not None:
                yield self._borders.problem

    def _neighbours(self, code: str) -> list[str]:
        """Those that this node knows."""
        return [each for each in self._borders.of(code) if Path(each) in self._desk.roster.divisions]

    def _desks(self, playbook: Playbook) -> tuple[str, ...]:
        found = []
        for desk in department_roles(playbook.departments, self._desk.node.code):
            with contextlib.suppress(NotFound):
                at_desks(self._desk.roster, (desk,))
                found.append(desk)
        return tuple(found)

    def _there(self, code: str) -> str:
        """The place, or the one right above it where a new village is not known yet; nothing wider: a code with a
        mistake in it must not call a province. NotFound."""
        path = Path(code)
        for place in (path, path.parent):
            if place is not None and place in self._desk.roster.divisions:
                return place.code
        raise NotFound(f"There is no place with the code {code}.", f"没有代码为 {code} 的地点。")

    def _name(self, code: str) -> str:
        path = Path(code)
        return self._desk.roster.divisions.name(path) if path in self._desk.roster.divisions else code
