"""PROXY headers: what is one, what is none, and what may become one. Held against a second reading of the standard."""

from __future__ import annotations

import ipaddress
import random
import re

import pytest

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from gateways.responder.proxy_protocol import LINE_BYTES_MAX, SIGNATURE, Header, parse

V4, V6 = bytes((203, 0, 113, 9)), bytes.fromhex("20010db8000000000000000000000009")
REQUEST = b"GET /terminal HTTP/1.1\r\nHost: x\r\n\r\n"


def binary(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes((command, family)) + len(body).to_bytes(2, "big") + body


TCP4 = V4 + bytes((127, 0, 0, 1)) + b"\xc8\x22\x01\xbb"
TCP6 = V6 + bytes(16) + b"\xc8\x22\x01\xbb"
UNIQUE_ID = b"\x05\x00\x04four"
GOOD = {
    b"PROXY TCP4 203.0.113.9 127.0.0.1 51234 443\r\n": (V4, 51234),
    b"PROXY TCP6 2001:db8::9 ::1 51234 443\r\n": (V6, 51234),
    b"PROXY TCP6 2001:DB8:0:0:0:0:0:9 ::ffff:10.0.0.1 0 65535\r\n": (V6, 0),
    b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n": (b"\xff" * 4, 65535),
    b"PROXY UNKNOWN\r\n": (b"", 0),
    b"PROXY UNKNOWN ffff:f...f:ffff anything 65535\r\n": (b"", 0),
    b"PROXY UNKNOWN " + b"x" * (LINE_BYTES_MAX - 16) + b"\r\n": (b"", 0),
    binary(0x21, 0x11, TCP4): (V4, 51234),
    binary(0x21, 0x21, TCP6): (V6, 51234),
    binary(0x21, 0x11, TCP4 + UNIQUE_ID): (V4, 51234),
    binary(0x21, 0x11, TCP4 + bytes(limits.PROXY_HEADER_BYTES_MAX - 28)): (V4, 51234),
    binary(0x20, 0x00, b""): (b"", 0),  # LOCAL, as HAProxy says for a health check
    binary(0x20, 0xFF, b"whatever"): (b"", 0),  # of LOCAL, all but the length is ignored
    binary(0x21, 0x00, b"whatever"): (b"", 0),
    binary(0x21, 0x12, TCP4): (b"", 0),  # UDP
    binary(0x21, 0x31, bytes(216)): (b"", 0),  # a Unix socket
}
ADDRESSES = b"1.2.3.4 1.2.3.4"
BAD = [
    b"GET /terminal HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b"\r\n\r\n\r\n", b"proxy TCP4", b"PROXY\tTCP4", b" PROXY",
    *(b"PROXY " + line for line in (
        b"\r\n", b"TCP4\r\n", b"UNKNOWNS\r\n", b"TCP5 " + ADDRESSES + b" 1 1\r\n",
        b"TCP4 1.2.3.4 ::1 1 1\r\n", b"TCP4 01.2.3.4 1.2.3.4 1 1\r\n", b"TCP4 1.2.3 1.2.3.4 1 1\r\n",
        b"TCP4 \xc2\xb21.2.3.4 1.2.3.4 1 1\r\n", b"TCP4  " + ADDRESSES + b" 1 1\r\n",
        b"TCP6 " + ADDRESSES + b" 1 1\r\n", b"TCP6 fe80::1%eth0 ::1 1 1\r\n", b"TCP6 ::1::2 ::1 1 1\r\n",
        b"x" * (LINE_BYTES_MAX - 6), b"UNKNOWN " + b"x" * (LINE_BYTES_MAX - 15) + b"\r\n",
    )),
    *(b"PROXY TCP4 " + ADDRESSES + b" " + ports for ports in (
        b"1\r\n", b"1 1 1\r\n", b"1 1 \r\n", b" 1\r\n", b"1 1\n", b"1 1\r\r\n", b"65536 1\r\n", b"1 65536\r\n",
        b"1 +1\r\n", b"01 1\r\n", b"1_0 1\r\n", b"-1 1\r\n", b"\xb2 1\r\n",
    )),
    *(SIGNATURE + bytes((version, 0x11, 0, 12)) + TCP4 for version in (0x11, 0x22, 0x31)),
    binary(0x21, 0x41, TCP4), binary(0x21, 0x13, TCP4), binary(0x21, 0x11, TCP4[:-1]), binary(0x21, 0x21, TCP6[:-1]),
    binary(0x21, 0x11, b""), SIGNATURE + b"\x21\x11\xff\xff", SIGNATURE + b"\x20\x00\xff\xff",
    binary(0x21, 0x11, TCP4 + bytes(limits.PROXY_HEADER_BYTES_MAX - 27)),
]  # fmt: skip


@pytest.mark.parametrize("header", GOOD, ids=repr)
def test_a_header_is_read_wherever_it_is_cut_and_whatever_stands_behind_it(header: bytes) -> None:
    for cut in range(len(header)):
        assert parse(header[:cut]) is None, cut
    for behind in (b"", b"\n", REQUEST, header):
        assert parse(header + behind) == Header(*GOOD[header], len(header))


@pytest.mark.parametrize("data", BAD, ids=repr)
def test_what_is_no_header_is_refused_and_stays_so(data: bytes) -> None:
    for more in (b"", REQUEST, b"\r\n"):
        with pytest.raises(BadMessage, match="PROXY header"):
            parse(data + more)


@pytest.mark.parametrize(
    "data", [b"G", b"PROXYTCP4 ", b"PROXY TCP4\n", SIGNATURE[:-1] + b"\r", b"PROXY " + bytes(LINE_BYTES_MAX)]
)
def test_what_cannot_become_a_header_is_not_waited_for(data: bytes) -> None:
    with pytest.raises(BadMessage):
        parse(data)


OCTET = r"(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])"
PORT = r"(?:0|[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
LINE4 = re.compile(rf"PROXY TCP4 ({OCTET}(?:\.{OCTET}){{3}}) {OCTET}(?:\.{OCTET}){{3}} ({PORT}) {PORT}\r\n", re.ASCII)
LINE6 = re.compile(rf"PROXY TCP6 ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) ({PORT}) {PORT}\r\n", re.ASCII)


def second_reading(data: bytes) -> Header | None:
    """The header at the beginning of `data`, by patterns; None for anything else, incomplete or not."""
    line = data[: data.find(b"\r\n") + 2].decode("latin-1")
    if data.startswith(b"PROXY ") and len(line) <= LINE_BYTES_MAX and "\n" not in line[:-2]:
        if found := LINE4.fullmatch(line):
            return Header(ipaddress.ip_address(found[1]).packed, int(found[2]), len(line))
        if found := LINE6.fullmatch(line):
            try:
                source, _ = ipaddress.IPv6Address(found[1]), ipaddress.IPv6Address(found[2])
            except ValueError:
                return None
            return Header(source.packed, int(found[3]), len(line))
        return Header(b"", 0, len(line)) if re.match(r"PROXY UNKNOWN( |\r\n)", line) else None
    if data[:12] != SIGNATURE or len(data) < 16 or data[12] not in (0x20, 0x21):
        return None
    size = 16 + data[14] * 256 + data[15]
    if size > min(len(data), limits.PROXY_HEADER_BYTES_MAX):
        return None
    if data[12] == 0x20:
        return Header(b"", 0, size)
    match data[13]:
        case 0x11:
            return Header(data[16:20], int.from_bytes(data[24:26], "big"), size) if size >= 28 else None
        case 0x21:
            return Header(data[16:32], int.from_bytes(data[48:50], "big"), size) if size >= 52 else None
        case family:
            return Header(b"", 0, size) if family // 16 <= 3 and family % 16 <= 2 else None


def mutated(chance: random.Random, seed: bytes) -> bytes:
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[at:at] = chance.choice(
                    [b" ", b"0", b"\r", b"\n", b"\r\n", b".", b":", b"%", bytes([chance.randrange(256)])]
                )
            case 1:
                del data[at : at + chance.randint(1, 5)]
            case 2 if at < len(data):
                data[at] = chance.choice([data[at] ^ 1 << chance.randrange(8), chance.randrange(256), *b"0129 \r\n"])
            case _:
                piece = chance.choice(list(GOOD))
                data[at:] = piece[chance.randrange(len(piece)) :]
    return bytes(data)


@pytest.mark.parametrize("seed", range(8))
def test_mutated_bytes_never_crash_and_are_taken_only_when_they_are_a_header(seed: int) -> None:
    chance = random.Random(seed)
    headers = [*GOOD, *BAD]
    outcomes = {"header": 0, "more": 0, "refused": 0}
    for _ in range(5_000):
        data = mutated(chance, chance.choice(headers)) + chance.choice([b"", REQUEST])
        try:
            found = parse(data)
        except BadMessage:
            outcomes["refused"] += 1
            assert second_reading(data) is None, data
            continue
        outcomes["more" if found is None else "header"] += 1
        assert found == second_reading(data), data
        if found is None:
            assert len(data) < limits.PROXY_HEADER_BYTES_MAX
        else:
            assert parse(data[: found.taken]) == found, data
            assert all(parse(data[:cut]) is None for cut in range(0, found.taken, 7)), data
    assert min(outcomes.values()) > 100, outcomes
