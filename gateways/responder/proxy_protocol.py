"""The PROXY protocol, versions 1 and 2: whom a proxy in front connects, from the first bytes that it sends. Pure.

Source: "The PROXY protocol" of HAProxy (doc/proxy-protocol.txt, 2020/03/05), sections 2.1 and 2.2. It is ours because
the typed library there is (`proxy-protocol` 0.11.3, the last of April 2024) does not say how many bytes a header took,
so it cannot read one with a request behind it; it waits without a bound (a line for ever, 65,535 bytes of version 2);
it takes ports such as `+1` and `070`; and it lets `struct.error` out when an address is cut short.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

from fusioncmd import limits
from fusioncmd.errors import BadMessage

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"  # how version 2 begins
WORD = b"PROXY "  # and version 1
LINE_BYTES_MAX = 107  # of version 1, its end included (2.1)
_FIXED = 16  # bytes of version 2 before the addresses
_LOCAL, _TCP4, _TCP6 = 0x20, 0x11, 0x21


class Header(NamedTuple):
    """Where the terminal is, and how many bytes the header took.

    `address` is packed: 4 bytes of IPv4 or 16 of IPv6. It is empty, and `port` 0, when the proxy speaks for itself
    (LOCAL, as for a health check) or does not know (UNKNOWN, UNSPEC, not TCP): then the connection's own end stands.
    """

    address: bytes
    port: int
    taken: int


def parse(data: bytes) -> Header | None:
    """The header at the beginning of `data`; None while it is incomplete.

    `BadMessage` as soon as it is sure that no header will come of it, however many bytes follow.
    """
    if data.startswith(SIGNATURE):
        return _version_2(data)
    if data.startswith(WORD):
        return _version_1(data)
    if SIGNATURE.startswith(data) or WORD.startswith(data):
        return None
    raise BadMessage("There is no PROXY header.", "没有 PROXY 头。")


def _version_1(data: bytes) -> Header | None:
    """`PROXY TCP4 source destination source-port destination-port` and CRLF, one space between each (2.1)."""
    end = data.find(b"\n", 0, LINE_BYTES_MAX)
    if end < 0:
        if len(data) < LINE_BYTES_MAX:
            return None
        raise _bad(f"longer than {LINE_BYTES_MAX} bytes", f"超过 {LINE_BYTES_MAX} 字节")
    if data[end - 1 : end] != b"\r":
        raise _bad("not ended by CRLF", "未以 CRLF 结束")
    kind, *fields = data[len(WORD) : end - 1].split(b" ")
    if kind == b"UNKNOWN":  # and whatever stands behind it
        return Header(b"", 0, end + 1)
    if kind not in (b"TCP4", b"TCP6") or len(fields) != 4:
        raise _bad("neither TCP4, TCP6 nor UNKNOWN with what belongs to it", "不是完整的 TCP4、TCP6 或 UNKNOWN")
    source, _ = (_address(kind, field) for field in fields[:2])
    port, _ = map(_port, fields[2:])
    return Header(source, port, end + 1)


def _address(kind: bytes, field: bytes) -> bytes:
    try:
        text = field.decode("ascii")
        if kind == b"TCP4":
            return IPv4Address(text).packed
        if "%" not in text:  # a scope is for links, and no part of the protocol
            return IPv6Address(text).packed
    except (UnicodeDecodeError, AddressValueError):
        pass
    raise _bad("with an address that is none", "地址无效")


def _port(field: bytes) -> int:
    """Decimal digits without a leading zero, 0 to 65535."""
    if field.isdigit() and len(field) <= 5 and (field[:1] != b"0" or field == b"0") and int(field) < 1 << 16:
        return int(field)
    raise _bad("with a port that is none", "端口无效")


def _version_2(data: bytes) -> Header | None:
    """Signature, version and command, family and transport, length, addresses, and extensions, which are skipped."""
    if len(data) < _FIXED:
        return None
    command, family = data[12], data[13]
    if command not in (_LOCAL, _LOCAL + 1):
        raise _bad("of another version, or with an unknown command", "版本或命令未知")
    if command != _LOCAL and (family >> 4 > 3 or family & 0x0F > 2):
        raise _bad("of an unknown address family or transport", "地址族或传输方式未知")
    taken = _FIXED + int.from_bytes(data[14:16], "big")
    if taken > limits.PROXY_HEADER_BYTES_MAX:
        raise _bad(f"longer than {limits.PROXY_HEADER_BYTES_MAX} bytes", f"超过 {limits.PROXY_HEADER_BYTES_MAX} 字节")
    size = {_TCP4: 4, _TCP6: 16}.get(family, 0) if command != _LOCAL else 0
    if taken < _FIXED + 2 * size + (4 if size else 0):
        raise _bad("too short for its addresses", "长度不足以容纳地址")
    if len(data) < taken:
        return None
    ports = _FIXED + 2 * size
    port = int.from_bytes(data[ports : ports + 2], "big") if size else 0
    return Header(data[_FIXED : _FIXED + size], port, taken)


def _bad(en: str, zh: str) -> BadMessage:
    return BadMessage(f"The PROXY header is {en}.", f"PROXY 头{zh}。")
