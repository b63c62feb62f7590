"""Any frames in any order: a node and a gateway neither fail nor grow, and one voice at most passes a gateway."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.floor import codec, frames
from fusioncmd.floor.bursts import Told
from fusioncmd.floor.frames import Answer, Ask, Beacon
from fusioncmd.floor.messages import FloorMessage, Indicator, Kind
from fusioncmd.floor.relay import Relay
from fusioncmd.floor.seat import FOREIGN_MAX, Seat

nodes = st.sampled_from(("44", "4401", "440106", "4402"))
gateways = st.sampled_from(("g1", "g2", "g3"))
numbers = st.integers(99, 106)
SAID = (
    FloorMessage(Kind.REQUEST, 7, priority=16, user="t" * 255, indicator=Indicator.QUEUEING),
    FloorMessage(Kind.REQUEST, 8, priority=255, user="村", indicator=Indicator.EMERGENCY),
    FloorMessage(Kind.REQUEST, 9),
    FloorMessage(Kind.GRANTED, 1, duration_s=30),
    FloorMessage(Kind.TAKEN, 1, granted_party="x"),
    FloorMessage(Kind.IDLE, 1),
    FloorMessage(Kind.DENY, 1, cause=1),
    FloorMessage(Kind.REVOKE, 1, cause=4),
    FloorMessage(Kind.RELEASE, 7),
    FloorMessage(Kind.QUEUE_POSITION_REQUEST, 7),
    FloorMessage(Kind.QUEUE_POSITION_INFO, 1, position=3),
)
said = st.one_of(st.sampled_from([codec.encode(one) for one in SAID]), st.binary(max_size=20))
stamps = st.integers(0, 20_000)
any_frame = st.one_of(
    st.builds(Beacon, nodes),
    st.builds(
        Ask, nodes, gateways, numbers, stamps, said, st.booleans(), stamps,
        st.lists(st.tuples(nodes, stamps), max_size=2).map(tuple),
    ),
    st.builds(Answer, nodes, gateways, numbers, stamps, said, st.booleans()),
)  # fmt: skip
terminals = st.tuples(st.sampled_from(("a", "b", "c")), st.sampled_from(SAID), st.integers(0, 255))
steps = st.lists(st.tuples(st.one_of(any_frame, terminals), st.integers(0, 1_500)), max_size=60)


@given(steps)
def test_whatever_is_said_nothing_fails_and_nothing_grows(done: list[tuple[object, int]]) -> None:
    seat, relay, now_ms = Seat("4401", "4401", 1, -10_000), Relay("g1", "44", 2, 100), 0
    for what, later_ms in done:
        now_ms += later_ms
        out = [*seat.tick(now_ms), *relay.tick(now_ms)]
        match what:
            case Beacon():
                seat.hear(what, now_ms)
                relay.hear(what, now_ms)
            case Ask():
                out += seat.ask(what, now_ms)
            case Answer():
                out += relay.answer(what, now_ms)
            case (str() as who, FloorMessage() as message, int() as priority):
                out += relay.receive(who, message, priority, now_ms)
        for one in out:  # all of it can be said
            if isinstance(one, Told):
                assert codec.decode(codec.encode(one.message)) == one.message
            else:
                assert frames.decode(frames.encode(one)) == one
        assert sum(relay.media(who, now_ms) for who in ("a", "b", "c")) <= 1
        assert len(seat._foreign) <= FOREIGN_MAX and len(relay._bursts) <= 3
        if seat.arbiter is not None:
            assert len(seat.arbiter.queue) <= limits.FLOOR_QUEUE_MAX
            assert len(seat._stamps) <= limits.FLOOR_QUEUE_MAX + 2


def test_frames_have_bytes_and_others_are_refused() -> None:
    asked = Ask("44", "g1", 3, 1, codec.encode(SAID[0]), True, before=(("4401", 50),))
    for frame in (Beacon("44"), asked, Answer("44", "", 0, 0, b"")):
        assert frames.decode(frames.encode(frame)) == frame
    for bad in (b"", b"\x80", frames.encode(Beacon("x")), bytes(frames.FRAME_BYTES_MAX + 1)):
        with pytest.raises(BadMessage):
            frames.decode(bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_refused(data: bytes) -> None:
    try:
        frame = frames.decode(data)
    except BadMessage:
        return
    assert frames.decode(frames.encode(frame)) == frame
