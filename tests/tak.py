"""Peers of the gateway of positions: a drone as pymavlink speaks, and a TAK client by a real TCP socket."""

from __future__ import annotations

import re
import socket
import time
from datetime import UTC, datetime

import takproto
from pymavlink.dialects.v20 import common


class Drone:
    """It says what an autopilot says, by UDP to `port`; `lat` and `lon` in degrees."""

    def __init__(self, port: int, system: int = 1) -> None:
        self._socket: socket.socket | None = None
        self._to, self._mav = ("127.0.0.1", port), common.MAVLink(None, srcSystem=system, srcComponent=1)

    def packets(self, lat: float, lon: float, battery: int = 77, north_cm_s: int = 1_200, fix: int = 3) -> list[bytes]:
        lat_e7, lon_e7 = round(lat * 1e7), round(lon * 1e7)
        messages = [
            common.MAVLink_heartbeat_message(common.MAV_TYPE_QUADROTOR, common.MAV_AUTOPILOT_PX4, 0, 0, 4, 3),
            common.MAVLink_gps_raw_int_message(
                0, fix, lat_e7, lon_e7, 118_000, 90, 120, 1_200, 0, 14, 125_000, 2_400, 0, 0, 0
            ),
            common.MAVLink_attitude_message(0, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0),
            common.MAVLink_sys_status_message(0, 0, 0, 200, 22_000, 900, battery, 0, 0, 0, 0, 0, 0),
            common.MAVLink_radio_status_message(203, 200, 90, 40, 40, 0, 0),
            common.MAVLink_global_position_int_message(0, lat_e7, lon_e7, 118_000, 60_000, north_cm_s, 0, 0, 9_000),
        ]  # fmt: skip
        return [bytes(message.pack(self._mav)) for message in messages]

    def fly(self, lat: float, lon: float, **more: int) -> None:
        for packet in self.packets(lat, lon, **more):
            self.send(packet)

    def send(self, data: bytes) -> None:
        self._socket = self._socket or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.sendto(data, self._to)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


def event(
    uid: str, lat: float, lon: float, kind: str = "a-f-G-U-C", at_s: float | None = None, **more: object
) -> bytes:
    """A CoT event as ATAK writes it."""
    now_s = time.time() if at_s is None else at_s
    start, stale = (datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for s in (now_s, now_s + 300))
    detail = more.get("detail", f'<contact callsign="{more.get("callsign", uid)}"/><status battery="61"/>')
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<event version="2.0" uid="{uid}" type="{kind}" how="m-g" '
        f'time="{start}" start="{start}" stale="{stale}">'
        f'<point lat="{lat}" lon="{lon}" hae="21.5" ce="6.1" le="9999999.0"/>'
        f'<detail>{detail}<track speed="1.4" course="271.0"/></detail></event>'
    ).encode()


class TakClient:
    """By TCP; XML, until it asks for version 1."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 5.0)
        self._got = b""

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def say_proto(self, xml: bytes) -> None:
        self.say(bytes(takproto.xml2proto(xml.decode().split("\n", 1)[1], takproto.TAKProtoVer.STREAM)))

    def until(self, wanted: str, wait_s: float = 10.0) -> str:
        """What came, up to an event in XML in which the expression `wanted` is found."""
        return self.until_bytes(re.compile(wanted.encode() + rb".*?</event>", re.DOTALL), wait_s).decode(
            "utf-8", "replace"
        )

    def until_bytes(self, wanted: re.Pattern[bytes], wait_s: float = 10.0) -> bytes:
        self.socket.settimeout(wait_s)
        until_s = time.monotonic() + wait_s
        while (found := wanted.search(self._got)) is None:
            assert time.monotonic() < until_s, self._got[-2_000:]
            self.socket.settimeout(max(0.01, until_s - time.monotonic()))
            data = self.socket.recv(65_536)
            assert data, "the gateway has closed"
            self._got += data
        told, self._got = self._got[: found.end()], self._got[found.end() :]
        return told

    def close(self) -> None:
        self.socket.close()
