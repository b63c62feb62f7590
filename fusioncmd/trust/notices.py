"""What comes on the trust stream goes to who reads that kind, by the token that its subject names. Pure.

Revocations, heartbeats, heads of audits and lost devices share one stream, read before all others: whom to believe is
known before anything is believed. Each process reads the kinds that it needs.
"""

from __future__ import annotations

from collections.abc import Callable

from fusioncmd.bus.port import Stored

REVOCATION, HEARTBEAT = "revocation", "heartbeat"  # as `subjects` spells them
Reader = Callable[[Stored], None]


class Notices:
    """A reader raises a `Problem` for what is not what it should be; what is done then is for who folds."""

    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {}

    def on(self, kind: str, reader: Reader) -> None:
        """From now on, `fc.trust.<kind>.…` is for `reader`."""
        assert kind not in self._readers
        self._readers[kind] = reader

    @property
    def filters(self) -> tuple[str, ...]:
        """The subjects to listen to, for a process that needs no others."""
        return tuple(f"fc.trust.{kind}.>" for kind in self._readers)

    def fold(self, stored: Stored) -> None:
        """Read one. A kind that nobody here reads is for others, or of a later version."""
        reader = self._readers.get(stored.subject.split(".")[2])
        if reader is not None:
            reader(stored)
