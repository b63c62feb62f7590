"""Video of a kit over its link: the list, stills and a live picture, by the real encoder, in virtual time."""

from __future__ import annotations

import io

import av
import msgspec
import pytest

from fusioncmd.errors import BadMessage
from fusioncmd.video import still, subjects
from fusioncmd.video.bundle import pack, unpack
from fusioncmd.video.source import Ask, Roll, Source, Track, decode, encode
from fusioncmd.video.units import Depacketiser, Unit
from gateways.satellite.carrying import Kind, Letter, Publish, Work
from gateways.satellite.classes import Class
from gateways.satellite.pieces import MADE, pieces
from gateways.satellite.recode import Recoder
from gateways.satellite.video_hub import CUT, FRAMES_ONLY, HubVideo
from gateways.satellite.video_kit import KitVideo
from gateways.satellite.video_pace import SHARE
from gateways.satellite.video_words import HANDLES, Listed, letter, made, read_do
from tests.thin_link import HUB, KIT, ThinLink
from tests.video_frames import encoded

DRONE = Source("440106001", "drone1", "Drone", "drone", "camera", 5, (Track("H264", 9),), width=322, height=178)
WHAT, ASK = subjects.what(KIT, "drone1"), subjects.ask(KIT, "drone1")
FPS = 30


