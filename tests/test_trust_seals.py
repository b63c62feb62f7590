"""A signed order is believed when every rule holds, and for each rule there is an order that breaks it alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import ids, limits, orders
from fusioncmd.messages import Order, Selector, encode
from fusioncmd.trust import form, seals
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocations
from fusioncmd.trust.seals import Verified
from loadtest.forgeries import pack, resealed, unpack
from loadtest.offices import BOTH, DAY_MS, NOW_MS, Offices
from tests.worlds import make_order

OFFICES = Offices(3)
CHEN, LI = OFFICES.people["actual", "Chen Wei"], OFFICES.people["actual", "Li Na"]
NONE = Revocations(OFFICES.anchors)


def verify(data: bytes, now_ms: int = NOW_MS, accepted_ms: int | None = None) -> Verified:
    return seals.verify(data, OFFICES.anchors, NONE, now_ms, accepted_ms)


def reason_of(data: bytes, now_ms: int = NOW_MS, accepted_ms: int | None = None) -> str:
    with pytest.raises(Untrusted) as caught:
        verify(data, now_ms, accepted_ms)
    return caught.value.reason


def order_at(issued_ms: int, **changes: Any) -> Order:
    return OFFICES.order(CHEN, issued_ms=issued_ms, id=ids.make(issued_ms, bytes(10)), **changes)


def signed(order: Order, own: Credential = CHEN) -> bytes:
    return resealed(encode(order), own)


def test_an_order_is_believed_byte_for_byte() -> None:
    order = OFFICES.order(CHEN)
    verified = verify(seals.seal(encode(order), CHEN))
    assert verified.order == order and verified.body == encode(order)
    assert verified.signer.leaf.holder == order.issuer and verified.approvals == ()


def test_an_order_carries_up_to_three_approvals() -> None:
    data = seals.seal(encode(OFFICES.order(CHEN)), CHEN)
    others = [OFFICES.grant(OFFICES.city, f"Officer {n}", statuses=("actual",)) for n in range(4)]
    for other in others[:3]:
        data = seals.approve(data, other)
    assert [a.leaf.holder for a in verify(data).approvals] == ["Officer 0", "Officer 1", "Officer 2"]
    with pytest.raises(Untrusted) as caught:
        seals.approve(data, others[3])
    assert caught.value.reason == "size"


def test_exercise_and_actual_have_different_keys() -> None:
    drill = OFFICES.people["exercise", "Chen Wei"]
    assert verify(signed(OFFICES.order(drill), drill)).order.status == "exercise"
    assert reason_of(signed(OFFICES.order(drill, status="actual"), drill)) == "mode"
    assert reason_of(signed(OFFICES.order(CHEN, status="exercise"))) == "mode"
    assert reason_of(signed(OFFICES.order(OFFICES.city), OFFICES.city)) == "mode"


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": Selector(("44",))}, {"audience": Selector(("4401", "4406"))}, {"audience": Selector(("4406",))},
        {"node": "44"}, {"node": "440601"}, {"audience": Selector(("31",)), "node": "31"},
    ],
    ids=str,
)  # fmt: skip
def test_an_order_stays_within_the_place_of_its_key(changes: dict[str, Any]) -> None:
    assert reason_of(signed(OFFICES.order(CHEN, **changes))) == "scope"


def test_an_order_may_leave_out_places_beyond_its_own() -> None:
    audience = Selector(("440106", "4401"), ("flood",), ("44010600", "4401")[1:])
    assert verify(signed(OFFICES.order(CHEN, node="440106", audience=audience)))


@pytest.mark.parametrize("name", ["Li Na", "chen wei", "Chen Wei "])
def test_an_order_names_the_holder_of_its_key(name: str) -> None:
    assert reason_of(signed(OFFICES.order(CHEN, issuer=name))) == "issuer"


def test_a_key_to_approve_does_not_issue_and_the_other_way_round() -> None:
    approver = OFFICES.grant(OFFICES.city, "Wang Fang", purposes=("approve",), statuses=("actual",))
    issuer = OFFICES.grant(OFFICES.city, "Zhao Min", purposes=("issue",), statuses=("actual",))
    assert reason_of(signed(OFFICES.order(approver), approver)) == "purpose"
    assert reason_of(seals.approve(signed(OFFICES.order(CHEN)), issuer)) == "purpose"
    assert verify(seals.approve(signed(OFFICES.order(issuer), issuer), approver)).approvals


def test_an_order_was_issued_while_its_key_was_valid() -> None:
    start_ms, end_ms = CHEN.grant.not_before_ms, CHEN.grant.not_after_ms
    for at_ms in (start_ms, end_ms):
        assert verify(signed(order_at(at_ms)), at_ms)
    for at_ms in (start_ms - 1, end_ms + 1):
        assert reason_of(signed(order_at(at_ms)), at_ms) == "validity"


def test_an_order_may_be_from_a_clock_that_is_a_little_ahead() -> None:
    data = signed(order_at(NOW_MS))
    assert verify(data, NOW_MS - limits.CLOCK_SKEW_MS_MAX)
    assert reason_of(data, NOW_MS - limits.CLOCK_SKEW_MS_MAX - 1) == "future"


def test_an_order_ends() -> None:
    order = order_at(NOW_MS)
    assert verify(signed(order), order.expires_ms - 1)
    assert reason_of(signed(order), order.expires_ms) == "expired"


def test_a_cancel_holds_as_long_as_what_it_ends_may_be_shown() -> None:
    ident = bytes(16)
    cancel = order_at(NOW_MS, msg_type="cancel", refs=ident, root=ident, answers=(), open_s=600)
    end_ms = NOW_MS + limits.ORDER_OPEN_S_MAX * 1000
    assert verify(signed(cancel), end_ms - 1)
    assert reason_of(signed(cancel), end_ms) == "expired"


def test_what_was_accepted_in_time_can_be_read_again_later_and_nothing_else() -> None:
    order = order_at(NOW_MS)
    late_ms = NOW_MS + 400 * DAY_MS
    assert verify(signed(order), late_ms, accepted_ms=order.expires_ms - 1)
    assert reason_of(signed(order), late_ms, accepted_ms=order.expires_ms) == "expired"
    assert reason_of(signed(order), late_ms) == "expired"


def test_the_number_of_an_order_is_of_its_time() -> None:
    for apart_ms in (orders.CLOCK_APART_MS_MAX, -orders.CLOCK_APART_MS_MAX):
        assert verify(signed(OFFICES.order(CHEN, issued_ms=NOW_MS, id=ids.make(NOW_MS + apart_ms, bytes(10)))))
    for apart_ms in (orders.CLOCK_APART_MS_MAX + 1, -orders.CLOCK_APART_MS_MAX - 1):
        order = OFFICES.order(CHEN, issued_ms=NOW_MS, id=ids.make(NOW_MS + apart_ms, bytes(10)))
        assert reason_of(signed(order)) == "id_time"


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "实战\u202e"}, {"text": "\x1b[2J"}, {"text": " \n "}, {"answers": ("a", "a")}, {"answers": ("a\x00",)},
        {"refs": bytes(16)}, {"root": bytes(16)}, {"msg_type": "update"}, {"msg_type": "update", "refs": bytes(16)},
        {"msg_type": "cancel", "refs": bytes(16), "root": bytes(16), "answers": ("a",)}, {"open_s": 599},
        {"receive_within_s": 601},
    ],
    ids=str,
)  # fmt: skip
def test_an_order_has_the_form_that_a_node_would_give_it(changes: dict[str, Any]) -> None:
    assert reason_of(signed(OFFICES.order(CHEN, **changes))) == "form"


def test_an_order_does_not_follow_itself() -> None:
    order = order_at(NOW_MS, msg_type="update", refs=ids.make(NOW_MS, bytes(10)), root=bytes(16))
    assert reason_of(signed(order)) == "form"


def test_places_of_two_provinces_are_no_audience() -> None:
    with pytest.raises(Untrusted, match="not one that may be issued"):
        form.check_form(make_order(audience=Selector(("44", "31"))))


def test_an_approval_is_by_another_person_with_another_key() -> None:
    data = signed(OFFICES.order(CHEN))
    same_name = OFFICES.grant(OFFICES.city, "Chen Wei", purposes=("approve",), statuses=("actual",))
    same_key = OFFICES.forced(OFFICES.city, "Wang Fang", CHEN.signer, purposes=("approve",), statuses=("actual",))
    assert verify(seals.approve(data, LI)).approvals
    for approver in (CHEN, same_name, same_key):
        assert reason_of(seals.approve(data, approver)) == "same_person"
    assert reason_of(seals.approve(seals.approve(data, LI), LI)) == "same_person"


def test_an_approver_needs_the_same_right_as_the_issuer() -> None:
    data = signed(OFFICES.order(CHEN))
    for reason, changes in (
        ("mode", {"statuses": ("exercise",)}), ("mode", {"statuses": BOTH}),
        ("scope", {"statuses": ("actual",), "path": "440106"}),
        ("validity", {"statuses": ("actual",), "not_before_ms": NOW_MS + 1}),
        ("validity", {"statuses": ("actual",), "not_after_ms": NOW_MS - DAY_MS}),
    ):  # fmt: skip
        approver = OFFICES.grant(OFFICES.city, "Wang Fang", purposes=("approve",), **changes)
        assert reason_of(seals.approve(data, approver)) == reason


def test_what_is_too_large_is_not_made_and_not_read() -> None:
    assert reason_of(bytes(limits.SEALED_BYTES_MAX + 1)) == "size"
    roles = tuple(f"{n:02}" + "职" * 30 for n in range(32))
    order = OFFICES.order(CHEN, text="字" * 2_000, audience=Selector(("4401",), roles, (), roles))
    verify(seals.seal(encode(order), CHEN))
    with pytest.raises(Untrusted) as caught:
        seals.seal(bytes(limits.SEALED_BYTES_MAX), CHEN)
    assert caught.value.reason == "size"


def test_the_algorithm_is_what_the_key_says_and_not_what_the_envelope_says() -> None:
    sealed = unpack(signed(OFFICES.order(CHEN)))
    for name in ("none", "sm2", "Ed25519"):
        changed = pack(seals.SealedOrder(sealed.body, seals.Seal(name, *_rest(sealed.seal)), ()))
        assert reason_of(changed) == "algorithm"


def _rest(seal: seals.Seal) -> tuple[Any, ...]:
    return seal.by, seal.chain, seal.signature


@given(st.binary(max_size=600))
def test_no_noise_is_an_order_and_none_does_harm(noise: bytes) -> None:
    assert reason_of(noise) == "bytes"


@given(st.binary(max_size=200))
def test_a_body_that_is_no_order_is_refused_although_it_is_signed(body: bytes) -> None:
    assert reason_of(resealed(body, CHEN)) == "bytes"
