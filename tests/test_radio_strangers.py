"""What is done for who has proven nothing: little for an address, so much for all, and a table that does not grow."""

from __future__ import annotations

from gateways.radio import bounds
from gateways.radio.strangers import Strangers, network


def test_a_flood_from_some_addresses_leaves_room_for_those_that_ask_little() -> None:
    """10,000 a second from 200 addresses, beside 1,000 radios that come once a second each."""
    strangers, heard, dropped = Strangers(0.0), 0, 0
    for ms in range(5_000):
        for i in range(10):
            heard += bool(strangers.may_ask(f"198.51.100.{(ms * 10 + i) % 200}", ms / 1000))
        dropped += strangers.may_ask(f"10.0.{ms % 1000 // 250}.{ms % 250}", ms / 1000) != "seldom"
    assert dropped < 500  # in its first moments; they say it again
    assert heard < bounds.STRANGERS_BURST + 5 * bounds.STRANGERS_PER_S
    assert strangers.shed == 50_000 - heard + dropped


def test_addresses_are_known_up_to_a_bound_and_forgotten_in_their_order() -> None:
    strangers = Strangers(0.0)
    for n in range(bounds.ADDRESSES_MAX + 100):
        strangers.failed(f"10.{n // 62_500}.{n // 250 % 250}.{n % 250}", n / 1_000_000)
    assert len(strangers._failing) == bounds.ADDRESSES_MAX


def test_who_failed_often_is_struck_for_a_while() -> None:
    strangers = Strangers(0.0)
    for _ in range(bounds.FAILURES_BURST):
        assert not strangers.is_struck("192.0.2.9", 0.0)
        strangers.failed("192.0.2.9", 0.0)
    assert strangers.is_struck("192.0.2.9", 0.0) and not strangers.is_struck("192.0.2.10", 0.0)
    assert not strangers.is_struck("192.0.2.9", 2.0)


def test_a_network_of_ipv6_is_one_address() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1") != network("2001:db8:0:1::1")
    assert network("fe80::1%eth0") == "fe80::" and network("192.0.2.9") == "192.0.2.9"


def test_who_proved_themselves_is_heard_before_others_and_not_without_end() -> None:
    strangers = Strangers(0.0)
    strangers.proved("192.0.2.9", 5060, 0.0)
    heard = sum(strangers.is_proven("192.0.2.9", 5060, n / 10_000) for n in range(10_000))
    assert bounds.KNOWN_BURST < heard <= bounds.KNOWN_BURST + bounds.KNOWN_PER_S
    assert not strangers.is_proven("192.0.2.9", 5061, 1.0)
    strangers.tend(bounds.REGISTERED_S_MAX + 1.0)
    assert not strangers._proven and not strangers.is_proven("192.0.2.9", 5060, 9_999.0)
