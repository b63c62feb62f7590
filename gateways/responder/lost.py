"""The devices that were revoked, as long as a ticket of theirs could still be good. Pure.

A node renews no ticket of a lost device, so a gateway may forget it when its last ticket has ended. When there are
more than LOST_DEVICES_MAX, the oldest is forgotten earlier, and with it every ticket that is as old as its loss is
refused as expired: whoever is not lost renews it, and nobody who is lost comes in.
"""

from __future__ import annotations

from fusioncmd import devices, limits, subjects
from fusioncmd.bus.port import Stored
from fusioncmd.devices import BadEnrolment, Loss
from fusioncmd.terminal import Close
from fusioncmd.tickets import Ticket

KEPT_S = limits.DEVICE_TICKET_S + limits.CLOCK_SKEW_MS_MAX // 1000  # the node's clock may be another


class LostDevices:
    """`key` is the tier's ticket key."""

    def __init__(self, key: bytes, devices_max: int = limits.LOST_DEVICES_MAX) -> None:
        self._key, self._max = key, devices_max
        self._lost_s: dict[bytes, int] = {}  # device → when, the first to come first
        self._ends_after_s = 0  # tickets of devices that end earlier are refused

    def __len__(self) -> int:
        return len(self._lost_s)

    def __contains__(self, device: bytes) -> bool:
        return device in self._lost_s

    def take(self, stored: Stored, now_s: float) -> Loss:
        """What the stream tells; `BadEnrolment` when no node wrote it."""
        loss = devices.unpack(Loss, stored.data, self._key)
        if stored.subject != subjects.lost(loss.device):
            raise BadEnrolment("It lies on another device's subject.", "所在主题属于另一台设备。")
        self._lost_s[loss.device] = loss.at_ms // 1000
        while self._lost_s:
            oldest, lost_s = next(iter(self._lost_s.items()))
            if lost_s + KEPT_S > now_s:
                if len(self._lost_s) <= self._max:
                    break
                self._ends_after_s = max(self._ends_after_s, lost_s + KEPT_S)
            del self._lost_s[oldest]
        return loss

    def judge(self, ticket: Ticket) -> Close | None:
        """Why the holder of a ticket that is good by itself may not come in all the same."""
        if ticket.device in self._lost_s:
            return Close.LOST_DEVICE
        if ticket.device and ticket.expires_s < self._ends_after_s:
            return Close.EXPIRED_TICKET
        return None
