"""MAVLink, versions 1 and 2 (mavlink.io, "Packet Serialization"): datagrams in, what positions are made of out.

The only file that knows pymavlink. Most of what an autopilot says is of no use here, so frames are looked at by their
message id first, and only those wanted are parsed. Nothing is signed that need not be: whoever reaches the port is
believed (`--tracks from=`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pymavlink.dialects.v20 import common

_V1, _V2, _SIGNED = 0xFE, 0xFD, 0x01
_GROUND = (common.MAV_TYPE_GROUND_ROVER, common.MAV_TYPE_SURFACE_BOAT, common.MAV_TYPE_SUBMARINE)
_NO_UNIT = (common.MAV_TYPE_GCS, common.MAV_TYPE_ANTENNA_TRACKER)
_PARTS = (
    common.MAV_TYPE_GIMBAL, common.MAV_TYPE_ADSB, common.MAV_TYPE_ONBOARD_CONTROLLER, common.MAV_TYPE_CAMERA,
    common.MAV_TYPE_BATTERY,
)  # fmt: skip
_WANTED = {
    common.MAVLINK_MSG_ID_HEARTBEAT, common.MAVLINK_MSG_ID_GLOBAL_POSITION_INT, common.MAVLINK_MSG_ID_GPS_RAW_INT,
    common.MAVLINK_MSG_ID_SYS_STATUS, common.MAVLINK_MSG_ID_BATTERY_STATUS, common.MAVLINK_MSG_ID_RADIO_STATUS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Is:
    """What a system is: `drone`, `vehicle`, or nothing that has a place of its own."""

    system: int
    kind: str


@dataclass(frozen=True, slots=True)
class At:
    """Where it is: 1e-7 degree, mm above the sea; 0.01 m/s north and east; 0.01 degree, None where unknown."""

    system: int
    lat_e7: int
    lon_e7: int
    altitude_mm: int
    north_cm_s: int
    east_cm_s: int
    heading_cdeg: int | None


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whether it has a fix, how good it is (mm, None where unknown), and how high above the ellipsoid (mm)."""

    system: int
    fixed: bool
    accuracy_mm: int | None
    ellipsoid_mm: int | None


@dataclass(frozen=True, slots=True)
class Charge:
    system: int
    percent: int


@dataclass(frozen=True, slots=True)
class Signal:
    """How well its radio is heard, percent."""

    system: int
    percent: int


Said = Is | At | Receiver | Charge | Signal


class Datagrams:
    """`bad` counts datagrams in which something was no MAVLink."""

    def __init__(self) -> None:
        self._mav = common.MAVLink(None)
        self._mav.robust_parsing = True
        self.bad = 0

    def read(self, data: bytes) -> list[Said]:
        found: list[Said] = []
        good = bool(data)
        for frame in _frames(data):
            if frame is None:
                good = False
                continue
            try:
                message = self._mav.decode(bytearray(frame))
            except (common.MAVError, struct.error, ValueError, KeyError, IndexError, TypeError):
                good = False
                continue
            said = _said(message)
            if said is not None:
                found.append(said)
        self.bad += not good
        return found


def _frames(data: bytes) -> Iterator[bytes | None]:
    """Those that are wanted; None for what is none."""
    at = 0
    while at < len(data):
        if data[at] == _V2 and at + 12 <= len(data):
            size = 12 + data[at + 1] + (13 if data[at + 2] & _SIGNED else 0)
            ident = int.from_bytes(data[at + 7 : at + 10], "little")
        elif data[at] == _V1 and at + 8 <= len(data):
            size, ident = 8 + data[at + 1], data[at + 5]
        else:
            yield None
            return
        if at + size > len(data):
            yield None
            return
        if ident in _WANTED:
            yield data[at : at + size]
        at += size


def _said(message: object) -> Said | None:
    system = message.get_srcSystem()  # type: ignore[attr-defined]
    match message:
        case common.MAVLink_heartbeat_message():
            if message.type in _PARTS:  # of the system, not the system
                return None
            kind = "vehicle" if message.type in _GROUND else "" if message.type in _NO_UNIT else "drone"
            return Is(system, kind)
        case common.MAVLink_global_position_int_message():
            heading = message.hdg if 0 <= message.hdg < 36_000 else None
            return At(system, message.lat, message.lon, message.alt, message.vx, message.vy, heading)
        case common.MAVLink_gps_raw_int_message():
            fixed = message.fix_type >= common.GPS_FIX_TYPE_2D_FIX
            return Receiver(
                system, fixed, getattr(message, "h_acc", 0) or None, getattr(message, "alt_ellipsoid", 0) or None
            )
        case common.MAVLink_sys_status_message() | common.MAVLink_battery_status_message():
            left = message.battery_remaining
            return Charge(system, left) if 0 <= left <= 100 else None
        case common.MAVLink_radio_status_message():
            return Signal(system, round(message.rssi * 100 / 254)) if message.rssi < 255 else None
    return None
