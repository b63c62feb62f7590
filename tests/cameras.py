"""Real peers of the camera gateway: GStreamer's RTSP server, ffmpeg that pushes, and clips whose frames are known.

Where they are missing, tests are skipped; in continuous integration, which says FUSIONCMD_CAMERA=required, they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections import defaultdict
from functools import cache
from hashlib import sha256
from pathlib import Path

import av
import pytest
from numpy.random import default_rng

from fusioncmd.errors import BadMessage
from fusioncmd.video import bundle, rtcp, source
from fusioncmd.video.source import Source
from fusioncmd.video.units import Depacketiser
from loadtest.smoke.plumes import Plume
from loadtest.smoke.scenes import HEIGHT, WIDTH, outdoors

SYSTEM_PYTHON = "/usr/bin/python3"
RATE = 15  # frames a second of a clip
SIZE = (320, 240)


def need_programs() -> None:
    there = shutil.which("ffmpeg") is not None and _has_rtsp()
    if not there:
        said = "ffmpeg and GStreamer's RTSP server are not installed here"
        pytest.fail(said) if os.environ.get("FUSIONCMD_CAMERA") == "required" else pytest.skip(said)


@cache
def _has_rtsp() -> bool:
    ask = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", ask], capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


def ffmpeg(*arguments: object) -> list[str]:
    return ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]


def make_clips(folder: Path) -> dict[str, Path]:
    """30 s of a moving pattern as H.264, with AAC, and with Opus; and 4 s of it as H.265."""
    pattern = ["-f", "lavfi", "-i", f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate={RATE}:duration=30"]
    tone = ["-f", "lavfi", "-i", "sine=duration=30:sample_rate=48000"]
    plain = ["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-g", RATE, "-pix_fmt", "yuv420p"]
    made = {name: folder / name for name in ("h264.mp4", "hevc.mp4", "aac.flv", "opus.mkv")}
    h265 = ["-t", 4, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"]
    for arguments in (
        (*pattern, *plain, made["h264.mp4"]), (*pattern, *h265, "-pix_fmt", "yuv420p", made["hevc.mp4"]),
        ("-i", made["h264.mp4"], *tone, "-c:v", "copy", "-c:a", "aac", made["aac.flv"]),
        ("-i", made["h264.mp4"], *tone, "-c:v", "copy", "-c:a", "libopus", made["opus.mkv"]),
    ):  # fmt: skip
        subprocess.run(ffmpeg(*arguments), check=True, timeout=20)
    return {file.stem: file for file in made.values()}


def make_smoke_clips(folder: Path) -> dict[str, Path]:
    """A scene in which smoke begins to rise after 5 s, and one in which nothing happens; 4 pictures a second."""
    made = {}
    for name, burns in (("ridge", True), ("yard", False)):
        random = default_rng(7)
        scene, horizon = outdoors(random)
        plume = Plume(random, (330, horizon + 110), 34, 205, 1.0, 6.0)
        with av.open(str(folder / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=4, options={"preset": "ultrafast", "g": "2", "bf": "0"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for n in range(40 * 4):
                shown = plume.on(scene, n / 4 - 5) if burns and n > 20 else scene
                shown = shown + random.normal(0, 2.5, (HEIGHT, WIDTH, 1))
                frame = av.VideoFrame.from_ndarray(shown.clip(0, 255).astype("uint8"), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        made[name] = folder / f"{name}.mp4"
    return made


class RtspServer:
    """Ready inside the context; may be begun again."""

    def __init__(self, port: int, account: str, clips: dict[str, Path]) -> None:
        paths = [f"{name}={clip}" for name, clip in clips.items() if clip.suffix != ".flv"]
        self._argv = [SYSTEM_PYTHON, str(Path(__file__).parent / "rtsp_server.py"), str(port), account, *paths]

    def __enter__(self) -> RtspServer:
        self._process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self._process.stdout is not None and self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


class Pusher:
    """ffmpeg that plays a clip to somewhere, and tries again: also where nobody listens yet. As a context."""

    def __init__(self, clip: Path, form: str, url: str) -> None:
        self._argv = ffmpeg("-re", "-i", clip, "-c", "copy", "-f", form, url)
        self._over = threading.Event()

    def __enter__(self) -> Pusher:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            with subprocess.Popen(self._argv, stderr=subprocess.DEVNULL) as running:
                while running.poll() is None:
                    if self._over.wait(0.05):
                        running.kill()


class Watcher:
    """What is heard of sources on the bus. `frames` are those that decode, by source, as digests of their pixels."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}
        self.troubles: dict[str, set[str]] = defaultdict(set)  # in English
        self.reports: dict[int, list[rtcp.SenderReport]] = defaultdict(list)
        self.frames: dict[str, list[str]] = defaultdict(list)
        self.units: dict[int, int] = defaultdict(int)  # by SSRC
        self._parts: dict[int, Depacketiser] = {}
        self._decoders: dict[int, av.VideoCodecContext] = {}

    def hear(self, subject: str, data: bytes) -> None:
        name, what = subject.split(".")[-2:]
        if what == "what":
            said = source.decode(data)
            assert isinstance(said, Source)
            self.sources[name] = said
            self.troubles[name].add(said.trouble[0])
        elif what == "rtp":
            for packet in bundle.unpack(data):
                self._take(name, packet)

    def _take(self, name: str, packet: bytes) -> None:
        if bundle.is_rtcp(packet):
            for one in rtcp.parse(packet):
                if isinstance(one, rtcp.SenderReport):
                    self.reports[one.ssrc].append(one)
            return
        assert packet[0] == 0x80 and packet[1] & 0x7F in (source.VIDEO_TYPE, source.AUDIO_TYPE)
        picture, ssrc = packet[1] & 0x7F == source.VIDEO_TYPE, int.from_bytes(packet[8:12], "big")
        if ssrc not in self._parts:
            self._parts[ssrc] = Depacketiser("H264" if picture else "opus")
            if picture:
                self._decoders[ssrc] = av.VideoCodecContext.create("h264", "r")
        for unit in self._parts[ssrc].put(packet, 0.0):
            if unit.lost:
                raise BadMessage(f"{unit.lost} packets are missing.", "")
            self.units[ssrc] += 1
            if picture:
                for frame in self._decoders[ssrc].decode(av.Packet(unit.data)):
                    self.frames[name].append(digest(frame))


def digest(frame: av.VideoFrame) -> str:
    """Of its pixels, without what pads the lines."""
    made = sha256()
    for plane in frame.planes:
        lines, step = memoryview(plane).tobytes(), plane.line_size
        for at in range(0, plane.height * step, step):
            made.update(lines[at : at + plane.width])
    return made.hexdigest()


def frames_of(clip: Path) -> list[str]:
    with av.open(str(clip)) as opened:
        return [digest(frame) for frame in opened.decode(video=0)]
