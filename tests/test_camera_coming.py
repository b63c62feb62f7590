"""RTP of ffmpeg becomes that of the bus: of a clip, by the gateway's own command and over such a socket."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from socket import AF_UNIX, SOCK_SEQPACKET, socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusioncmd.cameras import Camera
from fusioncmd.video import rtcp
from fusioncmd.video.bundle import is_rtcp
from fusioncmd.video.packet import read
from fusioncmd.video.source import AUDIO_RATE, VIDEO_RATE
from fusioncmd.video.units import Depacketiser
from gateways.camera import signs
from gateways.camera.coming import Coming
from gateways.camera.command import command
from tests.cameras import SIZE, ffmpeg, need_programs

SSRCS = (7_001, 7_002)
WALL_MS = 1_800_000_000_000.0


def made_by_ffmpeg(folder: Path, *clip: object) -> list[bytes]:
    """All packets of a clip, as the gateway's own command makes them, in their order."""
    file, at = folder / "clip.mkv", folder / "s"
    subprocess.run(ffmpeg(*clip, "-pix_fmt", "yuv420p", file), check=True, timeout=20)
    pulled = Camera("a", "440106001", "camera", "a", "rtsp://192.0.2.1/", "", 0, "", None, 1)
    argv = command("ffmpeg", pulled, str(at), "", True, 1)
    del argv[argv.index("-protocol_whitelist") : argv.index("-i")]
    argv[argv.index("-i") + 1] = str(file)
    found: list[bytes] = []
    with socket(AF_UNIX, SOCK_SEQPACKET) as listener:
        listener.bind(str(at))
        listener.listen(2)
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            listener.settimeout(10.0)
            with DefaultSelector() as both:
                for _ in range(2):
                    both.register(listener.accept()[0], EVENT_READ)
                while both.get_map() and (ready := both.select(10.0)):
                    for key, _ in ready:
                        assert isinstance(key.fileobj, socket)
                        if data := key.fileobj.recv(2_048):
                            found.append(data)
                        else:
                            both.unregister(key.fileobj)
                            key.fileobj.close()
            running.kill()
    return found


@pytest.fixture(scope="module")
def packets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[bytes]]:
    """Two seconds of a pattern and of a tone."""
    need_programs()
    size = f"{SIZE[0]}x{SIZE[1]}"
    yield made_by_ffmpeg(
        tmp_path_factory.mktemp("coming"), "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10:duration=2",
        "-f", "lavfi", "-i", "sine=duration=2:sample_rate=48000", "-c:v", "libx264", "-preset", "ultrafast",
        "-g", 10, "-c:a", "libopus",
    )  # fmt: skip


def in_time(packets: list[bytes], late_ms: float = 0.0) -> list[tuple[float, bytes]]:
    """Each with when a camera would have sent it, in ms; those of ffmpeg before the first."""
    first: dict[int, int] = {}
    timed = []
    for packet in packets:
        if is_rtcp(packet):
            timed.append((0.0, packet))
            continue
        header = read(packet)
        rate = VIDEO_RATE if header.ssrc == 1 else AUDIO_RATE
        begun = first.setdefault(header.ssrc, header.timestamp)
        timed.append(((header.timestamp - begun & 0xFFFF_FFFF) * 1_000 / rate + late_ms, packet))
    return sorted(timed, key=lambda one: one[0])


def test_all_of_it_arrives_in_the_form_of_the_bus_and_says_what_it_is(packets: list[bytes]) -> None:
    coming, parts = Coming(SSRCS, 0.0), {SSRCS[0]: Depacketiser("H264"), SSRCS[1]: Depacketiser("opus")}
    keyframes = pictures = sounds = 0
    for now_ms, packet in in_time(packets):
        out, ended = coming.put(packet, now_ms)
        for one in out:
            header = read(one)
            assert one[0] == 0x80 and header.payload_type == {SSRCS[0]: 96, SSRCS[1]: 111}[header.ssrc]
            units = parts[header.ssrc].put(one, now_ms)
            assert not any(unit.lost for unit in units)
            if header.ssrc == SSRCS[0]:
                pictures += len(units)
                keyframes += sum(unit.keyframe for unit in units)
                assert not units or ended  # what ends a frame is not kept back
            else:
                sounds += len(units)
    assert (pictures, keyframes, coming.refused, coming.disordered) == (20, 2, 0, 0) and sounds >= 100
    picture, sound = coming.tracks
    assert coming.size == SIZE and (picture.ssrc, sound.ssrc) == SSRCS and "profile-level-id=42" in picture.fmtp


def test_sender_reports_bear_the_time_of_the_gateway_and_keep_sound_with_the_picture(packets: list[bytes]) -> None:
    """The sound comes half a second late, as from a camera that gathers it: its timestamps are right all the same."""
    coming = Coming(SSRCS, 0.0)
    late = [(at + 500.0 * (read(p).ssrc == 2), p) if not is_rtcp(p) else (at, p) for at, p in in_time(packets)]
    last: dict[int, int] = {}
    for now_ms, packet in sorted(late, key=lambda one: one[0]):
        for one in coming.put(packet, now_ms)[0]:
            last[read(one).ssrc] = read(one).timestamp
    said = {one.ssrc: one for each in coming.reports(2_000.0, WALL_MS) for one in rtcp.parse(each)}  # type: ignore[union-attr]
    assert said.keys() == set(SSRCS)
    for ssrc, rate in zip(SSRCS, (VIDEO_RATE, AUDIO_RATE), strict=True):
        report = said[ssrc]
        assert isinstance(report, rtcp.SenderReport) and abs(rtcp.to_ms(report.ntp) - WALL_MS) < 2
        ahead_ms = ((report.timestamp - last[ssrc] + (1 << 31)) % (1 << 32) - (1 << 31)) * 1_000 / rate
        # at 2,000 ms; the last picture was of 1,900 ms, the last packet of sound of about 1,990 ms
        assert abs(ahead_ms - (100 if ssrc == SSRCS[0] else 10)) < 40, (ssrc, ahead_ms)


def test_what_is_no_packet_is_counted_and_harms_nothing(packets: list[bytes]) -> None:
    coming = Coming(SSRCS, 0.0)
    for junk in (
        b"",
        b"\x80",
        b"\x80\xc8\0\x01",
        b"\xff" * 40,
        b"\0" * 64,
        b"\x80\xc8\0\x06" + b"\1" * 10,
        b"\xbf" * 24,
    ):
        assert coming.put(junk, 0.0)[0] == []
    assert coming.refused > 0
    assert sum(len(coming.put(packet, now_ms)[0]) for now_ms, packet in in_time(packets)) > 100


@given(st.lists(st.binary(max_size=80), max_size=20), st.integers(0, 1_000))
def test_whatever_comes_nothing_breaks(found: list[bytes], step_ms: int) -> None:
    coming = Coming(SSRCS, 0.0)
    for n, data in enumerate(found):
        for one in (data, b"\x80\x60" + data, b"\x80\xe0" + data[:6] + bytes((0, 0, 0, 1)) + data, b"\x80\xc8" + data):
            made, _ = coming.put(one, float(n * step_ms))
            assert all(read(packet).ssrc in SSRCS for packet in made)
        coming.reports(float(n * step_ms), WALL_MS)


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_whatever_ffmpeg_says_is_some_sign_or_none(line: str) -> None:
    for one in (line, f"[info]{line}", f"[info]   Stream #0:0: Video: {line}", f"[error] {line}"):
        sign = signs.read(one)
        assert sign is None or isinstance(sign, signs.Sign)
