"""What comes over the bus is shown only when it proves that it may be: each forgery beside the order it imitates."""

from __future__ import annotations

from typing import Any

import pytest
from pyroaring import BitMap
from structlog.testing import capture_logs

from fusioncmd import ids, limits, subjects
from fusioncmd.bus.port import Stored
from fusioncmd.messages import Audience, Order, Selector, encode
from fusioncmd.trust import seals, witnesses
from gateways.responder.board import Board
from gateways.responder.gate import AUDIENCES_WAITING_MAX, Gate
from loadtest.forgeries import resealed
from tests.worlds import DEPUTY, DUTY, NODE_KEY, NOW_MS, OFFICES, audience_of, judge, make_id, make_order, sealed

CITY = OFFICES.people["exercise", "Chen Wei"]


class World:
    def __init__(self) -> None:
        self.judge, self.board = judge(), Board()
        self.gate = Gate(self.judge, self.board)
        self.logs: list[Any] = []

    def put(self, data: bytes, audience: Audience | None = None, subject: str = "fc.call.44") -> list[int]:
        """Who would be shown what comes; nobody when it is refused."""
        if audience is not None:
            self.gate.fold(Stored(subjects.audience(ids.to_text(audience.order)), encode(audience), 0), NOW_MS)
        with capture_logs() as logs:
            posted = self.gate.fold(Stored(subject, data, 0), NOW_MS)
        self.logs += logs
        return [] if posted is None else list(posted.audience)


def refused(world: World, reason: str) -> bool:
    return [(log["event"], log["reason"]) for log in world.logs] == [("gateway.order_refused", reason)]


def test_an_order_that_was_signed_and_witnessed_is_for_those_who_were_meant() -> None:
    world, order = World(), make_order(1)
    assert world.put(sealed(order), audience_of(order, [1, 2])) == [1, 2]
    assert world.put(sealed(order)) == [] and world.judge.refused == 0  # once more: no news


UNSIGNED = encode(make_order(1))
SHORT = make_order(1, audience=Selector(("4401",)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (UNSIGNED, "bytes"), (b"noise", "bytes"), (b"", "bytes"), (bytes(30_000), "size"),
        (resealed(UNSIGNED, DUTY["actual"]), "mode"),
        (resealed(encode(make_order(1, issuer="chief")), DUTY["exercise"]), "issuer"),
        (resealed(UNSIGNED, NODE_KEY), "issuer"),
        (resealed(encode(make_order(1, issuer="Chen Wei")), CITY), "scope"),
        (sealed(make_order(1)).replace(b"Report for duty.", b"Report at home."), "bytes"),
        (sealed(make_order(1)).replace(b"Report for duty.", b"Report for dutY."), "signature"),
        (sealed(make_order(1)).replace(make_id(1), make_id(2)), "signature"),
        (sealed(SHORT), "subject"),
    ],
)  # fmt: skip
def test_what_is_forged_is_shown_to_nobody_counted_once_and_stops_nothing(data: bytes, reason: str) -> None:
    world = World()
    for _ in range(3):
        assert world.put(data, audience_of(make_order(1), [1])) == []
    assert world.judge.refused == 1 and refused(world, reason)
    assert world.board.posted == {}
    order = make_order(5)
    assert world.put(sealed(order), audience_of(order, [1, 2])) == [1, 2]


def accepted(order: Order, numbers: bytes, own: Any = NODE_KEY, of: Order | None = None) -> Audience:
    return Audience(order.id, numbers, witnesses.accept(encode(of or order), numbers, own, NOW_MS))


ORDER = make_order(1)
FEW, ALL = BitMap([1]).serialize(), BitMap(range(100)).serialize()
TRUE = accepted(ORDER, FEW)


