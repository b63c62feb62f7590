"""Somebody else reads the floor control messages: Wireshark's dissector, every field by its name.

Where tshark is missing these are skipped; in continuous integration, which says FUSIONCMD_TSHARK=required, they fail.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fusioncmd.floor.codec import encode
from fusioncmd.floor.messages import CARRIES, Denied, FloorMessage, Indicator, Kind, Revoked, Source

PORT = 40_000
RAW_IPV4 = 228  # LINKTYPE_IPV4
ARBITER, TALKER = 0xA0A1A2A3, 0x01020304
NORMAL, EMERGENCY = Indicator.NORMAL | Indicator.QUEUEING, Indicator.EMERGENCY

# Every kind with every field that it may carry.
SAID = (
    FloorMessage(Kind.REQUEST, TALKER, priority=7, user="sip:county@44.01.06", indicator=EMERGENCY),
    FloorMessage(
        Kind.GRANTED, ARBITER, True, duration_s=30, granted_ssrc=TALKER, priority=7, user="u1", queue_size=3,
        queued_user="村长", indicator=NORMAL,
    ),
    FloorMessage(
        Kind.TAKEN, ARBITER, granted_party="广州市", permitted=True, user="u", sequence=0xBEEF, indicator=NORMAL,
        granted_ssrc=TALKER,
    ),
    FloorMessage(Kind.TAKEN, ARBITER, True, granted_party="x" * 255, permitted=False, sequence=1),
    FloorMessage(Kind.DENY, ARBITER, cause=Denied.TAKEN, phrase="对方正在讲话", user="u12", indicator=NORMAL),
    FloorMessage(Kind.DENY, ARBITER, True, cause=Denied.QUEUE_FULL),
    FloorMessage(Kind.RELEASE, TALKER, True, user="u1234", indicator=NORMAL),
    FloorMessage(Kind.IDLE, ARBITER, sequence=65_535, indicator=NORMAL),
    FloorMessage(Kind.REVOKE, ARBITER, cause=Revoked.TOO_LONG, phrase="30 s", indicator=NORMAL),
    FloorMessage(Kind.REVOKE, ARBITER, cause=Revoked.PRE_EMPTED),
    FloorMessage(Kind.QUEUE_POSITION_REQUEST, TALKER, user="u"),
    FloorMessage(
        Kind.QUEUE_POSITION_INFO, ARBITER, user="u", queued_user="u2", position=2, level=5, indicator=NORMAL
    ),
    FloorMessage(Kind.ACK, TALKER, source=Source.CONTROLLING, acknowledged=Kind.TAKEN),
)  # fmt: skip


def capture(packets: list[bytes]) -> bytes:
    """A pcap file: each packet in a UDP datagram over IPv4."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, RAW_IPV4)
    for number, packet in enumerate(packets):
        udp = struct.pack(">HHHH", PORT, PORT, 8 + len(packet), 0) + packet
        ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0, 0x7F000001, 0x7F000001) + udp
        out += struct.pack("<IIII", number, 0, len(ip), len(ip)) + ip
    return out


def dissected(packets: list[bytes], folder: Path) -> list[list[tuple[str, str]]]:
    """Of each packet what tshark reads in it: names of fields and what it shows of them, in order."""
    path = shutil.which("tshark")
    if path is None:
        said = "tshark is not here: apt-get install tshark"
        pytest.fail(said) if os.environ.get("FUSIONCMD_TSHARK") == "required" else pytest.skip(said)
    file = folder / "floor.pcap"
    file.write_bytes(capture(packets))
    ran = subprocess.run(
        [path, "-r", str(file), "-d", f"udp.port=={PORT},rtcp", "-T", "pdml"],
        capture_output=True, timeout=60, check=True, env={**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    found = []
    for frame in ElementTree.fromstring(ran.stdout.decode()).iter("packet"):
        rtcp = [proto for proto in frame.iter("proto") if proto.get("name") == "rtcp"]
        assert len(rtcp) == 1
        found.append([(field.get("name") or "", field.get("show") or "") for field in rtcp[0].iter("field")])
    return found


def expected(message: FloorMessage) -> list[tuple[str, str]]:
    """What tshark has to read of the fields, in the order in which they are written."""
    said: list[tuple[str, str]] = []
    for name in CARRIES[message.kind]:
        value = getattr(message, name)
        if value is None:
            continue
        match name:
            case "cause":
                ending = {Kind.DENY: ".floor_deny", Kind.REVOKE: ".floor_revoke"}[message.kind]
                if message.ack:
                    ending = ""  # tshark knows the list by the subtype without the bit
                said.append((f"rtcp.app_data.mcptt.rej_cause{ending}", str(int(value))))
                if message.phrase:
                    said.append(("rtcp.mcptt.rej_phrase", message.phrase))
            case "position":
                said.append(("rtcp.app_data.mcptt.queue_pos_inf", str(value)))
                said.append(("rtcp.app_data.mcptt.queue_pri_lev", str(message.level)))
            case "indicator":
                said.append(("rtcp.app_data.mcptt.floor_ind", str(int(value))))
            case _:
                said.append((SHOWN[name], str(int(value)) if isinstance(value, int) else value))
    return said


SHOWN = {
    "priority": "rtcp.app_data.mcptt.priority", "user": "rtcp.app_data.mcptt.user_id",
    "duration_s": "rtcp.app_data.mcptt.duration", "granted_ssrc": "rtcp.app_data.mcptt.rtcp",
    "queue_size": "rtcp.app_data.mcptt.queue_size", "queued_user": "rtcp.mcptt.queued_user_id",
    "granted_party": "rtcp.mcptt.granted_partys_id", "permitted": "rtcp.app_data.mcptt.perm_to_req_floor",
    "sequence": "rtcp.app_data.mcptt.msg_seq_num", "source": "rtcp.app_data.mcptt.source",
    "acknowledged": "rtcp.app_data.mcptt.msg_type",
}  # fmt: skip
FRAMING = {"rtcp.mcptt.fld_id", "rtcp.mcptt.fld_len", "rtcp.app_data.padding", "rtcp.spare16", "rtcp.spare"}


def test_wireshark_reads_every_field_of_every_message(tmp_path: Path) -> None:
    read = dissected([encode(message) for message in SAID], tmp_path)
    assert len(read) == len(SAID) and {message.kind for message in SAID} == set(Kind)
    for message, fields in zip(SAID, read, strict=True):
        shown = dict(fields)
        assert shown["rtcp.pt"] == "204" and shown["rtcp.app.name"] == "MCPT" and shown["rtcp.version"] == "2"
        assert int(shown["rtcp.app.subtype"]) == message.kind + 16 * message.ack
        assert int(shown["rtcp.ssrc.identifier"], 16) == message.ssrc
        assert [(n, s) for n, s in fields if "mcptt" in n and n not in FRAMING] == expected(message)
        assert not [name for name, _ in fields if name.startswith(("_ws.malformed", "_ws.expert", "rtcp.appl."))]
        assert shown["rtcp.length_check"] in ("True", "1")


def test_wireshark_would_say_so_if_a_field_were_wrong(tmp_path: Path) -> None:
    right = encode(SAID[0])
    number, cut = bytearray(right), bytearray(right)
    number[12] = 30  # a field that there is not
    cut[17] = 200  # a user longer than the packet
    for bad in dissected([bytes(number), bytes(cut)], tmp_path):
        assert [pair for pair in bad if "mcptt" in pair[0] and pair[0] not in FRAMING] != expected(SAID[0])
