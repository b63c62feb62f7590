"""Orders that name a duty desk: handed to its department, and what it answers counted as anybody's receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from pyroaring import BitMap

from fusioncmd import ids, subjects
from fusioncmd.alarm import cap_out, cap_write
from fusioncmd.alarm.cap import Reference
from fusioncmd.bus.port import Bus
from fusioncmd.departments import wire
from fusioncmd.departments.department import Department
from fusioncmd.errors import BadInput, NotFound, Unavailable
from fusioncmd.messages import ANSWERED, RECEIVED, Mark, Order, Receipts, encode
from tiers.department_lane import Errand
from tiers.desk import Desk
from tiers.duty_desks import DutyDesks

GATEWAY = "department"  # by which name receipts of duty desks stand in the stream
ANSWERS_PER_S, ANSWERS_AT_ONCE = 5.0, 50.0  # of one department; beyond: reject, and it says it again
ORDERS_AT_ONCE = 256  # looked at before others have a turn


class DepartmentOrders:
    """`monotonic` gives seconds."""

    def __init__(self, bus: Bus, desk: Desk, desks: DutyDesks, monotonic: Callable[[], float]) -> None:
        self._bus, self._desk, self._desks, self._monotonic = bus, desk, desks, monotonic
        self._looked_at: dict[str, int] = {}  # by department: so many of the orders, in the order in which they came
        self._paces: dict[str, tuple[float, float]] = {}  # what it may still say now, and when that was counted

    async def new(self, department: Department) -> list[bytes]:
        """Orders that it is to be told, and was not looked at before. What ends while it waits is not told."""
        number = self._desks.number(department)
        if number is None:
            return []
        orders = self._desk.ledger.book.orders
        begin, found = self._looked_at.get(department.name, 0), list[bytes]()
        for at, order in enumerate(list(orders.values())[begin:]):
            if self._is_due(order, number):
                found.append(order.id)
            if at % ORDERS_AT_ONCE == ORDERS_AT_ONCE - 1:
                await asyncio.sleep(0)
        self._looked_at[department.name] = max(begin, len(orders))
        return found

    def errand(self, ident: bytes, department: Department) -> Errand | None:
        """None: it has it, or it has ended."""
        order, number = self._desk.ledger.book.orders.get(ident), self._desks.number(department)
        if order is None or number is None or not self._is_due(order, number):
            return None
        sealed, node = self._desk.ledger.accounts[ident].sealed, self._desk.node.code
        alert = cap_out.of_order(order, sealed, tuple(self._before(order)), node, department.name)

        async def taken() -> None:
            await self._mark(order, number, RECEIVED, None)

        return Errand(cap_write.written(alert), taken)

    async def answer(self, department: Department, data: bytes) -> None:
        """BadMessage, BadInput, NotFound, Unavailable, with why it does not count."""
        self._pace(department.name)
        said = wire.answer(data)
        order, number = self._desk.ledger.book.orders.get(ids.from_text(said.order)), self._desks.number(department)
        if order is None or number is None or number not in self._desk.ledger.targeted(order):
            raise NotFound(
                f"There is no order {said.order} for the duty desk of {department.name}.",
                f"没有下达给 {department.name} 值班室的指令 {said.order}。",
            )
        if self._desk.ledger.book.state(order, self._desk.now_ms) != "open" or order.msg_type == "cancel":
            raise NotFound(f"The order {said.order} has ended.", f"指令 {said.order} 已结束。")
        if said.answer is None:
            await self._mark(order, number, RECEIVED, None)
            return
        await self._mark(order, number, ANSWERED, _index(order, said.answer))

    def _is_due(self, order: Order, number: int) -> bool:
        ledger = self._desk.ledger
        return (
            ledger.book.state(order, self._desk.now_ms) == "open"
            and number in ledger.targeted(order)
            and number not in ledger.view(order, BitMap()).received
        )

    def _before(self, order: Order) -> Iterator[Reference]:
        for each in self._desk.ledger.book.chain(order)[:0:-1]:
            yield cap_out.reference(ids.to_text(each.id), self._desk.node.code, each.issued_ms)

    async def _mark(self, order: Order, number: int, stage: int, answer: int | None) -> None:
        mark = Mark(order.id, stage, answer, BitMap([number]).serialize())
        await self._bus.store(subjects.receipt(GATEWAY), encode(Receipts(GATEWAY, (mark,))))

    def _pace(self, name: str) -> None:
        now_s = self._monotonic()
        left, at_s = self._paces.get(name, (ANSWERS_AT_ONCE, now_s))
        left = min(ANSWERS_AT_ONCE, left + (now_s - at_s) * ANSWERS_PER_S)
        self._paces[name] = max(0.0, left - 1), now_s
        if left < 1:
            raise Unavailable(
                f"{name} answers more than {ANSWERS_PER_S:g} times a second.",
                f"{name} 每秒答复超过 {ANSWERS_PER_S:g} 次。",
            )


def _index(order: Order, answer: int | str) -> int:
    found = answer if isinstance(answer, int) else order.answers.index(answer) if answer in order.answers else -1
    if not 0 <= found < len(order.answers):
        offered = ", ".join(order.answers) or "-"
        raise BadInput(f"{answer!r} is none of its answers: {offered}.", f"“{answer}”不在可选答复中：{offered}。")
    return found
