"""Devices of responders: the code that enrols one, the record that is kept of it, what it signs, and its loss. Pure.

A **code** is 20 bytes: the person's number (4), when it ends in minutes since 1970 (4, the top bit: it replaces the
person's other devices), 4 random bytes, and a tag of 8. Nobody keeps codes: a gateway knows one by its tag. A
**device** is named by 8 bytes: 4 that follow from the code, and a tag of 4 over number and those, so that a gateway
tells a made-up name from one of ours before it asks anybody. Since the code names the device, it enrols one only.

All tags are BLAKE2b keyed with the tier's ticket key (RFC 7693), kept apart by BLAKE2's `person`. Tries are bounded
where codes are taken (`gateways/responder/strikes.py`), so 64 bits are enough for a code that lives for days.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from fusioncmd import ids, limits
from fusioncmd.errors import BadInput, Forbidden

CODE_BYTES = 20
CODE_CHARS = 32
ENTROPY_BYTES = 4
DEVICE_BYTES = 8
_BODY = CODE_BYTES - 8
_REPLACES = 1 << 31
_GROUP = 4  # characters; people read codes out
_RECORD_TAG = 16

Number = Annotated[int, Meta(ge=0, lt=1 << 32)]
Millis = Annotated[int, Meta(ge=0, lt=1 << 48)]
Device = Annotated[bytes, Meta(min_length=DEVICE_BYTES, max_length=DEVICE_BYTES)]
Code = Annotated[bytes, Meta(min_length=CODE_BYTES, max_length=CODE_BYTES)]
Algorithm = Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,16}\Z")]
PublicKey = Annotated[bytes, Meta(min_length=16, max_length=limits.PUBLIC_KEY_BYTES_MAX)]
Proof = Annotated[bytes, Meta(min_length=16, max_length=limits.SIGNATURE_BYTES_MAX)]


class BadEnrolment(BadInput):
    """A code, or a device, that is not one of ours, is over, or was used by somebody else."""


class LostDevice(Forbidden):
    """It was revoked: it gets nothing any more."""


class Invitation(NamedTuple):
    """What a code says."""

    number: int
    expires_s: int
    replaces: bool
    device: bytes  # that it will enrol


class Record(Struct, frozen=True, array_like=True, tag="device.1"):
    """An enrolled device. `lost_ms`: since when it is revoked, and `lost_by` whom."""

    device: Device
    number: Number
    algorithm: Algorithm
    public: PublicKey
    enrolled_ms: Millis
    lost_ms: Millis | None = None
    lost_by: Annotated[str, Meta(max_length=limits.AUDIT_FIELD_CHARS_MAX)] = ""


class Loss(Struct, frozen=True, array_like=True, tag="loss.1"):
    """Tells every gateway that a device is not to be believed any more."""

    device: Device
    number: Number
    at_ms: Millis


K = TypeVar("K", Record, Loss)


def make_code(number: int, expires_s: int, replaces: bool, entropy: bytes, key: bytes) -> bytes:
    """A code for the person with `number`; `entropy` is ENTROPY_BYTES random bytes. Whole minutes, rounded up."""
    assert len(entropy) == ENTROPY_BYTES
    minutes = -(-expires_s // 60) | (_REPLACES if replaces else 0)
    body = number.to_bytes(4, "big") + minutes.to_bytes(4, "big") + entropy
    return body + _tag(body, key, b"fc-code", 8)


def read_code(code: bytes, key: bytes, now_s: float) -> Invitation:
    """What `code` says; `BadEnrolment` when it is not one of ours, or is over."""
    body = code[:_BODY]
    if len(code) != CODE_BYTES or not compare_digest(code[_BODY:], _tag(body, key, b"fc-code", 8)):
        raise BadEnrolment("The code is not one of ours.", "登记码无效：不是本系统签发。")
    number, minutes = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    expires_s = (minutes & ~_REPLACES) * 60
    if expires_s <= now_s:
        raise BadEnrolment("The code has expired; ask for a new one.", "登记码已过期，请重新申请。")
    name = _tag(code, key, b"fc-device", 4)
    return Invitation(number, expires_s, bool(minutes & _REPLACES), name + _device_tag(number, name, key))


def is_ours(number: int, device: bytes, key: bytes) -> bool:
    """Could be a device that was enrolled for `number`; a made-up one is, once in 2³²."""
    return len(device) == DEVICE_BYTES and compare_digest(device[4:], _device_tag(number, device[:4], key))


def code_text(code: bytes) -> str:
    """As people read it: 32 characters of Crockford's base 32 in eight groups."""
    text = ids.spell(code)
    return "-".join(text[i : i + _GROUP] for i in range(0, len(text), _GROUP))


def code_from_text(text: str) -> bytes:
    """The code that a person typed; spaces, hyphens and case do not matter, `I`, `L`, `O` are read as digits."""
    raw = "".join(text.split()).replace("-", "")
    code = ids.unspell(raw) if len(raw) == CODE_CHARS else None
    if code is None:
        raise BadEnrolment("A code has 32 letters and digits.", "登记码应为 32 位字母数字。")
    return code


def device_from_text(text: str) -> bytes:
    """A device is written as 16 hexadecimal digits."""
    try:
        device = bytes.fromhex(text.strip())
    except ValueError:
        device = b""
    if len(device) != DEVICE_BYTES:
        raise BadInput(
            f"{text[:40]!r} is no device: 16 hexadecimal digits, as `fusioncmd devices list` shows them.",
            f"“{text[:40]}”不是设备编号（16 位十六进制，可用 fusioncmd devices list 查看）。",
        )
    return device


def enrol_body(code: bytes, algorithm: str, public: bytes) -> bytes:
    """What a device signs, after `fusioncmd/enrol/1` and a zero byte, to prove that it holds the private key."""
    return code + algorithm.encode() + b"\0" + public


def renew_body(number: int, device: bytes, at_ms: int) -> bytes:
    """What a device signs, after `fusioncmd/renew/1` and a zero byte; numbers are big-endian, of 4 and 8 bytes."""
    return number.to_bytes(4, "big") + device + at_ms.to_bytes(8, "big")


def renew_after_s(device: bytes) -> int:
    """When the device should ask for its next ticket: spread over devices, so that they do not all come at once."""
    first, last = limits.DEVICE_RENEW_AFTER_S
    return first + int.from_bytes(device, "big") % (last - first)


def pack(kept: Record | Loss, key: bytes) -> bytes:
    """For the stream, with a tag: a broker that is taken over can put no device of its own there."""
    payload = msgspec.msgpack.encode(kept)
    return payload + _tag(payload, key, b"fc-record", _RECORD_TAG)


def unpack(kind: type[K], data: bytes, key: bytes) -> K:
    """`BadEnrolment` for what no node of this tier wrote."""
    payload = data[:-_RECORD_TAG]
    try:
        if not compare_digest(data[-_RECORD_TAG:], _tag(payload, key, b"fc-record", _RECORD_TAG)):
            raise BadEnrolment("Not a device that this tier's node wrote.", "不是本级节点写入的设备记录。")
        return msgspec.msgpack.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadEnrolment(f"Not a {kind.__name__}: {error}.", f"不是有效的 {kind.__name__}：{error}。") from None


def _device_tag(number: int, name: bytes, key: bytes) -> bytes:
    return _tag(number.to_bytes(4, "big") + name, key, b"fc-device-of", 4)


def _tag(body: bytes, key: bytes, person: bytes, size: int) -> bytes:
    return blake2b(body, key=key, person=person, digest_size=size).digest()
