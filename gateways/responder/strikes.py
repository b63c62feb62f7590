"""Which addresses failed too often to prove who they are, and the connections that have not proved it yet. Pure.

Only failures count: forged or malformed tickets and codes, what is not this protocol, handshakes that never end. A
good ticket costs nothing here and always gets in, also from an address from which others fail: behind a carrier's
NAT there are thousands of phones, and one of them may be an attacker's. Whoever is struck waits with enrolments and
renewals, has less time for the handshake, and of its connections without a hello the oldest go first.
"""

from __future__ import annotations

from fusioncmd import limits


class Strikes:
    """A failure raises an address by one; each second lowers it by FAILURES_FORGIVEN_PER_S."""

    def __init__(self) -> None:
        self._levels: dict[bytes, tuple[float, float]] = {}  # address → level, and when; the latest to fail last
        self.wary = False  # some address is struck

    def fail(self, address: bytes, now_s: float) -> None:
        level = min(self._level(address, now_s) + 1, 2 * limits.FAILURES_MAX)
        self._levels.pop(address, None)
        self._levels[address] = level, now_s
        self.wary = self.wary or level >= limits.FAILURES_MAX
        if len(self._levels) > limits.FAILING_ADDRESSES_MAX:
            del self._levels[next(iter(self._levels))]

    def is_struck(self, address: bytes, now_s: float) -> bool:
        return self.wary and self._level(address, now_s) >= limits.FAILURES_MAX

    def sweep(self, now_s: float) -> None:
        """Now and then: forget who is forgiven."""
        for address in [address for address in self._levels if not self._level(address, now_s)]:
            del self._levels[address]
        self.wary = any(self._level(address, now_s) >= limits.FAILURES_MAX for address in self._levels)

    def __len__(self) -> int:
        return len(self._levels)

    def _level(self, address: bytes, now_s: float) -> float:
        level, at_s = self._levels.get(address, (0.0, now_s))
        return max(0.0, level - max(0.0, now_s - at_s) * limits.FAILURES_FORGIVEN_PER_S)


class Unproven:
    """Connections before their hello, and those that linger after their end: the oldest first."""

    def __init__(self, connections_max: int = limits.UNPROVEN_MAX) -> None:
        self._max = connections_max
        self._fds: dict[int, None] = {}
        self._of: dict[bytes, dict[int, None]] = {}  # those of struck addresses
        self._from: dict[int, bytes] = {}

    def add(self, fd: int) -> None:
        self._fds[fd] = None

    def begin(self, fd: int) -> int | None:
        """One more; who has to go for it, if there are too many."""
        self._fds[fd] = None
        return next(iter(self._fds)) if len(self._fds) > self._max else None

    def watch(self, fd: int, address: bytes) -> int | None:
        """It comes from an address that is struck; who has to go, if that has too many."""
        theirs = self._of.setdefault(address, {})
        theirs[fd] = None
        self._from[fd] = address
        return next(iter(theirs)) if len(theirs) > limits.UNPROVEN_STRUCK_MAX else None

    def discard(self, fd: int) -> None:
        self._fds.pop(fd, None)
        if self._from and (address := self._from.pop(fd, None)) is not None:
            theirs = self._of[address]
            del theirs[fd]
            if not theirs:
                del self._of[address]

    def handshake_s_max(self, fd: int) -> int:
        return limits.HANDSHAKE_STRUCK_S_MAX if fd in self._from else limits.HANDSHAKE_S_MAX

    def __contains__(self, fd: int) -> bool:
        return fd in self._fds

    def list(self) -> tuple[int, ...]:
        return tuple(self._fds)
