"""How an order went, to whoever asks: from the course that the ledger keeps, for the places that the asker may see. And
what there is to ask for: the roles of the people there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyroaring import BitMap

from fusioncmd import api
from fusioncmd.access import Actor, touches
from fusioncmd.api.roles import ROLES_SHOWN_MAX
from fusioncmd.codes import Path
from fusioncmd.course import BRANCHES_MAX, Course, Gauge, middle, quantiles
from fusioncmd.messages import Order
from fusioncmd.roster.directory import Roster
from tiers.desk import Desk
from tiers.serving import Answer


def gauge_of(roster: Roster, node: Path) -> Gauge:
    """The node's own place and those right below it."""
    places = (node, *roster.divisions.children(node)[:BRANCHES_MAX])

    def count(numbers: BitMap) -> tuple[int, ...]:
        return tuple(roster.count(numbers, place) for place in places)

    return Gauge(tuple(place.code for place in places), count)


class CourseDesk:
    """From now on the ledger of `desk` keeps courses by place."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._ledger, self._roster = desk, desk.ledger, desk.roster
        self._ledger.gauge = gauge_of(desk.roster, desk.node)

    def answers(self) -> dict[type[Any], Answer]:
        return {api.Course: self.course, api.Roles: self.roles}

    async def roles(self, request: api.Roles, who: Actor) -> api.RolesReply:
        place, wanted = self._desk.place(request.node, who), request.query.strip().lower()
        here = self._roster.members(place)
        counts = (
            (name, len(here & numbers)) for name, numbers in self._roster.by_role.items() if wanted in name.lower()
        )
        found = sorted(((name, people) for name, people in counts if people), key=lambda one: (-one[1], one[0]))
        lines = tuple(api.RoleLine(*one) for one in found[:ROLES_SHOWN_MAX])
        return api.RolesReply(lines, len(found))

    async def course(self, request: api.Course, who: Actor) -> api.CourseReply:
        order, place = self._desk.order(request.order, who), self._desk.place(request.node, who)
        course, targeted = self._until_now(order), self._ledger.targeted(order)
        points = course.points(place.code)
        rows = (self._row(child, course, targeted) for child in self._roster.divisions.children(place))
        below = sorted((row for row in rows if row.targeted and row.code in course.places), key=_slowness)
        past = self._past(order, place, who, request.past)
        return api.CourseReply(
            self._roster.count(targeted, place), points,
            (self._row(place, course, targeted), *below) if points else (),
            tuple(line for line, _ in past),
            middle((line.points, line.targeted, ran_ms) for line, ran_ms in past),
        )  # fmt: skip

    def _until_now(self, order: Order) -> Course:
        kept = self._ledger.accounts[order.id].course
        return kept.until(self._ledger.gauge.places, self._ledger.course_counts(order))

    def _row(self, place: Path, course: Course, targeted: BitMap) -> api.CourseRow:
        points, meant = course.points(place.code), self._roster.count(targeted, place)
        answered = points[-1].answered if points else 0
        return api.CourseRow(
            place.code, self._roster.divisions.name(place), meant, answered, quantiles(points, meant)
        )  # fmt: skip

    def _past(self, order: Order, place: Path, who: Actor, most: int) -> list[tuple[api.PastCourse, int]]:
        """The newest of like kind that went before, each with how long it ran (ms)."""
        found: list[tuple[api.PastCourse, int]] = []
        for before in self._like(order, who) if most else ():
            points = self._until_now(before).points(place.code)
            if points:
                successor = self._ledger.book.successor(before.id)
                until_ms = self._desk.now_ms if successor is None else successor.issued_ms
                meant = self._roster.count(self._ledger.targeted(before), place)
                line = api.PastCourse(before.id, before.issued_ms, meant, points)
                found.append((line, until_ms - before.issued_ms))
                if len(found) == most:
                    break
        return found

    def _like(self, order: Order, who: Actor) -> Iterator[Order]:
        """The newest first: of the same mode, alerts with answers that concern the asker."""
        for other in sorted(self._ledger.book.orders.values(), key=lambda o: o.id, reverse=True):
            same = other.status == order.status and other.msg_type == "alert" and bool(other.answers)
            if same and other.id < order.id and other.id != order.root and touches(who, other.audience):
                yield other


def _slowness(row: api.CourseRow) -> tuple[float, int, str]:
    """The places first where least of those who are meant answered, then where nine in ten took longest."""
    nine = next((q.answered_ms for q in row.quantiles if q.percent == 90), None)
    return round(row.answered / row.targeted, 2), -(nine or 0), row.code