@pytest.mark.parametrize(
    "audience",
    [
        None, Audience(ORDER.id, ALL, b""), Audience(ORDER.id, ALL, TRUE.statement),
        accepted(ORDER, ALL, DUTY["actual"]), accepted(ORDER, ALL, of=make_order(1, text="Stay.")),
        accepted(ORDER, b""),        accepted(ORDER, ALL, OFFICES.node), Audience(make_id(2), FEW, TRUE.statement),
    ],
    ids=["none", "unsigned", "widened", "by a commander", "of other bytes", "of nobody", "of a city", "other id"],
)  # fmt: skip
def test_an_audience_that_no_node_stated_for_the_order_means_nobody_and_the_true_one_still_counts(
    audience: Audience | None,
) -> None:
    world = World()
    assert world.put(sealed(ORDER), audience) == []
    assert refused(world, "unwitnessed")
    for bogus in range(3):
        assert world.put(b"", Audience(ORDER.id, bytes([bogus]), b"")) == []
    assert world.put(sealed(ORDER), TRUE) == [1]


def test_an_order_that_expired_is_read_again_as_of_when_the_node_took_it() -> None:
    order = make_order(1, id=make_id(1, NOW_MS - 800_000_000), issued_ms=NOW_MS - 800_000_000)
    world = World()
    assert world.put(sealed(order), audience_of(order, [1])) == [1]
    assert not world.board.open
    late = make_order(2, id=make_id(2, order.issued_ms), issued_ms=order.issued_ms)
    assert world.put(sealed(late)) == [] and refused(world, "expired")  # nobody took it then


def test_a_key_of_a_city_cannot_reach_the_province_by_updating_its_alert() -> None:
    world = World()
    assert world.put(sealed(ORDER), TRUE) == [1]
    changes = {"issuer": "Chen Wei", "node": "4401", "audience": Selector(("4401",))}
    update = make_order(2, msg_type="update", refs=ORDER.id, **changes)
    assert world.put(seals.seal(encode(update), CITY), audience_of(update), "fc.call.44.01") == []
    assert refused(world, "scope") and world.board.open[0].order == ORDER


def test_audiences_whose_order_never_comes_are_shed_the_oldest_first() -> None:
    world = World()
    for n in range(AUDIENCES_WAITING_MAX + 2):
        empty = Audience(make_id(n), b"x", b"")
        world.gate.fold(Stored(subjects.audience(ids.to_text(empty.order)), encode(empty), 0), NOW_MS)
    assert len(world.gate._said) == AUDIENCES_WAITING_MAX and make_id(0) not in world.gate._said


def by(order: Order, *approvers: Any) -> bytes:
    data = seals.seal(encode(order), DUTY[order.status])
    for approver in approvers:
        data = seals.approve(data, approver)
    return data


def test_an_actual_order_to_the_province_is_shown_only_when_two_signed_it_whatever_the_node_says() -> None:
    world, order = World(), make_order(1, status="actual")
    assert world.put(by(order), audience_of(order, [1, 2])) == []
    assert refused(world, "second_person") and world.board.posted == {}
    assert world.put(by(order, DEPUTY["actual"])) == [1, 2]
    own = make_order(2, status="actual", msg_type="update", refs=order.id, text="There is no danger.")
    assert world.put(by(own), audience_of(own)) == [1, 2]  # by who signed it: one touch
    graver = make_order(3, status="actual", msg_type="update", refs=own.id, severity="extreme")
    assert world.put(by(graver), audience_of(graver)) == [] and world.judge.refused == 2
    cancel = make_order(4, status="actual", msg_type="cancel", refs=own.id, answers=())
    assert world.put(by(cancel), audience_of(cancel)) == [1, 2]


def test_up_to_where_an_operator_may_set_the_bound_a_gateway_leaves_it_to_the_node() -> None:
    for more, shown in ((0, True), (1, False)):
        world, order = World(), make_order(1, status="actual", audience=Selector(("4401",)))
        meant = range(limits.SECOND_PERSON_PEOPLE_MAX + more)
        assert bool(world.put(by(order), audience_of(order, meant), "fc.call.44.01")) == shown
