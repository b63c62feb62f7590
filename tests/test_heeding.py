"""A key that ends while its order is out: a gateway gives the order to nobody new, and the cancel to who has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fusioncmd import ids, messages, subjects
from fusioncmd.bus.port import Stored
from fusioncmd.messages import Order, encode
from fusioncmd.trust import seals
from fusioncmd.trust.revocations import digest_of, revoke
from gateways.responder.board import Board
from gateways.responder.gate import Gate
from gateways.responder.heeding import Heeding
from tests.terminals import a_world
from tests.worlds import DUTY, NODE_KEY, NOW_MS, OFFICES, audience_of, judge, make_order, sealed

OWN = DUTY["exercise"]
CHIEF = OFFICES.grant(OFFICES.province, "chief", purposes=("issue",), statuses=("exercise",))


def ended(own: Any = OWN, since_ms: int = NOW_MS) -> Stored:
    data = revoke(own, own.chain, since_ms)
    return Stored(subjects.revocation(own.name, digest_of(data)), data, 0)


def cancel_of(order: Order, n: int = 9, own: Any = CHIEF) -> tuple[Order, bytes]:
    cancel = make_order(
        n, msg_type="cancel", refs=order.id, root=order.root or order.id, answers=(), issuer=own.grant.holder
    )
    return cancel, seals.seal(encode(cancel), own)


@dataclass
class Process:
    """What a gateway process knows of the streams."""

    board: Board = field(default_factory=Board)

    def __post_init__(self) -> None:
        self.judge = judge()
        self.gate = Gate(self.judge, self.board)
        self.heeding = Heeding(self.judge, self.board, lambda: NOW_MS / 1000)

    def issue(self, order: Order, data: bytes = b"", node: Any = NODE_KEY) -> bool:
        said = audience_of(order, [1, 2])
        self.gate.fold(Stored(subjects.audience(ids.to_text(order.id)), encode(said), 0), NOW_MS)
        return self.gate.fold(Stored("fc.call.44", data or sealed(order), 0), NOW_MS) is not None

    def due(self, *held: Order) -> list[Order]:
        return [p.order for p in self.board.due_on_connect(1, tuple(o.id for o in held), NOW_MS)[0]]


ORDER = make_order(1)


def test_an_order_falls_with_its_key_and_stays_with_who_has_it_until_a_good_key_cancels_it() -> None:
    live = Process()
    live.issue(ORDER)
    assert live.due() == [ORDER]
    live.heeding.fold(ended())
    assert live.due() == [] and live.board.open == []
    again = Process()  # started after it
    again.heeding.fold(ended())
    assert again.issue(ORDER) and again.judge.refused == 0
    cancel, data = cancel_of(ORDER)
    for process in (live, again):
        assert process.due() == [] and process.due(ORDER) == []
        assert process.issue(cancel, data)
        assert process.due() == [] and process.due(ORDER) == [cancel]


def test_what_was_accepted_before_the_end_is_delivered_after_it_by_a_gateway_that_starts_anew() -> None:
    for process in (Process(), Process()):
        process.heeding.fold(ended(since_ms=NOW_MS + 1))
        assert process.issue(ORDER) and process.due() == [ORDER]


def test_an_order_of_a_revoked_key_that_no_node_accepted_is_refused() -> None:
    process = Process()
    process.heeding.fold(ended())
    assert process.gate.fold(Stored("fc.call.44", sealed(ORDER), 0), NOW_MS) is None
    assert process.judge.refused == 1 and process.board.posted == {}
    assert [(chain.leaf.holder, times) for chain, times in process.judge.ended_in_use.values()] == [("duty", 1)]


def test_a_cancel_of_a_revoked_key_ends_nothing_for_those_who_did_not_see_it() -> None:
    live = Process()
    alert = make_order(1, issuer="chief")
    cancel, data = cancel_of(alert, own=OWN)
    live.issue(alert, seals.seal(encode(alert), CHIEF))
    live.issue(cancel, data)
    assert live.due() == []
    live.heeding.fold(ended())
    again = Process()
    again.heeding.fold(ended())
    again.issue(alert, seals.seal(encode(alert), CHIEF))
    again.issue(cancel, data)
    for process in (live, again):
        assert process.due() == [alert] and process.due(alert) == []
        assert not process.board.is_deliverable(process.board.posted[cancel.id], NOW_MS)


def test_a_cancel_of_a_fallen_update_ends_the_alert_too() -> None:
    alert = make_order(1, issuer="chief")
    update = make_order(2, msg_type="update", refs=alert.id, root=alert.id)
    cancel, data = cancel_of(update)
    process = Process()
    process.issue(alert, seals.seal(encode(alert), CHIEF))
    process.issue(update)
    process.heeding.fold(ended())
    assert process.due() == [alert]
    process.issue(cancel, data)
    assert process.due() == [] and process.due(alert, update) == [cancel]


def test_a_node_whose_key_is_revoked_vouches_for_nothing_any_more() -> None:
    live = Process()
    live.issue(ORDER)
    live.heeding.fold(ended(NODE_KEY, NOW_MS + 1))
    assert live.due() == [ORDER]  # this process saw itself that it was accepted before
    live.heeding.fold(ended(NODE_KEY, NOW_MS))
    assert live.due() == []
    again = Process()
    again.heeding.fold(ended(NODE_KEY, NOW_MS + 1))
    assert not again.issue(ORDER) and again.judge.refused == 1


def test_what_is_no_revocation_changes_nothing_and_kinds_of_others_pass_by() -> None:
    process = Process()
    process.issue(ORDER)
    for subject in (ended().subject, "fc.trust.heartbeat.00", "fc.trust.unheard_of.44"):
        process.heeding.fold(Stored(subject, b"noise", 0))
    assert process.due() == [ORDER] and process.heeding.notices.filters == ("fc.trust.revocation.>",)


async def test_terminals_see_no_more_of_it_and_the_one_that_has_it_sees_the_cancel() -> None:
    async with a_world() as world:
        heeding = Heeding(world.gateway.judge, world.gateway.board, lambda: world.now_s)
        await heeding.read(world.bus)
        order = await world.issue(make_order(1), 1, 2)
        first = await world.enter(1)
        assert (await first.hear())[1] == sealed(order)
        stored = ended()
        await world.bus.store(stored.subject, stored.data)
        second = await world.enter(2)
        cancel, data = cancel_of(order)
        await world.bus.store(subjects.audience(ids.to_text(cancel.id)), messages.encode(audience_of(cancel)))
        await world.bus.store("fc.call.44", data)
        assert (await first.hear())[1] == data
        assert await second.hears_nothing_more()
