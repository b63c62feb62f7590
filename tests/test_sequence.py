"""Whether a tail missed anything: whatever a connection loses, each message is handled once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.bus.sequence import HEARTBEAT_S, SILENCE_S_MAX, Sequence

# What becomes of the next thing that the server sends, or of the connection.
FATES = st.lists(
    st.sampled_from(["arrives", "arrives", "arrives", "lost", "heartbeat", "heartbeat lost", "cut"]), max_size=60
)


class Server:
    """A stream whose sequences have holes, and one consumer at a time."""

    def __init__(self, stream: list[int]) -> None:
        self.stream, self.sent = stream, 0
        self.begin(0)

    def begin(self, handled: int) -> None:
        self.left = [seq for seq in self.stream if seq > handled]
        self.sent = 0


@given(st.sets(st.integers(1, 40), max_size=12), FATES)
def test_whatever_is_lost_every_message_is_handled_once_and_in_order(stream: set[int], fates: list[str]) -> None:
    server, tail, handled = Server(sorted(stream)), Sequence(), []
    for now_s, fate in enumerate([*fates, *["arrives"] * 15, "heartbeat", *["arrives"] * 15]):
        if fate == "cut":
            whole = False
        elif fate.startswith("heartbeat"):
            whole = fate != "heartbeat" or tail.heartbeat(server.sent, now_s)
        elif not server.left:
            continue
        else:
            seq, server.sent = server.left.pop(0), server.sent + 1
            whole = fate == "lost" or tail.take(seq, server.sent, now_s)
            if fate == "arrives" and whole:
                handled.append(seq)
        if not whole:
            tail.begin(now_s)
            server.begin(tail.handled)
    assert handled == sorted(stream) and tail.handled == max(stream, default=0)


def test_a_jump_in_what_was_delivered_is_a_loss_and_a_hole_in_the_stream_is_none() -> None:
    tail = Sequence()
    assert tail.take(5, 1, 0) and tail.take(9, 2, 0)
    assert not tail.take(10, 4, 0)
    assert tail.handled == 9


def test_a_heartbeat_tells_of_a_loss_at_the_end() -> None:
    tail = Sequence(handled=7)
    assert tail.heartbeat(0, 0)
    assert not tail.heartbeat(1, 0)


@pytest.mark.parametrize(
    ("after_s", "silent"), [(HEARTBEAT_S, False), (SILENCE_S_MAX, False), (SILENCE_S_MAX + 0.1, True)]
)
def test_silence_is_a_loss_too(after_s: float, silent: bool) -> None:
    for hear in (
        lambda t: t.begin(100),
        lambda t: t.take(1, 1, 100),
        lambda t: t.take(1, 9, 100),
        lambda t: t.heartbeat(0, 100),
    ):
        tail = Sequence()
        hear(tail)
        assert (tail.silent_in_s(100 + after_s) < 0) is silent
