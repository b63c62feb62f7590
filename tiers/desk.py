"""The node's desk: every question of the `api` vocabulary, answered from the roster, the ledger and the presence.

Reading is pure and done at once. Issuing is the one thing that waits: an order is on disk before anyone is told.
Whoever asks sees the part of the tree that is theirs: nobody beyond it is named or counted, and an order that means
nobody in it is none to them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

from pyroaring import BitMap

from fusioncmd import api, limits
from fusioncmd.access import Actor, check_places, touches
from fusioncmd.api.cut import cut_at
from fusioncmd.audit.entries import Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path, Tier
from fusioncmd.errors import BadInput, Forbidden, NotFound
from fusioncmd.ladder.behalf import Behalf
from fusioncmd.messages import Order, encode
from fusioncmd.orders import unknown
from fusioncmd.reachable import Reachable
from fusioncmd.roster.directory import Roster
from fusioncmd.tally import View
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.seals import needs_second
from tiers.issuing import Issuing
from tiers.ledger import NUMBERS_MAX, Ledger
from tiers.pictures import picture_of
from tiers.previewing import preview_of
from tiers.problems import Said
from tiers.proposals import Proposals

TOWN_DIGITS = 9


class Desk:
    """`own` is the node's key, which states what it accepted; `judge` knows the time and the roots; `recorder` is the
    audit."""

    def __init__(
        self, bus: Bus, node: Path, roster: Roster, ledger: Ledger, reachable: Reachable, judge: Judge, own: Credential,
        recorder: Recorder, second_above: int = limits.SECOND_PERSON_PEOPLE,
    ) -> None:  # fmt: skip
        self._bus, self.node, self.roster, self.ledger, self._reachable = bus, node, roster, ledger, reachable
        self._judge = judge
        self._issuing = Issuing(bus, node, roster, ledger, judge, own, recorder, second_above)
        self.proposals = Proposals(bus, self._issuing, judge, recorder, lambda: self.reachable)
        self.problems: Callable[[], tuple[Said, ...]] = tuple
        self.cuts: Callable[[], tuple[api.CutLine, ...]] = tuple
        # What ladders know, once there are any (ladder_desk.py).
        self.behalf = Behalf()
        self.steps: Callable[[Order, Path], tuple[api.StepLine, ...]] = lambda _, __: ()
        self.escalated: Callable[[Order], BitMap] = lambda _: BitMap()
        self.with_address: Callable[[], BitMap] = lambda: roster.with_phone

    def sign_with(self, own_key: Callable[[], Credential]) -> None:
        """From now on what the node accepts is stated under the key that `own_key` gives."""
        self._issuing.own_key = own_key

    def tell(self, told: Callable[[Order], None]) -> None:
        """From now on `told` hears of each order that is issued here."""
        self._issuing.told = told

    def room_by(self, check: Callable[[], None]) -> None:
        """From now on orders are refused where `check` raises."""
        self._issuing.check_room = check

    @property
    def now_ms(self) -> int:
        return self._judge.now_ms

    def taken_by(self, order: Order) -> str:
        """The place of the node that stated whom it means; this one's, where that cannot be read any more."""
        return self._judge.stated_by(self.ledger.accounts[order.id].statement) or self.node.code

    @property
    def reachable(self) -> BitMap:
        return self._reachable.numbers(self.now_ms / 1000)

    async def compose(self, request: api.Compose, who: Actor) -> api.Composed:
        if request.draft.refs is not None:
            self.order(request.draft.refs, who)
        order = self._issuing.compose(request.draft, self.place("", who))
        check_places(who, (order.node, *order.audience.nodes))
        return api.Composed(encode(order))

    async def issue(self, request: api.Issue, who: Actor) -> api.Issued:
        order = await self.proposals.issue(request, who)
        targeted = self._at(self.place("", who), self.ledger.targeted(order))
        return api.Issued(order, len(targeted), len(targeted & self.reachable))

    async def preview(self, request: api.Preview, who: Actor) -> api.PreviewReply:
        self._issuing.check_within(*request.audience.nodes)
        check_places(who, request.audience.nodes)
        meant = self.roster.resolve(request.audience)
        needed = needs_second(request.status, request.audience.nodes, len(meant), self._issuing.second_above)
        addressed = self.with_address()
        return preview_of(request, meant, self.reachable, addressed, needed, self.roster, self.ledger, self.now_ms)

    async def tally(self, request: api.Tally, who: Actor) -> api.TallyReply:
        order, own = self.order(request.order, who), self.place("", who)
        path = self.place(request.node, who)
        view = self._view(order)
        below = tuple(self._row(child, view, order) for child in self.roster.divisions.children(path))
        problems = self.problems()
        return api.TallyReply(
            self._line(order, own), self.now_ms, self._row(path, view, order), below,
            self.roster.count(view.strangers, own), tuple(en for en, _ in problems), self.steps(order, path),
            cut_at(self.cuts(), path), tuple(zh for _, zh in problems),
        )  # fmt: skip

    async def orders(self, request: api.Orders, who: Actor) -> api.OrdersReply:
        newest = sorted(self.ledger.book.orders.values(), key=lambda o: o.id, reverse=True)
        own = self.place("", who)
        lines = (self._line(order, own) for order in newest if touches(who, order.audience))
        wanted = (line for line in lines if line.state == "open" or not request.open_only)
        return api.OrdersReply(tuple(islice(wanted, request.limit)))

    async def who(self, request: api.Who, who: Actor) -> api.People:
        order = self.order(request.order, who)
        if request.answer is not None and request.answer >= len(order.answers):
            raise BadInput("That answer was not offered.", "该答复项未提供。")
        if not 0 <= request.after + 1 < NUMBERS_MAX:
            raise BadInput(f"No page starts after {request.after}.", f"没有从 {request.after} 之后开始的页。")
        view = self._view(order)
        found = self._at(self.place(request.node, who), self._standing(view, order, request))
        page = list(islice(found.iter_equal_or_larger(request.after + 1), request.limit))
        more = bool(page) and page[-1] != found.max()
        return api.People(tuple(self._person(n, view, order) for n in page), len(found), page[-1] if more else None)

    async def reports(self, request: api.Reports, who: Actor) -> api.ReportsReply:
        order = self.order(request.order, who)
        view, reports = self._view(order), self.ledger.accounts[order.id].reports.values()
        known = BitMap([r.number for r in reports]) & (self.roster.everyone | view.targeted)
        here = self._at(self.place(request.node, who), known)
        found = sorted((r for r in reports if r.number in here), key=lambda r: (r.at_ms, r.id))  # our clock, not theirs
        start = next((i for i, r in enumerate(found, start=1) if r.id == request.after), 0)
        page = found[start : start + request.limit]
        lines = tuple(api.ReportLine(r, self._person(r.number, view, order)) for r in page)
        return api.ReportsReply(lines, len(found))

    async def picture(self, request: api.Picture, who: Actor) -> api.PictureReply:
        order = self.order(request.order, who)
        report = self.ledger.accounts[order.id].reports.get(request.report)
        if report is None or report.number not in self._at(self.place("", who), BitMap([report.number])):
            raise NotFound("There is no such report.", "没有该报告。")
        town = Path(self.roster.person(report.number, reachable=False).place[:TOWN_DIGITS])
        return api.PictureReply(await picture_of(self._bus, report, town))

    async def find(self, request: api.Find, who: Actor) -> api.People:
        found: list[int] = []
        for numbers in self.roster.search(request.query, self.place(request.node, who), request.role):
            found += numbers
            await asyncio.sleep(0)  # a search of the whole province lets everything else go on
        reachable = self.reachable
        shown = found[: request.limit]
        return api.People(tuple(self.roster.person(n, n in reachable) for n in shown), len(found), None)

    def figures(self, who: Actor | None) -> tuple[int | None, int | None, int | None, int | None]:
        """People, towns, orders and who is reachable, of the asker's place; None to nobody."""
        if who is None:
            return None, None, None, None
        own = self.place("", who)
        towns = sum(town.code.startswith(own.code[:9]) for town in self.roster.divisions.towns)
        orders = sum(touches(who, order.audience) for order in self.ledger.book.orders.values())
        return self.roster.count(self.roster.everyone, own), towns, orders, self.roster.count(self.reachable, own)

    def _standing(self, view: View, order: Order, request: api.Who) -> BitMap:
        if request.standing == "on_behalf":
            return self.behalf.numbers(order.id) & view.waiting
        if request.standing == "escalated":
            return self.escalated(order)
        return view.standing(request.standing, request.answer)

    def order(self, ident: bytes, who: Actor) -> Order:
        order = self.ledger.book.get(ident)
        if not touches(who, order.audience):
            raise unknown(ident)
        return order

    def _view(self, order: Order) -> View:
        return self.ledger.view(order, self.reachable)

    def place(self, code: str, who: Actor) -> Path:
        """The place that is asked about; without a code, as much of the node's tree as is the asker's."""
        if not (who.path.covers(self.node) or self.node.covers(who.path)):
            raise Forbidden(f"{who.path} is no place of this node.", f"{who.path} 不属于本节点。")
        path = Path(code) if code else max(self.node, who.path, key=lambda place: len(place.code))
        if path not in self.roster.divisions:
            raise NotFound(f"There is no place with the code {code}.", f"没有代码为 {code} 的地点。")
        check_places(who, (path.code,))
        return path

    def _at(self, path: Path, numbers: BitMap) -> BitMap:
        """Those of `numbers` at `path` and below, the same whom a row counts: also who has left the roster since."""
        if path.tier is Tier.VILLAGE:
            return self.roster.members(path) & numbers
        here = BitMap()
        for start, end in self.roster.ranges(path):
            here.add_range(start, end)
        return here & numbers

    def _line(self, order: Order, own: Path) -> api.OrderLine:
        place = self.node if own.covers(self.node) else own
        if place == self.roster.divisions.root:
            targeted, answered = self.ledger.counts(order)
        else:
            view = self._view(order)
            targeted, answered = self.roster.count(view.targeted, place), self.roster.count(view.answered, place)
        successor = self.ledger.book.successor(order.id)
        state = self.ledger.book.state(order, self.now_ms)
        ended_by = None if successor is None else successor.id
        return api.OrderLine(order, state, ended_by, targeted, answered)

    def _row(self, path: Path, view: View, order: Order) -> api.Row:
        def count(numbers: BitMap) -> int:
            return self.roster.count(numbers, path)

        return api.Row(
            code=path.code,
            name=self.roster.divisions.name(path),
            targeted=count(view.targeted),
            sent=count(view.sent),
            received=count(view.received),
            answered=count(view.answered),
            by_answer=tuple(count(given) for given in view.by_answer[: len(order.answers)]),
            reported=count(view.reported),
            silent=count(view.silent),
            unreachable=count(view.unreachable),
            on_behalf=count(self.behalf.numbers(order.id) & view.waiting),
            escalated=count(self.escalated(order)),
        )

    def _person(self, number: int, view: View, order: Order) -> api.Person:
        person = self.roster.person(number, reachable=number in self.reachable)
        answer = view.answer_of(number)
        said = "" if answer is None or answer >= len(order.answers) else order.answers[answer]
        given, behalf = self.behalf.of(order.id, number), ""
        if answer is None and given is not None and given.answer < len(order.answers):
            behalf = f"{order.answers[given.answer]} ({given.by})"
        return api.Person(
            person.number, person.id, person.name, person.phone, person.place, person.place_name, person.roles,
            person.reachable, view.stage_of(number), said, behalf,
        )  # fmt: skip
