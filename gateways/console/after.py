"""An order after the fact: how fast, where slowest, who never answered, and what was decided. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from fusioncmd import api

SLOWEST_SHOWN = 20


class After(Struct, frozen=True):
    """`course` has the percentiles; `slowest` are the places right below with the most people who have not answered,
    `silent` the first of those people, `timeline` the order and what went before and after."""

    tally: api.TallyReply
    course: api.CourseReply
    slowest: tuple[api.Row, ...]
    silent: api.People
    reports: api.ReportsReply
    timeline: tuple[api.OrderLine, ...]


def after_action(
    tally: api.TallyReply, known: Sequence[api.OrderLine], silent: api.People, reports: api.ReportsReply,
    course: api.CourseReply,
) -> After:  # fmt: skip
    """`known` are orders among which those of the same chain are looked for."""
    order = tally.line.order
    root = order.root or order.id
    chain = {line.order.id: line for line in (*known, tally.line) if root in (line.order.id, line.order.root)}
    timeline = tuple(sorted(chain.values(), key=lambda line: (line.order.issued_ms, line.order.id)))
    slow = sorted(tally.below, key=lambda row: (-(row.silent + row.unreachable), row.code))
    behind = tuple(row for row in slow if row.silent + row.unreachable)[:SLOWEST_SHOWN]
    return After(tally, course, behind, silent, reports, timeline)
