"""Who is connected at which descriptor, in arrays indexed by that. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from pyroaring import BitMap

from fusioncmd.tickets import Ticket
from gateways.responder.rota import PARTS, Rota

NOBODY = -1


class Seats:
    def __init__(self, descriptors_max: int, now_s: float) -> None:
        self._rota = Rota(int(now_s))
        self._top = 0  # nobody has ever sat at this descriptor or a higher one
        self.connected = BitMap()
        self.fd_of: dict[int, int] = {}
        self.number_at = array("q", [NOBODY]) * descriptors_max
        self.town_at = array("I", bytes(4 * descriptors_max))
        self._expires_s = array("q", bytes(8 * descriptors_max))
        self._device_at = array("Q", bytes(8 * descriptors_max))  # 0: a ticket that no device was enrolled for

    def take(self, fd: int, ticket: Ticket) -> None:
        """Seat the ticket's holder, whose seat elsewhere, if there was one, was given up before."""
        self._top = max(self._top, fd + 1)
        self.fd_of[ticket.number] = fd
        self.number_at[fd] = ticket.number
        self.town_at[fd] = int(ticket.village[:9])
        self._expires_s[fd] = ticket.expires_s
        self._device_at[fd] = int.from_bytes(ticket.device, "big")
        self.connected.add(ticket.number)

    def renew(self, fd: int, expires_s: int) -> None:
        self._expires_s[fd] = expires_s

    def is_at(self, fd: int, number: int, device: bytes) -> bool:
        return self.number_at[fd] == number and self._device_at[fd] == int.from_bytes(device, "big")

    def device_at(self, fd: int) -> bytes:
        """The enrolled device there; empty for a ticket that was made by hand."""
        return int(self._device_at[fd]).to_bytes(8, "big") if self._device_at[fd] else b""

    def leave(self, fd: int) -> None:
        number = self.number_at[fd]
        self.number_at[fd] = NOBODY
        if number >= 0 and self.fd_of.get(number) == fd:
            del self.fd_of[number]
            self.connected.discard(number)

    def fds(self, numbers: Iterable[int]) -> list[int]:
        """The descriptors of those of them who are here."""
        return [fd for fd in map(self.fd_of.get, numbers) if fd is not None]

    def numbers(self, fds: Iterable[int]) -> BitMap:
        """Who sits at these descriptors."""
        return BitMap(number for fd in fds if (number := self.number_at[fd]) >= 0)

    def expired(self, now_s: int) -> list[int]:
        """The descriptors of those whose ticket has run out, as their turn to be looked at comes."""
        turns = (range(part, self._top, PARTS) for part in self._rota.due(now_s))
        return [fd for fds in turns for fd in fds if self.number_at[fd] >= 0 and self._expires_s[fd] <= now_s]
