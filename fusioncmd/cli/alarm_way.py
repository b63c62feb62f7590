"""How alarms come in to `fusioncmd up`: CAP and hooks by HTTP, sensors by MQTT, at one address."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fusioncmd.errors import BadInput
from fusioncmd.ground import COUNTIES, TOWNS
from fusioncmd.networks import is_loopback
from fusioncmd.words import say


@dataclass(frozen=True, slots=True)
class Alarms:
    """`http` and `mqtt` are ports at `host`; 0: feeds are polled, and nobody comes in that way."""

    host: str
    http: int
    mqtt: int
    data: Path

    def options(self) -> list[str]:
        files = [f"--{name}={self.data / file}" for name, file in (("counties", COUNTIES), ("towns", TOWNS))
                 if (self.data / file).exists()]  # fmt: skip
        return ["--host", self.host, "--port", str(self.http), *(["--sensors"] if self.mqtt else []), *files]

    def server_options(self) -> list[str]:
        """Of the NATS server, which takes MQTT."""
        return ["--mqtt-host", self.host, "--mqtt-port", str(self.mqtt)] if self.mqtt else []

    @property
    def words(self) -> str:
        found = [f"http://{self.host}:{self.http}"] if self.http else []
        found += [f"mqtt://{self.host}:{self.mqtt}"] if self.mqtt else []
        return ", ".join(found) or say("feeds", "仅轮询")


def alarms_of(ways: str | None, data: Path, plaintext: bool, tls: bool) -> Alarms | None:
    """`http=8720,mqtt=1883,host=10.1.0.5`; `feeds` takes nothing in; None for none. Passwords of sensors and tokens go
    in plain text where there is no TLS: BadInput beyond the loopback, unless that is meant. MQTT has the server's own
    certificate; HTTP belongs behind a proxy."""
    if ways is None:
        return None
    host, ports = "127.0.0.1", {"http": 0, "mqtt": 0}
    for name, _, value in (way.strip().partition("=") for way in ways.split(",")):
        if name in ports and value.isascii() and value.isdecimal() and 0 < int(value) < 65_536:
            ports[name] = int(value)
        elif name == "host" and value:
            host = value
        elif name != "feeds" or value:
            raise BadInput(
                f"--alarms has no {name}={value}; it is like http=8720,mqtt=1883,host=10.1.0.5, or feeds.",
                f"--alarms 不支持 {name}={value}；格式如 http=8720,mqtt=1883,host=10.1.0.5，或 feeds。",
            )
    if not is_loopback(host) and not plaintext and (ports["http"] or not tls):
        raise BadInput(
            f"Alarms would come in at {host} in plain text: let a proxy with TLS stand before it, or say --plaintext.",
            f"预警将以明文接入 {host}：请在前端部署 TLS 代理，或明确加 --plaintext。",
        )
    return Alarms(host, ports["http"], ports["mqtt"], data)


def alarms_line(alarms: Alarms) -> str:
    return say(f"  alarms     {alarms.words}", f"  预警  {alarms.words}")
