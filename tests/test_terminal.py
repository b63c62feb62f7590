"""The terminal protocol in bytes: every frame as it stands on the wire, and nothing else taken for one."""

from __future__ import annotations

import math

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import limits, terminal
from fusioncmd.errors import BadMessage
from fusioncmd.terminal import (
    Alive,
    Answer,
    Close,
    Counted,
    Deliver,
    Distrust,
    Enrol,
    Enrolled,
    FromTerminal,
    Hello,
    PartStored,
    Received,
    Refused,
    Renew,
    SendPicture,
    SendReport,
    Stored,
    Ticketed,
    ToTerminal,
    Welcome,
)
from fusioncmd.trust.grants import SignedGrant
from tests.worlds import make_id

A, B = make_id(1), make_id(2)
UP: list[tuple[FromTerminal, list[object]]] = [
    (Hello(1, b"ticket", (A, B)), [1, 1, b"ticket", [A, B]]),
    (Received(A), [2, A]),
    (Answer(A, 3), [3, A, 3]),
    (SendReport(A, B, "桥断", 23.1, 113.3, 2), [4, A, B, "桥断", 23.1, 113.3, 2]),
    (SendPicture(A, B, 1, b"\xff"), [9, A, B, 1, b"\xff"]),
    (Alive(), [5]),
    (Distrust(A, "signature"), [8, A, "signature"]),
    (Distrust(None, "bytes"), [8, None, "bytes"]),
    (Enrol(1, bytes(20), "ed25519", bytes(32), bytes(64)), [6, 1, bytes(20), "ed25519", bytes(32), bytes(64)]),
    (terminal.Noted(A), [11, A]),
    (terminal.AnswerFor(A, 7, 1), [12, A, 7, 1]),
    (Renew(1, 7, bytes(8), 1_790_000_000_000, bytes(64)), [7, 1, 7, bytes(8), 1_790_000_000_000, bytes(64)]),
]
DOWN: list[tuple[ToTerminal, list[object]]] = [
    (Welcome(7, 1_790_000_000_000, 60), [16, 7, 1_790_000_000_000, 60, b"", 0]),
    (Welcome(7, 1_790_000_000_000, 60, b"\x04" + bytes(64)), [16, 7, 1_790_000_000_000, 60, b"\x04" + bytes(64), 0]),
    (terminal.Silent(A, "actual", "x", ("a",), 9, ((7, "陈", "138", "44"),)),
     [25, A, "actual", "x", ["a"], 9, [[7, "陈", "138", "44"]]]),
    (Deliver(b"sealed"), [17, b"sealed"]),
    (Counted(A, 3), [18, A, 3]),
    (Stored(A, B), [19, A, B]),
    (PartStored(A, B, 1), [23, A, B, 1]),
    (Refused("busy", A, "Later.", B), [20, "busy", A, "Later.", B]),
    (Enrolled(bytes(8), 7, b"ticket", 9, (SignedGrant(b"body", bytes(64)),)),
     [21, bytes(8), 7, b"ticket", 9, [[b"body", bytes(64)]]]),
    (Ticketed(b"ticket", 9), [22, b"ticket", 9]),
    (Alive(), [5]),
]  # fmt: skip


@pytest.mark.parametrize(("said", "fields"), UP, ids=lambda v: type(v).__name__)
def test_what_a_terminal_says_is_this_array(said: FromTerminal, fields: list[object]) -> None:
    assert msgpack.unpackb(terminal.encode(said)) == fields
    assert terminal.decode_from_terminal(msgpack.packb(fields)) == said


@pytest.mark.parametrize(("said", "fields"), DOWN, ids=lambda v: type(v).__name__)
def test_what_a_terminal_hears_is_this_array(said: ToTerminal, fields: list[object]) -> None:
    assert msgpack.unpackb(terminal.encode(said)) == fields
    assert terminal.decode_to_terminal(msgpack.packb(fields)) == said


def test_what_is_optional_may_be_left_out_and_what_is_unknown_is_passed_over() -> None:
    assert terminal.decode_from_terminal(msgpack.packb([1, 1, b"t"])) == Hello(1, b"t")
    assert terminal.decode_from_terminal(msgpack.packb([4, A, B, "x"])) == SendReport(A, B, "x")
    assert terminal.decode_from_terminal(msgpack.packb([2, A, "of a later version", {"a": [1]}])) == Received(A)


@pytest.mark.parametrize(
    "fields",
    [
        [8], [8, A], [8, A, ""], [8, A, "x" * 33], [8, A, None], [8, A[:15], "bytes"],
        [], [0], [16, 7, 0, 60], [2], [2, A[:15]], [2, A + b"x"], [2, "a" * 16], [3, A, -1], [3, A, limits.ANSWERS_MAX],
        [3, A, 1.0], [3, A, True], [1, 1, b"t" * (limits.TICKET_BYTES_MAX + 1)], [1, 1, b"t", [A] * 65],
        [4, A, B, "x" * (limits.REPORT_CHARS_MAX + 1)], [4, A, B, "x", 90.1, 0.0], [4, A, B, "x", math.nan, 0.0],
        [4, A, B, "x", 0.0, math.inf], {"1": 1}, None, 5, "5", b"5", "5" * 10,
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_is_no_frame_is_refused_in_a_sentence(fields: object) -> None:
    with pytest.raises(BadMessage, match=r"^Not a frame of this protocol: .+\.$"):
        terminal.decode_from_terminal(msgpack.packb(fields))


@given(st.binary(max_size=100))
def test_noise_is_a_frame_or_refused(noise: bytes) -> None:
    for decode in (terminal.decode_from_terminal, terminal.decode_to_terminal):
        try:
            assert decode(noise) is not None
        except BadMessage as problem:
            assert problem.en.startswith("Not a frame of this protocol")


@pytest.mark.parametrize("opening", [b"\x93\x02\xc4\x10" + A, b"\x95\x01\x01\xc4\x00\x90", b"\x92\x05"])
@pytest.mark.parametrize("deeper", [b"\x91", b"\x81\x01"])
def test_arrays_in_arrays_without_end_are_refused_like_other_noise(opening: bytes, deeper: bytes) -> None:
    depth = limits.FRAME_BYTES_MAX // 2 - 20
    with pytest.raises(BadMessage):
        terminal.decode_from_terminal(opening + deeper * depth + b"\xc0")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (1000, "retry"), (1001, "retry"), (1006, "retry"), (1011, "retry"), (1002, "stop"), (1003, "stop"),
        (1007, "stop"), (1009, "stop"), (Close.RESTART, "retry"), (Close.SILENT, "retry"), (Close.REPLACED, "stop"),
        (Close.BAD_FRAME, "stop"), (Close.EXPIRED_TICKET, "stop"), (Close.WRONG_GATEWAY, "stop"), (Close.FULL, "wait"),
    ],
)  # fmt: skip
def test_a_close_code_says_whether_to_come_again(code: int, advice: str) -> None:
    assert terminal.advice(code) == advice
