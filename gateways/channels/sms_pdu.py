"""SMPP 3.4 (Short Message Peer to Peer, Issue 1.2) as bytes: what a transceiver says and hears. Pure.

A PDU is a header of four 32-bit integers (length, command, status, sequence) and a body (section 3.2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fusioncmd.errors import BadMessage

HEADER = struct.Struct(">IIII")
PDU_BYTES_MAX = 64 * 1024
RESPONSE = 0x80000000
BIND_TRANSCEIVER, SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK = 0x09, 0x04, 0x05, 0x06, 0x15
GENERIC_NACK = RESPONSE
# Section 5.1.3.
OK, MESSAGE_QUEUE_FULL, THROTTLED, TEMPORARY = 0x00, 0x14, 0x58, 0x64
INVALID_COMMAND = 0x03
UCS2 = 0x08
RECEIPT, WITH_UDH = 0x04, 0x40  # in esm_class
_RECEIPTED_MESSAGE_ID, _MESSAGE_PAYLOAD = 0x001E, 0x0424  # optional parameters


@dataclass(frozen=True, slots=True)
class Pdu:
    command: int
    sequence: int
    body: bytes = b""
    status: int = OK

    def pack(self) -> bytes:
        return HEADER.pack(HEADER.size + len(self.body), self.command, self.status, self.sequence) + self.body

    def reply(self, body: bytes = b"", status: int = OK) -> Pdu:
        return Pdu(self.command | RESPONSE, self.sequence, body, status)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A `deliver_sm`: something that a phone wrote, or a receipt of something that was sent to one."""

    source: str
    text: str
    receipt_of: str = ""  # the message's id
    arrived: bool = False  # the phone has it


def header(data: bytes) -> tuple[int, int, int, int]:
    """Length, command, status, sequence; `BadMessage` for a length that no PDU has."""
    length, command, status, sequence = HEADER.unpack(data)
    if not HEADER.size <= length <= PDU_BYTES_MAX:
        raise BadMessage(f"A PDU of {length} bytes is none.", f"PDU 长度 {length} 无效。")
    return length, command, status, sequence


def bind(sequence: int, system_id: str, password: str, system_type: str) -> Pdu:
    body = _text(system_id) + _text(password) + _text(system_type) + bytes((0x34, 0, 0)) + _text("")
    return Pdu(BIND_TRANSCEIVER, sequence, body)


def submit(sequence: int, source: str, target: str, short_message: bytes, udh: bool, left_s: int) -> Pdu:
    """Text in UCS-2, with a receipt asked for; the network drops it when the order has ended (7.1.1, relative time)."""
    body = b"".join((
        _text(""), bytes((0, 0)), _text(source), bytes((1, 1)) if target.startswith("+") else bytes((0, 1)),
        _text(target.lstrip("+")), bytes((WITH_UDH if udh else 0, 0, 1)), _text(""), _text(validity(left_s)),
        bytes((1, 0, UCS2, 0, len(short_message))), short_message,
    ))  # fmt: skip
    return Pdu(SUBMIT_SM, sequence, body)


def validity(left_s: int) -> str:
    minutes, seconds = divmod(max(60, min(left_s, 7 * 86_400)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}000R"


def message_id(pdu: Pdu) -> str:
    """What a `submit_sm_resp` names the message."""
    return _Reader(pdu.body).text() if pdu.body else ""


def delivered(pdu: Pdu) -> Delivered:
    """`BadMessage` for a `deliver_sm` that cannot be read."""
    r = _Reader(pdu.body)
    r.text()
    r.take(2)
    source = r.text()
    r.take(2)
    r.text()
    esm_class = r.take(3)[0]
    r.text()
    r.text()
    coding, length = r.take(5)[2::2]
    message, options = r.take(length), r.options()
    message = message or options.get(_MESSAGE_PAYLOAD, b"")
    if esm_class & WITH_UDH and message:
        message = message[message[0] + 1 :]
    text = message.decode("utf-16-be" if coding == UCS2 else "latin-1", "replace")
    if not esm_class & RECEIPT:
        return Delivered(source, text)
    said = dict(part.split(":", 1) for part in text.split() if ":" in part)  # appendix B
    ident = options.get(_RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0").decode("latin-1") or said.get("id", "")
    return Delivered(source, text, ident, said.get("stat") == "DELIVRD")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) != count:
            raise BadMessage("A PDU ends too early.", "PDU 不完整。")
        self._at += count
        return found

    def text(self) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise BadMessage("A PDU ends too early.", "PDU 不完整。")
        return self.take(end - self._at + 1)[:-1].decode("latin-1")

    def options(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while self._at < len(self._data):
            tag, length = struct.unpack(">HH", self.take(4))
            found[tag] = self.take(length)
        return found


def _text(text: str) -> bytes:
    return text.encode("latin-1", "replace") + b"\0"
