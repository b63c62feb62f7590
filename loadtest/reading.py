"""What the node tells a commander who asks about an order: the same questions as the CLI's, for the checker."""

from __future__ import annotations

from fusioncmd import api, ids, limits, subjects
from fusioncmd.errors import NotFound
from fusioncmd.messages import Audience, Order, decode, encode
from fusioncmd.tally import bitmap_from
from fusioncmd.trust.refusals import refusal
from loadtest.checker import Counted, Figures
from loadtest.harness import OfficeCommander

ASK_S_MAX = 60.0


async def read_order(commander: OfficeCommander, order: Order) -> Counted:
    """Everything that can be asked about `order`, by name and by figure."""
    tally = await commander.ask(api.Tally(order.id), timeout_s=ASK_S_MAX)
    by_answer = [await _numbers(commander, order.id, "answered", k) for k in range(len(order.answers))]
    return Counted(
        order=encode(tally.line.order),
        targeted=await _targeted(commander, order),
        received=await _numbers(commander, order.id, "received"),
        by_answer=by_answer,
        total=_figures(tally.total),
        below=[_figures(row) for row in tally.below],
        reports=await _reports(commander, order.id),
    )


async def _targeted(commander: OfficeCommander, order: Order) -> list[int]:
    """Who is meant: of an alert, what is on disk, which is what gateways go by."""
    stored = await commander.bus.last(subjects.audience(ids.to_text(order.id)))
    if stored is None:
        raise NotFound("No audience of the order is on disk.", "指令的对象不在磁盘上。")
    audience = decode(Audience, stored.data)
    if commander.judge.accepted_ms(encode(order), audience) is None:
        raise refusal("unwitnessed")
    if order.msg_type != "alert":  # it means whom the alert meant
        return await _numbers(commander, order.id, "targeted")
    return list(bitmap_from(audience.numbers))


async def _numbers(
    commander: OfficeCommander, order: bytes, standing: api.Standing, answer: int | None = None
) -> list[int]:
    numbers: list[int] = []
    after: int | None = -1
    while after is not None:
        asked = api.Who(order, standing, answer=answer, after=after, limit=limits.WHO_PAGE_MAX)
        page = await commander.ask(asked, timeout_s=ASK_S_MAX)
        numbers += [person.number for person in page.people]
        after = page.after
    return numbers


async def _reports(commander: OfficeCommander, order: bytes) -> list[tuple[bytes, int]]:
    found: list[tuple[bytes, int]] = []
    after: bytes | None = None
    while True:
        page = await commander.ask(api.Reports(order, limit=limits.REPORTS_PAGE_MAX, after=after), timeout_s=ASK_S_MAX)
        found += [(line.report.id, line.report.number) for line in page.lines]
        if len(page.lines) < limits.REPORTS_PAGE_MAX:
            return found
        after = page.lines[-1].report.id


def _figures(row: api.Row) -> Figures:
    return Figures(row.targeted, row.received, row.by_answer, row.silent, row.unreachable)
