"""What a camera is reached by: which URLs are taken, and what of one is shown. Pure.

They go to a program that reads much more than cameras (files, playlists, commands in a query): what is not known here
is refused. Passwords stand in user and password, in a query or, with some cameras, in the path: none of it is shown.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fusioncmd.errors import BadInput

URL_CHARS_MAX = 512
PORTS = {"rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443, "srt": 0}  # 0: there is none by custom
_CHARS = r"A-Za-z0-9._~!$&()*+,;=%-"  # RFC 3986, without those that a shell or ffmpeg gives a meaning
_URL = re.compile(
    rf"(?P<scheme>[a-z]+)://(?:(?P<user>[{_CHARS}:]{{1,256}})@)?"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    rf"(?::(?P<port>[0-9]{{1,5}}))?(?P<path>/[{_CHARS}:@/]*)?(?:\?(?P<query>[{_CHARS}:@/?]*))?"
)
_SRT_OPTIONS = {"passphrase", "streamid", "latency", "pbkeylen", "mode"}
_NOT_RTSP = {"udp", "multicast", "tcp", "http", "https", "listen", "satip_raw"}  # what ffmpeg takes for its own


class CameraUrl(NamedTuple):
    """`user` is `name:password` or empty, `path` begins with a slash or is empty."""

    scheme: str
    user: str
    host: str
    port: int
    path: str
    query: str

    def __str__(self) -> str:
        user, query = f"{self.user}@" if self.user else "", f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{user}{self.host}:{self.port}{self.path}{query}"


def read(url: str) -> CameraUrl:
    """`BadInput` for what is no URL of a camera; it does not repeat it."""
    found = _URL.fullmatch(url) if len(url) <= URL_CHARS_MAX else None
    if found is None or found["scheme"] not in PORTS:
        raise BadInput(
            "A camera is reached by rtsp://, rtsps://, rtmp://, rtmps:// or srt://, a host, and a path "
            f"({URL_CHARS_MAX} characters at most; in a password, write @ as %40 and / as %2F).",
            "摄像头地址须为 rtsp://、rtsps://、rtmp://、rtmps:// 或 srt:// 加主机与路径"
            f"（至多 {URL_CHARS_MAX} 个字符；密码中的 @ 写作 %40，/ 写作 %2F）。",
        )
    scheme, query = found["scheme"], found["query"] or ""
    port = int(found["port"] or PORTS[scheme])
    if not 0 < port < 65_536:
        raise BadInput("The URL of the camera has no port that exists.", "摄像头地址的端口无效。")
    options = dict(one.partition("=")[::2] for one in query.split("&") if one)
    refused = options.keys() - _SRT_OPTIONS if scheme == "srt" else options.keys() & _NOT_RTSP
    if refused or (scheme == "srt" and options.get("mode", "caller") != "caller"):
        raise BadInput(
            "The query of the camera's URL has something that is not taken. With srt:// that is all but passphrase, "
            "streamid, latency, pbkeylen and mode=caller.",
            "摄像头地址的查询参数不被接受；srt:// 仅可用 passphrase、streamid、latency、pbkeylen 与 mode=caller。",
        )
    return CameraUrl(scheme, found["user"] or "", found["host"], port, found["path"] or "", query)


def shown(url: str) -> str:
    """Where it is, without anything that may be secret."""
    known = read(url)
    return f"{known.scheme}://{known.host}:{known.port}" + ("/…" if known.path.strip("/") or known.query else "")
