"""Who is at the other end: whom the proxy in front names, or the connection's own end; and who was turned away.

Nothing is kept of terminals that connect by themselves: the kernel knows them. Of those behind a proxy, 18 bytes each,
in one array. Who is refused or breaks the protocol is logged with the real address, a few lines a minute at most, so
that whoever floods the gateway does not flood the disk, too; the rest is counted.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address

import structlog

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.networks import Network, is_in
from fusioncmd.terminal import Close
from gateways.responder import proxy_protocol
from gateways.responder.strikes import Strikes

log = structlog.get_logger("peers")

_FAULTS = frozenset(
    {
        Close.BAD_FRAME,
        Close.BAD_TICKET,
        Close.EXPIRED_TICKET,
        Close.WRONG_GATEWAY,
        Close.NO_HELLO,
        Close.LOST_DEVICE,
        Close.NOT_ENROLLED,
    }
)
# What proves that nobody is there whom we know. An expired ticket does not: it was good.
_FAILURES = frozenset({Close.BAD_FRAME, Close.BAD_TICKET, Close.NO_HELLO, Close.LATE, Close.NOT_ENROLLED})
_ENTRY = 18  # bytes: an IPv6 address, or one of IPv4 in that form (RFC 4291, 2.5.5.2), and a port; zeros: not known
_AS_IPV6 = bytes(10) + b"\xff\xff"
_UNKNOWN = bytes(_ENTRY)
_GONE = "gone"  # before it could be asked
_FORGIVE_EACH_S = 5
_GROW = _ENTRY * 1024
_CACHED = 256  # addresses that connect here are few: those of proxies


class Peers:
    """`proxies` are the networks from which connections are taken, each with a PROXY header; None: from anywhere.

    `admits` says whether a connection from that address and port is one of a proxy; None where all may come.
    """

    def __init__(self, proxies: tuple[Network, ...] | None = None) -> None:
        self.admits: Callable[[str, int], bool] | None = None if proxies is None else self._admit
        self._trusts = lru_cache(_CACHED)(lambda host: is_in(host, proxies or ()))
        self._sources = bytearray()
        self._strikes = Strikes()
        self._now_s = 0
        self.refused = 0  # since the start
        self._logged = self._unlogged = 0  # in this minute
        self._minute_s = 0

    def introduce(self, fd: int, data: bytes) -> int | None:
        """Take the PROXY header that `data` begins with: how many bytes it has, or None while it is incomplete.

        0 when there is none, which is told of.
        """
        start = fd * _ENTRY
        if len(self._sources) < start + _ENTRY:
            self._sources.extend(bytes(start + _GROW - len(self._sources)))
        self._sources[start : start + _ENTRY] = _UNKNOWN  # whoever was at this descriptor before
        try:
            header = proxy_protocol.parse(data)
        except BadMessage as problem:
            self.tell(fd, problem.en)
            return 0
        if header is None:
            return None
        if address := header.address:
            whole = address if len(address) == 16 else _AS_IPV6 + address
            self._sources[start : start + _ENTRY] = whole + header.port.to_bytes(2, "big")
        return header.taken

    def name(self, fd: int) -> str:
        """Address and port of whoever is at `fd`, which is open; of the proxy, when that has not said."""
        entry = self._sources[fd * _ENTRY : (fd + 1) * _ENTRY]
        if not entry or entry == _UNKNOWN:
            return _own_end(fd)
        address = IPv6Address(bytes(entry[:16]))
        return _written(str(address.ipv4_mapped or address), int.from_bytes(entry[16:], "big"))

    def closes(self, fd: int, code: int, reason: str) -> None:
        """`fd` is about to be closed; tell of it, if that is the peer's fault."""
        if code in _FAULTS:
            self.tell(fd, f"{int(code)} {reason}")
        if code in _FAILURES:
            self.fails(fd)

    def faults(self, fd: int, fault: str) -> None:
        """Whoever is at `fd` does not speak this protocol; an empty `fault` is none."""
        if fault:
            self.tell(fd, fault)
            self.fails(fd)

    @property
    def wary(self) -> bool:
        """Some address is struck."""
        return self._strikes.wary

    def fails(self, fd: int) -> None:
        """To prove who it is; of a terminal behind a proxy that does not say where it comes from, nothing follows."""
        if address := self._address(fd):
            self._strikes.fail(address, self._now_s)

    def is_struck(self, fd: int) -> bool:
        return self.struck_address(fd) is not None

    def struck_address(self, fd: int) -> bytes | None:
        """Where `fd` comes from, if too many failed from there."""
        if not self._strikes.wary:
            return None
        address = self._address(fd)
        return address if address and self._strikes.is_struck(address, self._now_s) else None

    def tell(self, fd: int, fault: str) -> None:
        """Whoever is at `fd` is refused, or ended for breaking the protocol; an empty `fault` is none."""
        if fault and self._may_log():
            self._log(self.name(fd), fault)

    def sweep(self, now_s: int) -> None:
        """Once a second: forgive; and when a minute is over, say how many were not logged in it."""
        self._now_s = now_s
        if now_s % _FORGIVE_EACH_S == 0:
            self._strikes.sweep(now_s)
        if now_s - self._minute_s < limits.REFUSALS_LOGGED_S:
            return
        if self._unlogged:
            log.warning("gateway.refused_more", count=self._unlogged, refused=self.refused)
        self._minute_s, self._logged, self._unlogged = now_s, 0, 0

    def _address(self, fd: int) -> bytes:
        """4 bytes, or the 8 of an IPv6 network that one customer has; empty when it is not known."""
        if self.admits:
            entry = bytes(self._sources[fd * _ENTRY : fd * _ENTRY + 16])
            known = len(entry) == 16 and any(entry)
            return _network(entry) if known else b""
        host = _own_end(fd).rpartition(":")[0].strip("[]")
        if ":" in host:
            return _network(socket.inet_pton(socket.AF_INET6, host))
        return socket.inet_aton(host) if host else b""

    def _admit(self, host: str, port: int) -> bool:
        if self._trusts(host):
            return True
        if self._may_log():
            self._log(_written(host, port), "not a trusted proxy")
        return False

    def _may_log(self) -> bool:
        self.refused += 1
        if self._logged >= limits.REFUSALS_LOGGED_MAX:
            self._unlogged += 1
            return False
        self._logged += 1
        return True

    def _log(self, peer: str, fault: str) -> None:
        log.warning("gateway.refused", peer=peer, fault=fault, refused=self.refused)


def _network(address: bytes) -> bytes:
    """Of an IPv6 address, which may be one of IPv4 in that form."""
    return address[12:] if address.startswith(_AS_IPV6) else address[:8]


def _own_end(fd: int) -> str:
    try:
        connection = socket.socket(fileno=fd)
    except OSError:
        return _GONE
    try:
        host, port, *_ = connection.getpeername()
        return _written(host, port)
    except OSError:
        return _GONE
    finally:
        connection.detach()


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
