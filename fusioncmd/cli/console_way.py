"""Where the commander's console is, as `fusioncmd up` starts it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Console:
    """Where the commander's console listens; `proxied`: TLS is in front of it."""

    host: str
    port: int
    proxied: bool

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"
