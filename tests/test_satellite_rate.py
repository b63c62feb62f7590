"""How fast an end of a satellite link sends: as provisioned, whatever is lost at random; less where a queue grows."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gateways.satellite.carrying import Kind
from gateways.satellite.classes import Class
from gateways.satellite.rate import HEADERS_BYTES, SHARE_MIN, Rate
from tests.satellite_link import World


def upload(world: World, for_s: float) -> None:
    """Clips and nothing else, for so long."""
    until_s = world.now_s + for_s

    def more() -> None:
        while world.kit.waiting(Class.CLIPS) < 30_000:
            world.kit.say(Class.CLIPS, bytes((Kind.KEPT,)) + bytes(4_000))
        if world.now_s < until_s:
            world.at(world.now_s + 0.3, more)

    more()
    world.run(for_s=for_s)


@pytest.mark.parametrize(("loss", "rate_bps"), [(0.01, 64_000), (0.05, 64_000), (0.05, 512_000)])
def test_what_is_lost_at_random_costs_no_rate(loss: float, rate_bps: int) -> None:
    world = World(loss=loss, rate_bps=rate_bps, seed=3)
    world.connect()
    began_s = world.now_s
    upload(world, 30 if rate_bps == 64_000 else 8)
    line = world.lines["sat", "up"]
    assert world.bytes_sent("up", began_s) * 8 / (world.now_s - began_s) > 0.95 * rate_bps
    assert line.counters.waiting_bytes_max < 4_000  # three packets: the modem's queue stays empty
    assert world.kit.rate is not None and world.kit.rate.share > 0.9


def test_where_less_gets_through_than_was_said_the_rate_goes_down_to_it_and_comes_back() -> None:
    world = World(rate_bps=64_000)
    world.connect()
    world.lay("sat", rate_bps=32_000, delay_s=0.3)
    upload(world, 60)
    assert world.kit.rate is not None
    low = world.kit.rate.share
    assert SHARE_MIN < low < 0.75
    assert world.lines["sat", "up"].waiting_bytes < 12_000
    world.lay("sat", rate_bps=64_000, delay_s=0.3)
    upload(world, 45)
    assert world.kit.rate.share > 0.9


def test_packets_go_no_faster_than_the_line_takes_them_and_who_is_late_catches_up_a_little() -> None:
    rate = Rate(64_000)
    now_s = went = 0.0
    for n in range(200):
        now_s = max(now_s, rate.free_s) + (0.004 if n % 3 else 0.0)  # a loop that wakes late
        rate.went(772, now_s)
        went += (772 + HEADERS_BYTES) * 8
    assert 0.97 * 64_000 < went / rate.free_s <= 64_100


@pytest.mark.parametrize(("bps", "size"), [(8_000, 400), (64_000, 772), (128_000, 1_200), (512_000, 1_200)])
def test_a_packet_is_cut_for_a_tenth_of_a_second_of_the_line(bps: int, size: int) -> None:
    assert Rate(bps).packet_bytes == size


def test_a_loss_of_one_in_seven_is_taken_for_the_link_and_not_for_its_rate() -> None:
    rate, now_s = Rate(64_000), 0.0
    for n in range(700):
        now_s += 0.1
        packet = SimpleNamespace(sent_bytes=772, sent_time=now_s - 0.6)
        rate.on_packet_sent(packet=packet)
        if n % 7:
            rate.on_packet_acked(now=now_s, packet=packet)
        else:
            rate.on_packets_lost(now=now_s, packets=[packet])
        assert rate.share == 1.0
    assert 0.1 < rate.loss < 0.18


def test_a_loss_far_beyond_the_usual_lowers_the_rate_and_never_below_its_least() -> None:
    rate, now_s = Rate(64_000), 0.0
    for n in range(4_000):
        now_s += 0.1
        packet = SimpleNamespace(sent_bytes=772, sent_time=now_s - 0.6)
        rate.on_packet_sent(packet=packet)
        if n % 2:
            rate.on_packet_acked(now=now_s, packet=packet)
        else:
            rate.on_packets_lost(now=now_s, packets=[packet])
    assert rate.share == SHARE_MIN and rate.bytes_in_flight == 0