class World:
    """A kit with a drone, of which somebody above may want something. `encoders`: as `thin.py` has them."""

    def __init__(self, rate_bps: int = 64_000, loss: float = 0.01, source: Source = DRONE) -> None:
        self.link = ThinLink(KitVideo, HubVideo, rate_bps, loss=loss)
        self.source = source
        self.encoder: Recoder | None = None
        self.frames = 0
        self.asks: Ask | None = None
        self._asked_s = self._said_s = 0.0
        self.link.kit.heard_by = self._bus

    def _bus(self, each: Publish) -> None:
        if each.subject.endswith(".do"):
            self.encoder = self.encoder or Recoder()
            self.encoder.do(read_do(each.data), self.link.now_s)

    def turn(self, now_s: float) -> None:
        if now_s - self._said_s >= 2.0:
            self._said_s = now_s
            self.link.say(self.link.kit, WHAT, encode(self.source))
        if self.asks is not None and now_s - self._asked_s >= 2.0:
            self._asked_s = now_s
            self.link.say(self.link.hub, ASK, encode(self.asks))
        due = int((now_s - 100.0) * FPS)
        while self.frames < due:
            self._frame()

    def _frame(self) -> None:
        recorded = encoded("H264")
        number, self.frames = self.frames, self.frames + 1
        if self.encoder is None:
            return
        packets = []
        for i, packet in enumerate(recorded[number % 24]):
            stamp = (number * 3_000).to_bytes(4, "big")
            sequence = (sum(map(len, recorded[: number % 24])) + i + number // 24 * sum(map(len, recorded))) & 0xFFFF
            packets.append(packet[:2] + sequence.to_bytes(2, "big") + stamp + packet[8:])
        for bundle in pack(packets):
            for piece in self.encoder.packets(bundle, self.link.now_s):
                for kind, data in pieces(io.BytesIO(piece)):
                    if kind == MADE:
                        self.link.say(self.link.kit, made(KIT, "drone1"), data)

    def run(self, seconds: float) -> None:
        self.link.run(seconds, self.turn)

    def shown(self) -> list[Source]:
        return [one for each in self.link.hub.of(".what") if isinstance(one := decode(each.data), Source)]

    def pictures(self) -> list[Unit]:
        """As a viewer at the hub has them."""
        units = Depacketiser("H264")
        out: list[Unit] = []
        for each in self.link.hub.of(".rtp"):
            for packet in unpack(each.data):
                out += units.put(packet, 0.0)
        return out


def test_sources_of_the_kit_are_said_above_and_the_link_carries_them_once() -> None:
    world = World()
    world.run(20.0)
    shown = world.shown()
    assert len(shown) >= 9 and {one.thin for one in shown} == {"live"}
    assert shown[-1].title == "Drone" and shown[-1].tracks[0].codec == "H264"
    assert sum(world.link.kit.sent_bytes.values()) < 400 and sum(world.link.hub.sent_bytes.values()) == 0
    assert not world.link.kit.of(".do")  # nobody watches: nothing is encoded
    world.source = msgspec.structs.replace(DRONE, over=True)
    world.run(4.0)
    assert world.shown()[-1].over


def test_a_live_picture_fits_the_link_and_ends_when_nobody_watches() -> None:
    world = World()
    world.asks = Ask("video-hub", 2)
    world.run(32.0)
    pictures = world.pictures()
    assert pictures[0].keyframe and not sum(one.lost for one in pictures[1:])
    decoder = av.CodecContext.create("h264", "r")
    decoded = [frame for one in pictures for frame in decoder.decode(av.Packet(one.data))]
    assert len(decoded) == len(pictures) > 100 and not any(frame.is_corrupt for frame in decoded)
    bits = world.link.kit.sent_bytes[Class.VIDEO] * 8 / 30
    assert 14_000 < bits < 64_000 * SHARE * 1.05, bits
    world.asks = Ask("video-hub", 0)
    world.run(4.0)
    done = len(world.pictures())
    world.run(8.0)
    assert len(world.pictures()) == done


def test_what_goes_before_leaves_no_room_and_frames_are_left_out_not_queued() -> None:
    world = World(loss=0.0)
    world.asks = Ask("video-hub", 1)
    world.run(12.0)
    before = len(world.pictures())
    orders = world.link.kit.queues[Class.ORDERS]
    sent: list[int] = []

    def busy(now_s: float) -> None:
        """Orders take all of the link."""
        while sum(len(letter.body) for letter, _ in orders) < 2_000:
            world.link.kit.take(_work(Class.ORDERS, 400), now_s)
        sent.append(world.link.kit.waiting(Class.VIDEO))
        world.turn(now_s)

    world.link.run(12.0, busy)
    assert max(sent) < 6_000  # what was made before it was held
    assert len(world.pictures()) - before < 20
    orders.clear()
    world.run(2.0)
    assert world.shown()[-1].thin == "stills" and world.shown()[-1].trouble == FRAMES_ONLY
    world.run(50.0)
    assert world.shown()[-1].thin == "live" and len(world.pictures()) - before > 60
    assert not sum(one.lost for one in world.pictures()[1:])


def test_a_still_is_small_first_and_there_in_two_seconds() -> None:
    world = World(rate_bps=64_000, loss=0.0)
    world.run(5.0)
    at_s = world.link.now_s
    world.asks = Ask("node-440106", 0, still_s=10)
    world.run(9.0)
    found = [(when, still.decode(each.data)) for when, each in world.link.hub.said if each.subject.endswith(".still")]
    small, large = found[0], found[1]
    assert max(small[1].width, small[1].height) <= 320 and len(small[1].data) <= 6_000
    assert large[1].number == small[1].number and large[1].width > small[1].width and len(large[1].data) <= 20_000
    assert small[0] - at_s < 3.5 and large[1].age_ms < 6_000  # asked within 2 s, over in 0.75, 0.3 of way
    with av.open(io.BytesIO(small[1].data), "r") as opened:
        picture = next(opened.decode(video=0))
    assert (picture.width, picture.height) == (small[1].width, small[1].height)
    world.run(12.0)
    held = still.StillsHeard()
    for when, each in world.link.hub.said:
        if each.subject.endswith(".still"):
            held.take(each.subject, each.data, int(when * 1_000))
    seen = held.find("44.01.06.001.drone1", int(world.link.now_s * 1_000))
    assert seen is not None and seen.still.number > small[1].number and seen.at_ms > at_s * 1_000 + 8_000
    assert not world.pictures()


def test_a_link_that_affords_no_picture_affords_stills() -> None:
    world = World(rate_bps=16_000)
    world.asks = Ask("video-hub", 1, still_s=20)
    world.run(30.0)
    assert world.shown()[-1].trouble == FRAMES_ONLY and not world.pictures()
    assert world.link.hub.of(".still")


def test_a_cut_is_said_and_the_picture_goes_on_after_it() -> None:
    world = World()
    world.asks = Ask("video-hub", 1)
    world.run(8.0)
    before = len(world.pictures())
    assert before > 10
    world.link.turn(False)
    world.run(20.0)
    assert world.shown()[-1].trouble == CUT and not world.shown()[-1].over
    world.link.turn(True)
    world.run(10.0)
    assert world.shown()[-1].trouble == ("", "") and len(world.pictures()) > before + 10
    assert not sum(one.lost for one in world.pictures()[1:])
    world.link.turn(False)
    world.link.run(700.0)
    assert world.shown()[-1].over


def test_a_roll_reaches_the_kit_while_it_is_its_turn() -> None:
    world = World(loss=0.0)
    subject = subjects.roll(HUB)
    for called in ("440106001",) * 3 + ("440106002",) * 3 + ("",):
        world.link.say(world.link.hub, subject, encode(Roll("440106", "R1", called, 9_000)))
        world.run(2.0)
    heard = [decode(each.data) for each in world.link.kit.of(subject)]
    assert [one.called for one in heard if isinstance(one, Roll)] == ["440106001"] * 3 + [""]


def test_a_kit_that_lists_ever_more_has_so_many_and_no_more() -> None:
    hub = World().link.hub
    for turn in range(2):
        hub.carrier.turned(True, 1.0 + turn)
        for i in range(500):
            said = msgspec.structs.replace(DRONE, name=f"d{turn}x{i}", thin="live", tracks=())
            hub.take(hub.carrier.from_link(Kind.STILL, letter(Listed(i % HANDLES, encode(said))), 1.5 + turn), 9.0)
    hub.said.clear()
    hub.take(hub.carrier.due(60.0), 60.0)
    assert len([one for each in hub.of(".what") if not (one := decode(each.data)).over]) == HANDLES  # type: ignore[union-attr]


def test_a_kit_says_nothing_of_others_sources() -> None:
    world = World()
    other = encode(msgspec.structs.replace(DRONE, node="440107"))
    with pytest.raises(BadMessage):
        world.link.hub.carrier.from_link(Kind.VIDEO, letter(Listed(0, other)), 1.0)
    assert not world.shown()


def _work(cls: Class, size: int) -> Work:
    return Work([Letter(cls, Kind.EXCHANGE, b"x" * size)])
