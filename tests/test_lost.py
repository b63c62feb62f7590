"""A gateway's list of lost devices: bounded, forgotten when that lets nobody in, and taken from the node alone."""

from __future__ import annotations

import pytest

from fusioncmd import devices, limits, subjects
from fusioncmd.bus.port import Stored
from fusioncmd.devices import BadEnrolment, Loss
from fusioncmd.terminal import Close
from fusioncmd.tickets import Ticket
from gateways.responder.lost import KEPT_S, LostDevices

KEY = bytes(range(32))
NOW_S = 1_790_000_000


def device(n: int) -> bytes:
    return n.to_bytes(8, "big")


def told(n: int, at_s: int, key: bytes = KEY, of: int | None = None) -> Stored:
    loss = Loss(device(n), n, at_s * 1000)
    return Stored(subjects.lost(device(n if of is None else of)), devices.pack(loss, key), n)


def ticket(n: int, minted_s: int = NOW_S) -> Ticket:
    return Ticket(n, "440106001101", (), minted_s + limits.DEVICE_TICKET_S, device(n))


def test_a_lost_device_is_not_let_in_and_every_other_is() -> None:
    lost = LostDevices(KEY)
    assert lost.judge(ticket(1)) is None
    assert lost.take(told(1, NOW_S), NOW_S).number == 1
    assert lost.judge(ticket(1)) is Close.LOST_DEVICE
    assert lost.judge(ticket(2)) is None
    assert lost.judge(Ticket(1, "440106001101", (), NOW_S + 9)) is None  # made by hand, for no device


def test_it_is_forgotten_when_its_last_ticket_has_ended() -> None:
    lost = LostDevices(KEY)
    lost.take(told(1, NOW_S), NOW_S)
    lost.take(told(2, NOW_S + KEPT_S - 1), NOW_S + KEPT_S - 1)
    assert device(1) in lost
    lost.take(told(3, NOW_S + KEPT_S), NOW_S + KEPT_S)
    assert device(1) not in lost and device(2) in lost and len(lost) == 2
    assert lost.judge(ticket(4, NOW_S)) is None


def test_beyond_its_bound_nobody_lost_comes_in_and_the_others_renew() -> None:
    lost = LostDevices(KEY, devices_max=2)
    for n in (1, 2, 3):
        lost.take(told(n, NOW_S + n), NOW_S + 10)
    assert len(lost) == 2 and device(1) not in lost
    assert lost.judge(ticket(1, NOW_S)) is Close.EXPIRED_TICKET  # the last that it can have
    assert lost.judge(ticket(9, NOW_S)) is Close.EXPIRED_TICKET
    fresh = ticket(9, NOW_S + 10 + limits.CLOCK_SKEW_MS_MAX // 1000)
    assert lost.judge(fresh) is None
    assert lost.judge(Ticket(1, "440106001101", (), NOW_S + 9)) is None


@pytest.mark.parametrize(
    "bad", [told(1, NOW_S, bytes(32)), told(1, NOW_S, of=2), Stored(subjects.lost(device(1)), b"", 1)]
)
def test_what_no_node_wrote_ends_nobody(bad: Stored) -> None:
    lost = LostDevices(KEY)
    with pytest.raises(BadEnrolment):
        lost.take(bad, NOW_S)
    assert not len(lost) and lost.judge(ticket(1)) is None
