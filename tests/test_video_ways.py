"""A source to a viewer over ways that lose, mix and double packets, and that are full now and then. Seeded."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from fusioncmd.video import packet, rtcp
from fusioncmd.video.units import Depacketiser, Unit
from gateways.video.stream import Stream
from gateways.video.viewer import Viewer
from tests.test_video_forward import PICTURE, took, viewer
from tests.video_frames import encoded


class Way:
    """To a viewer, which loses and mixes packets; and the viewer at its end, which asks again as a browser does."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.units: list[Unit] = []
        self.depacketiser = Depacketiser("VP8")
        self.seen: set[int] = set()
        self.loss = 0.1

    def carry(self, one: Viewer, out: list[bytes], now_ms: float) -> None:
        came = [data for data in out if self.chance.random() > self.loss]
        self.chance.shuffle(came)
        for data in came:
            self.units += self.depacketiser.put(data, now_ms)
            self.seen.add(packet.read(data).sequence)
        if self.seen:
            top = max(self.seen)
            lost = [number for number in range(max(min(self.seen), top - 60), top) if number not in self.seen]
            again = one.rtcp(rtcp.build([rtcp.Nack(1, 7_000, tuple(lost))]), now_ms)
            for data in again:
                self.units += self.depacketiser.put(data, now_ms)
                self.seen.add(packet.read(data).sequence)
        self.units += self.depacketiser.tick(now_ms)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_over_ways_that_lose_and_with_stops_every_picture_that_goes_out_is_whole_and_follows_the_one_before(
    seed: int,
) -> None:
    chance = random.Random(seed)
    stream, one, way = Stream([PICTURE]), viewer(100), Way(seed)
    frames = [frame for _ in range(3) for frame in encoded("VP8")]
    number = 0
    held: list[bytes] = []
    for at, frame in enumerate(frames):
        bundle = []
        for data in frame:
            made = packet.build(96, number & 0xFFFF, at * 3_000, 70, data[12:], packet.read(data).marker)
            (held if chance.random() < 0.05 else bundle).append(made)
            number += 1
        now_ms = at * 33.0
        out = took(one, stream.put(bundle, now_ms))
        way.carry(one, out, now_ms)
        if chance.random() < 0.5 and held:  # what the source lost comes late
            way.carry(one, took(one, stream.put(held, now_ms)), now_ms)
            held = []
        if chance.random() < 0.05:
            one.full()
    way.units += way.depacketiser.flush()
    units = way.units
    assert len(units) > 5
    place = {unit.data: at % 24 for at, unit in enumerate(_all_of(frames))}
    for before, unit in pairwise(units):
        assert unit.keyframe or unit.lost or place[unit.data] == place[before.data] + 1
    assert all(a.timestamp < b.timestamp for a, b in pairwise(units))


def _all_of(frames: list[list[bytes]]) -> list[Unit]:
    source = Depacketiser("VP8")
    made = [
        packet.build(96, number & 0xFFFF, at * 3_000, 70, data[12:], packet.read(data).marker)
        for number, (at, data) in enumerate((at, data) for at, frame in enumerate(frames) for data in frame)
    ]
    return [unit for data in made for unit in source.put(data, 0)]
