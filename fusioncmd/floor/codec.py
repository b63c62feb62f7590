"""Floor control messages in bytes: RTCP APP packets named "MCPT" (RFC 3550, 6.7; 3GPP TS 24.380, clause 8.2). Pure.

`decode` takes fields in any order and passes over those that it does not know or that do not belong to the message, as
clause 8.2.3.1 wants it; `encode` writes them in one order, so what was decoded has one form.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.floor.messages import (
    ACK_MAY_BE_ASKED,
    CARRIES,
    NEEDS,
    FloorMessage,
    Indicator,
    Kind,
    Source,
)

VERSION, APP, NAME = 2, 204, b"MCPT"
_HEADER = struct.Struct(">BBHI4s")
_ACK_BIT, _PADDING_BIT = 0x10, 0x20
_LONG_FROM = 192  # field numbers from here on have a length of two octets
_U8, _U32 = 0xFF, 0xFFFFFFFF
_INDICATORS = sum(Indicator)
_TEXT_BYTES_MAX = 255  # of what one octet counts

# Field numbers of clause 8.2.3.1, by attribute.
_NUMBERS = {
    "priority": 0, "duration_s": 1, "cause": 2, "position": 3, "granted_party": 4, "permitted": 5, "user": 6,
    "queue_size": 7, "sequence": 8, "queued_user": 9, "source": 10, "acknowledged": 12, "indicator": 13,
    "granted_ssrc": 14,
}  # fmt: skip
_ATTRIBUTES = {number: name for name, number in _NUMBERS.items()}


def encode(message: FloorMessage) -> bytes:
    """Its packet, a whole number of 32-bit words. Raises BadMessage when it cannot be said in one."""
    if not 0 <= message.ssrc <= _U32 or (message.ack and message.kind not in ACK_MAY_BE_ASKED):
        raise _bad("its header", "消息头")
    for name in _NUMBERS.keys() - set(CARRIES[message.kind]):
        if getattr(message, name) is not None:
            raise _bad(f"what does not belong to it: {name}", f"不属于该消息的 {name}")
    if (message.phrase and message.cause is None) or (message.level and message.position is None):
        raise _bad("what does not belong to it", "不属于该消息的内容")
    body = bytearray()
    for name in CARRIES[message.kind]:
        if getattr(message, name) is not None:
            value = _value(message, name)
            if len(value) > _TEXT_BYTES_MAX:
                raise _bad(name, name)
            body += bytes((_NUMBERS[name], len(value))) + value
            body += bytes(-len(body) % 4)
    _complete(message)
    first = VERSION << 6 | (_ACK_BIT if message.ack else 0) | message.kind
    packet = _HEADER.pack(first, APP, (_HEADER.size + len(body)) // 4 - 1, message.ssrc, NAME) + body
    if len(packet) > limits.FLOOR_BYTES_MAX:
        raise _bad("its length", "长度")
    return packet


def decode(data: bytes) -> FloorMessage:
    """The message that is exactly `data`. Raises BadMessage."""
    if not _HEADER.size <= len(data) <= limits.FLOOR_BYTES_MAX or len(data) % 4:
        raise _bad("its length", "长度")
    first, packet_type, words, ssrc, name = _HEADER.unpack_from(data)
    if first >> 6 != VERSION or first & _PADDING_BIT or packet_type != APP or name != NAME:
        raise _bad("its header", "消息头")
    if (words + 1) * 4 != len(data):
        raise _bad("its length", "长度")
    kind = _kind(first & 0x0F)
    ack = bool(first & _ACK_BIT)
    if ack and kind not in ACK_MAY_BE_ASKED:
        raise _bad("its subtype", "子类型")
    found: dict[str, Any] = {}
    for number, value in _fields(data):
        attribute = _ATTRIBUTES.get(number)
        if attribute is None or attribute not in CARRIES[kind]:
            continue
        if attribute in found:
            raise _bad(f"field {number}, which is there twice", f"重复的字段 {number}")
        found |= _READ[attribute](attribute, value)
    return _complete(replace(FloorMessage(kind, ssrc, ack), **found))


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = _HEADER.size
    while at < len(data):
        number, begin = data[at], at + (2 if data[at] < _LONG_FROM else 3)
        length = int.from_bytes(data[at + 1 : begin], "big")
        if begin + length > len(data):
            raise _bad(f"field {number}", f"字段 {number}")
        yield number, data[begin : begin + length]
        at = begin + length
        at += -(at - _HEADER.size) % 4


def _complete(message: FloorMessage) -> FloorMessage:
    for name in NEEDS.get(message.kind, ()):
        if getattr(message, name) is None:
            raise _bad(f"what it lacks: {name}", f"缺少字段 {name}")
    return message


def _kind(number: int) -> Kind:
    try:
        return Kind(number)
    except ValueError:
        raise _bad("its subtype", "子类型") from None


def _value(message: FloorMessage, name: str) -> bytes:
    value = getattr(message, name)
    if isinstance(value, str):
        return _utf8(value, name)
    try:
        match name:
            case "priority" | "acknowledged":
                return struct.pack(">BB", value, 0)
            case "cause":
                return struct.pack(">H", value) + _utf8(message.phrase, "phrase")
            case "position":
                return struct.pack(">BB", value, message.level)
            case "granted_ssrc":
                return struct.pack(">IH", value, 0)
            case _:
                return struct.pack(">H", value)
    except struct.error:
        raise _bad(name, name) from None


def _utf8(text: str, name: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise _bad(name, name) from None


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad(f"{name}, which is not UTF-8", f"非 UTF-8 的 {name}") from None


def _number(name: str, value: bytes, octets: int = 2) -> int:
    if len(value) != octets:
        raise _bad(f"the length of {name}", f"{name} 的长度")
    return int.from_bytes(value, "big")


def _read_text(name: str, value: bytes) -> dict[str, Any]:
    return {name: _text(name, value)}


def _read_number(name: str, value: bytes) -> dict[str, Any]:
    return {name: _number(name, value)}


def _read_first(name: str, value: bytes) -> dict[str, Any]:
    return {name: _number(name, value) >> 8}


def _read_cause(name: str, value: bytes) -> dict[str, Any]:
    return {name: _number(name, value[:2]), "phrase": _text("phrase", value[2:])}


def _read_position(name: str, value: bytes) -> dict[str, Any]:
    both = _number(name, value)
    return {name: both >> 8, "level": both & _U8}


def _read_permitted(name: str, value: bytes) -> dict[str, Any]:
    number = _number(name, value)
    if number > 1:
        raise _bad(name, name)
    return {name: bool(number)}


def _read_source(name: str, value: bytes) -> dict[str, Any]:
    try:
        return {name: Source(_number(name, value))}
    except ValueError:
        raise _bad(name, name) from None


def _read_acknowledged(name: str, value: bytes) -> dict[str, Any]:
    return {name: _kind(_number(name, value) >> 8 & ~_ACK_BIT)}


def _read_indicator(name: str, value: bytes) -> dict[str, Any]:
    return {name: Indicator(_number(name, value) & _INDICATORS)}  # spare bits are passed over


def _read_ssrc(name: str, value: bytes) -> dict[str, Any]:
    return {name: _number(name, value, 6) >> 16}


_READ: dict[str, Callable[[str, bytes], dict[str, Any]]] = {
    "priority": _read_first, "duration_s": _read_number, "cause": _read_cause, "position": _read_position,
    "granted_party": _read_text, "permitted": _read_permitted, "user": _read_text, "queue_size": _read_number,
    "sequence": _read_number, "queued_user": _read_text, "source": _read_source,
    "acknowledged": _read_acknowledged, "indicator": _read_indicator, "granted_ssrc": _read_ssrc,
}  # fmt: skip


def _bad(en: str, zh: str) -> BadMessage:
    return BadMessage(f"Not a floor control message, by {en}.", f"不是有效的话权控制消息：{zh}。")
