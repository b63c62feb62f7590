"""How browsers come into talkgroups at `fusioncmd up`: HTTP at a port, sound by UDP at the same address."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from fusioncmd.errors import BadInput


@dataclass(frozen=True, slots=True)
class Video:
    """Where the gateway of browsers listens. `at` is what pages are told: a URL, or `:PORT` of their own host."""

    host: str
    port: int
    at: str

    def options(self) -> list[str]:
        return ["--host", self.host, "--port", str(self.port)]

    @property
    def url(self) -> str:
        if not self.at.startswith(":"):
            return self.at
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"


def video_of(host: str, port: int | None, url: str | None) -> Video | None:
    """None without a port. `BadInput` for an address that is every one, and for a URL that is none."""
    if port is None:
        if url is not None:
            raise BadInput("--video-url goes with --video.", "--video-url 须与 --video 同用。")
        return None
    if host in ("0.0.0.0", "::", ""):
        raise BadInput(
            "--video-host is one address of this machine: browsers are told where to send their sound.",
            "--video-host 须为本机的一个具体地址：浏览器需据此发送语音。",
        )
    if url is None:
        return Video(host, port, f":{port}")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadInput(f"--video-url {url!r} is no http or https URL.", f"--video-url“{url}”不是 http 或 https 地址。")
    return Video(host, port, url if url.endswith("/") else f"{url}/")
