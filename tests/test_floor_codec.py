"""Floor control messages in bytes: what is written is read again, in one form, and nothing else gets through."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.floor.codec import decode, encode
from fusioncmd.floor.messages import (
    ACK_MAY_BE_ASKED,
    CARRIES,
    NEEDS,
    Denied,
    FloorMessage,
    Indicator,
    Kind,
    Source,
)

REQUEST = FloorMessage(Kind.REQUEST, 0x01020304, priority=5, user="tel:10", indicator=Indicator.NORMAL)
# By hand, from the figures of TS 24.380, 8.2.4 and 8.2.3.2, 8.2.3.8, 8.2.3.15.
REQUEST_BYTES = bytes.fromhex("80cc0006 01020304 4d435054 00020500 060674656c3a3130 0d028000".replace(" ", ""))

octet, word, long = st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 0xFFFFFFFF)
text = st.text(max_size=40).filter(lambda t: len(t.encode("utf-8", "replace")) <= 255)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "priority": octet, "duration_s": word, "cause": word, "position": octet, "granted_party": text,
    "permitted": st.booleans(), "user": text, "queue_size": word, "sequence": word, "queued_user": text,
    "source": st.sampled_from(Source), "acknowledged": st.sampled_from(Kind),
    "indicator": st.integers(0, 511).map(lambda bits: Indicator(bits << 7)), "granted_ssrc": long,
}  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> FloorMessage:
    kind = draw(st.sampled_from(Kind))
    given_: dict[str, Any] = {}
    for name in CARRIES[kind]:
        if name in NEEDS.get(kind, ()) or draw(st.booleans()):
            given_[name] = draw(VALUES[name])
    if "cause" in given_:
        given_["phrase"] = draw(text.filter(lambda t: len(t.encode("utf-8", "replace")) <= 253))
    if "position" in given_:
        given_["level"] = draw(octet)
    return FloorMessage(kind, draw(long), kind in ACK_MAY_BE_ASKED and draw(st.booleans()), **given_)


def test_a_request_has_the_bytes_of_the_standard() -> None:
    assert encode(REQUEST) == REQUEST_BYTES
    assert decode(REQUEST_BYTES) == REQUEST


@given(messages())
def test_what_is_written_is_read_again(message: FloorMessage) -> None:
    data = encode(message)
    assert len(data) % 4 == 0 and len(data) <= limits.FLOOR_BYTES_MAX
    assert decode(data) == message


def by_chance(data: bytes) -> None:
    """Read or refused, never anything else; and what was read has one form."""
    try:
        message = decode(data)
    except BadMessage as problem:
        assert problem.en.endswith(".") and problem.zh.endswith("。")
        return
    again = encode(message)
    assert decode(again) == message and encode(decode(again)) == again


@given(st.binary(max_size=80))
@example(REQUEST_BYTES[:-1])
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    by_chance(data)


@settings(max_examples=500)
@given(st.integers(0, 31), st.lists(st.tuples(octet, octet, st.binary(max_size=12)), max_size=12), long)
def test_any_fields_are_read_or_refused(subtype: int, fields: list[tuple[int, int, bytes]], ssrc: int) -> None:
    body = b"".join(
        bytes((number % 24, len(value) if length % 3 else length)) + value + bytes(-(len(value) + 2) % 4)
        for number, length, value in fields
    )
    head = bytes((0x80 | subtype, 204)) + (2 + len(body) // 4).to_bytes(2, "big") + ssrc.to_bytes(4, "big") + b"MCPT"
    by_chance(head + body)


@given(messages(), st.data())
def test_a_message_with_changed_bytes_is_read_or_refused(message: FloorMessage, data: st.DataObject) -> None:
    changed = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(octet)
    by_chance(bytes(changed))


def field(number: int, value: bytes) -> bytes:
    size = bytes((len(value),)) if number < 192 else len(value).to_bytes(2, "big")
    body = bytes((number,)) + size + value
    return body + bytes(-len(body) % 4)


def packet(subtype: int, *fields: bytes) -> bytes:
    body = b"".join(fields)
    return bytes((0x80 | subtype, 204, 0, 2 + len(body) // 4)) + bytes(4) + b"MCPT" + body


def test_fields_come_in_any_order_and_unknown_ones_are_passed_over() -> None:
    data = packet(3, field(200, b"x" * 300), field(99, b"?"), field(6, "村".encode()), field(2, b"\0\7full"))
    found = decode(data)
    assert found == FloorMessage(Kind.DENY, 0, cause=Denied.QUEUE_FULL, phrase="full", user="村")
    assert encode(found) == packet(3, field(2, b"\0\7full"), field(6, "村".encode()))


def test_spare_bits_are_passed_over() -> None:
    found = decode(packet(5, field(13, b"\xff\xff"), field(8, b"\0\1")))
    assert found.indicator is not None and encode(found) == packet(5, field(8, b"\0\1"), field(13, b"\xff\x80"))


REFUSED = {
    "too short": REQUEST_BYTES[:8],
    "not whole words": REQUEST_BYTES + b"\0",
    "more after it": REQUEST_BYTES + bytes(4),
    "too long": packet(0) + bytes(limits.FLOOR_BYTES_MAX),
    "version 1": b"\x40" + REQUEST_BYTES[1:],
    "RTCP padding": bytes((REQUEST_BYTES[0] | 0x20,)) + REQUEST_BYTES[1:],
    "a sender report": REQUEST_BYTES[:1] + bytes((200,)) + REQUEST_BYTES[2:],
    "PoC1": REQUEST_BYTES.replace(b"MCPT", b"PoC1"),
    "a subtype that there is not": packet(7),
    "a request that wants an ack": packet(0x10),
    "a field beyond the end": packet(4, b"\6\x09abcdef"),
    "a long field beyond the end": packet(4, b"\xc8\1\0\0"),
    "a field twice": packet(5, field(8, b"\0\1"), field(8, b"\0\1")),
    "a priority of one octet": packet(0, field(0, b"\1")),
    "a user that is not UTF-8": packet(0, field(6, b"\xff\xfe")),
    "a cause of one octet": packet(3, field(2, b"\1")),
    "no cause": packet(6),
    "a permission of 2": packet(2, field(5, b"\0\2")),
    "an ack from nobody": packet(10, field(10, b"\0\x09"), field(12, b"\0\0")),
    "an ack of nothing": packet(10, field(12, b"\x07\0")),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_malformed_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(BadMessage, match=r"^Not a floor control message, by .+\.$"):
        decode(data)


UNSAYABLE = {
    "an ssrc of 33 bits": replace(REQUEST, ssrc=1 << 32),
    "a request that wants an ack": replace(REQUEST, ack=True),
    "a priority of 9 bits": replace(REQUEST, priority=256),
    "a user of 256 bytes": replace(REQUEST, user="x" * 256),
    "half a character": replace(REQUEST, user="\ud800"),
    "a cause in a request": replace(REQUEST, cause=1),
    "a phrase without a cause": replace(REQUEST, phrase="no"),
    "a revoke without a cause": FloorMessage(Kind.REVOKE, 1),
}


@pytest.mark.parametrize("message", UNSAYABLE.values(), ids=UNSAYABLE.keys())
def test_what_cannot_be_said_is_not_written(message: FloorMessage) -> None:
    with pytest.raises(BadMessage):
        encode(message)


def test_the_longest_message_takes_little_memory() -> None:
    data = packet(0) + field(99, b"") * ((limits.FLOOR_BYTES_MAX - 12) // 4)
    data = data[:2] + (len(data) // 4 - 1).to_bytes(2, "big") + data[4:]
    tracemalloc.start()
    assert decode(data) == FloorMessage(Kind.REQUEST, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 1024
