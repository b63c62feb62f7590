"""How ffmpeg is asked for a camera: remuxed, never transcoded. Pure: a camera in, a command line out.

It reads one URL, of a form that is given, by protocols that are given, whatever the other side says; and writes RTP to
a socket of this gateway: H.264 as Annex B with its parameter sets before each keyframe (RFC 6184), and Opus. Its sender
reports count from `BEGUN_US`, so that the timestamps of both are on one clock.

Another way in, such as GB/T 28181 (SIP, and MPEG-PS in RTP), is one more entry of `_pulled`, or says packets by itself
through `coming.py`.
"""

from __future__ import annotations

from fusioncmd.camera_urls import read
from fusioncmd.cameras import Camera
from fusioncmd.video.source import AUDIO_TYPE, VIDEO_TYPE
from gateways.camera.bounds import ALLOC_BYTES_MAX, OPEN_S_MAX, PACKET_BYTES, PROBE_BYTES_MAX

BEGUN_US = 1_000_000_000_000_000  # since 1970: the moment of a timestamp of 0, as its sender reports say
VIDEO_SSRC, AUDIO_SSRC = 1, 2  # between ffmpeg and here
_WAIT = str(int(OPEN_S_MAX * 1_000_000))
_SAYS = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info", "-max_alloc", str(ALLOC_BYTES_MAX)]
_LOOKS = ["-fpsprobesize", "0", "-probesize", str(PROBE_BYTES_MAX), "-threads", "1"]
_RTSP = ["-f", "rtsp", "-rtsp_transport", "tcp", "-timeout", _WAIT]
_RTMP = ["-f", "flv", "-rw_timeout", _WAIT]
_pulled = {  # protocols that it may speak, and how
    "rtsp": ("rtsp,tcp", _RTSP), "rtsps": ("rtsp,rtsps,tls,tcp", _RTSP), "rtmp": ("rtmp,tcp", _RTMP),
    "rtmps": ("rtmps,tls,tcp", _RTMP), "srt": ("srt", ["-f", "mpegts"]),
}  # fmt: skip


def command(program: str, camera: Camera, socket: str, host: str, sound: bool, probe_s: int) -> list[str]:
    """`socket`: a path of a SEQPACKET socket, to which each track connects, the picture first. `host`: where it listens
    to one that pushes. `sound`: its sound is known to be Opus. `probe_s`: how much of it is looked at."""
    made = [program, *_SAYS, *_LOOKS, "-analyzeduration", str(probe_s * 1_000_000)]
    made += _input(camera, f"[{host}]" if ":" in host else host)
    made += _output("0:v:0", VIDEO_TYPE, VIDEO_SSRC, socket, ["-bsf:v", "h264_mp4toannexb,dump_extra"])
    return made + (_output("0:a:0", AUDIO_TYPE, AUDIO_SSRC, socket, []) if sound else [])


def _input(camera: Camera, host: str) -> list[str]:
    if camera.push == "rtmp":
        own = ["-protocol_whitelist", "rtmp,tcp", "-f", "flv", "-listen", "1"]
        return [*own, "-i", f"rtmp://{host}:{camera.port}/live/{camera.key}"]
    if camera.push == "srt":
        own = ["-protocol_whitelist", "srt", "-f", "mpegts"]
        return [*own, "-i", f"srt://{host}:{camera.port}?mode=listener&passphrase={camera.key}"]
    url = read(camera.url)
    protocols, options = _pulled[url.scheme]
    at = f"{url}{'&' if url.query else '?'}mode=caller" if url.scheme == "srt" else str(url)
    return ["-protocol_whitelist", protocols, *options, "-i", at]


def _output(stream: str, payload_type: int, ssrc: int, socket: str, filters: list[str]) -> list[str]:
    return [
        "-map", stream, "-map_metadata", "-1", "-c", "copy", *filters, "-f", "rtp", "-packetsize", str(PACKET_BYTES),
        "-payload_type", str(payload_type), "-ssrc", str(ssrc), "-start_time_realtime", str(BEGUN_US),
        "-type", "seqpacket", f"unix:{socket}",
    ]  # fmt: skip
