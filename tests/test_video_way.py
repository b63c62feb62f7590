"""Sealed media on its way out: whole, in order, each packet a datagram of its own, whatever their sizes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from pylibsrtp import Policy, Session

from gateways.video.way import TOGETHER_MAX, Way

KEY = os.urandom(44)


@pytest.fixture
def ends() -> Iterator[tuple[Way, socket.socket, Session]]:
    """An way, the socket that it sends to, and the other end's keys."""
    there, here = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with there, here:
        for one in (there, here):
            one.bind(("127.0.0.1", 0))
        there.setblocking(False)
        profile = Policy.SRTP_PROFILE_AEAD_AES_256_GCM
        keys = Session(Policy(KEY, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        way = Way(None, keys, here.fileno(), there.getsockname())
        yield way, there, Session(Policy(KEY, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        way.close()


def packet(sequence: int, size: int) -> bytes:
    return b"\x80\x60" + sequence.to_bytes(2, "big") + bytes(4) + b"\0\0\0\7" + os.urandom(size - 12)


def came(there: socket.socket, keys: Session) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(keys.unprotect(there.recv(4_096)))
        except BlockingIOError:
            return found


@pytest.mark.parametrize(
    "sizes",
    [
        [1_150] * 5, [1_150, 1_150, 90], [90], [40, 1_150, 1_150], [1_150, 90, 1_150, 90, 90], [300] * TOGETHER_MAX,
        [300] * (2 * TOGETHER_MAX + 3), [1_300] * 60, [12, 13, 12], [1_480, 1_480, 1_480, 20],
    ],
    ids=lambda sizes: f"{len(sizes)} of {sizes[0]}",
)  # fmt: skip
def test_each_packet_arrives_whole_and_in_order(ends: tuple[Way, socket.socket, Session], sizes: list[int]) -> None:
    way, there, keys = ends
    packets = [packet(n, size) for n, size in enumerate(sizes)]
    assert way.send(packets)
    assert came(there, keys) == packets


def test_what_the_kernel_does_not_cut_goes_one_by_one(
    ends: tuple[Way, socket.socket, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.video.way.UDP_SEGMENT", 250)  # no option of UDP: as an older kernel says
    way, there, keys = ends
    packets = [packet(n, 1_150) for n in range(4)]
    assert way.send(packets)
    assert came(there, keys) == packets


def test_a_way_that_is_full_says_so_and_what_was_left_is_shed(ends: tuple[Way, socket.socket, Session]) -> None:
    way, there, keys = ends
    way._send = way._sendmsg = _full
    assert not way.send([packet(n, 1_150) for n in range(4)])
    assert not way.send([packet(4, 90)])
    assert came(there, keys) == []


def _full(*_: object) -> int:
    raise BlockingIOError


def test_what_cannot_be_sealed_is_said_and_what_came_before_it_goes_out(
    ends: tuple[Way, socket.socket, Session],
) -> None:
    way, there, keys = ends
    packets = [packet(1, 100), packet(2, 100), b"\0" * 11, packet(3, 100)]
    assert not way.send(packets)
    assert came(there, keys) == packets[:2]
