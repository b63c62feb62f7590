"""Who may say an alarm here, as the operator writes it down in `alarms.toml` of the data folder. Pure.

[[cap]]                      # a service that pushes CAP to /alarms/cap/<name>, or whose feed is polled
name = "weather"
token = "…"                  # it shows this when it pushes: Authorization: Bearer …
feed = "https://…/atom.xml"
events = {"暴雨" = "rainstorm"}

[[hook]]                     # whatever posts JSON to /alarms/hook/<name>, signed
name = "towers"
key = "…"
at = "440106001"

[[sensor]]                   # what reports by MQTT on sensor/<name>/<series>
name = "tank-17"
at = "440106001"
where = [23.15, 113.36]
series.gas = {event = "gas", unit = "%LEL", limits = [{severity = "severe", above = 20}], silent_s = 60}
"""

from __future__ import annotations

import tomllib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.alarm import series
from fusioncmd.alarm.alarm import Event
from fusioncmd.alarm.series import Series
from fusioncmd.errors import BadInput
from fusioncmd.messages import Code, Latitude, Longitude, Severity, Status

FILE = "alarms.toml"
FILE_BYTES_MAX = 4 * 1024 * 1024  # reject
SOURCES_MAX = 20_000  # of one kind; reject
SERIES_MAX = 32  # of one sensor; reject
SECRET_CHARS_MIN = 24  # of a token or a key; reject

Name = Annotated[str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_-]{0,31}\Z")]
Secret = Annotated[str, Meta(max_length=256)]
Where = tuple[Latitude, Longitude]


class CapSource(Struct, frozen=True, forbid_unknown_fields=True):
    """`senders`: whose alerts are taken from there; empty: anybody's. `certificate`: a file (PEM) that has to have
    signed them. `events`: of the alert's event or event codes, what it is called here; what is not named is called by
    its category. `languages`: the first of these that there is is read."""

    name: Name
    token: Secret = ""
    feed: Annotated[str, Meta(max_length=1024)] = ""
    every_s: Annotated[float, Meta(ge=5, le=3_600)] = 60.0
    senders: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    certificate: str = ""
    events: Annotated[dict[str, Event], Meta(max_length=512)] = {}
    languages: Annotated[tuple[str, ...], Meta(min_length=1, max_length=8)] = ("zh", "en")


class HookSource(Struct, frozen=True, forbid_unknown_fields=True):
    """`at`, `event`, `severity`: where the message itself does not say; with `fixed` it may not say another place."""

    name: Name
    key: Secret
    at: Code | None = None
    event: Event = "alarm"
    severity: Severity = "unknown"
    fixed: bool = False


class SensorSource(Struct, frozen=True, forbid_unknown_fields=True):
    """`at`, `where` or `place` has to be known; `place`: an id of the registry of places."""

    name: Name
    series: Annotated[dict[Name, Series], Meta(min_length=1, max_length=SERIES_MAX)]
    at: Code | None = None
    where: Where | None = None
    place: Annotated[str, Meta(max_length=64)] = ""
    title: Annotated[str, Meta(max_length=64)] = ""
    status: Status = "actual"


class Sources(Struct, frozen=True, forbid_unknown_fields=True):
    cap: Annotated[tuple[CapSource, ...], Meta(max_length=SOURCES_MAX)] = ()
    hook: Annotated[tuple[HookSource, ...], Meta(max_length=SOURCES_MAX)] = ()
    sensor: Annotated[tuple[SensorSource, ...], Meta(max_length=SOURCES_MAX)] = ()


def read(data: bytes) -> Sources:
    """BadInput with what is wrong."""
    if len(data) > FILE_BYTES_MAX:
        raise BadInput(f"Sources of {len(data)} bytes.", f"来源文件长 {len(data)} 字节，超出上限。")
    try:
        found = msgspec.convert(tomllib.loads(data.decode("utf-8")), Sources)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"Not sources of alarms: {error}.", f"预警来源文件无效：{error}。") from None
    for kind in (found.cap, found.hook, found.sensor):
        names = [each.name for each in kind]
        if (
            twice := next((name for name in names if names.count(name) > 1), None)
            if len(set(names)) < len(names)
            else ""
        ):
            raise BadInput(f"There are two sources {twice}.", f"来源 {twice} 重复。")
    for cap in found.cap:
        if bool(cap.token) == bool(cap.feed):
            raise BadInput(
                f"{cap.name} pushes with a token or has a feed: one of both.", f"{cap.name} 须给出 token 或 feed 之一。"
            )
        _check_secret(cap.name, cap.token)
    for hook in found.hook:
        _check_secret(hook.name, hook.key or " ")
    for sensor in found.sensor:
        if sensor.at is None and sensor.where is None and not sensor.place:
            raise BadInput(
                f"Where is {sensor.name}? Give at, where or place.", f"{sensor.name} 须给出 at、where 或 place。"
            )
        for each in sensor.series.values():
            series.check(each)
    return found


def _check_secret(name: str, secret: str) -> None:
    if secret and len(secret) < SECRET_CHARS_MIN:
        raise BadInput(
            f"The secret of {name} has fewer than {SECRET_CHARS_MIN} characters.",
            f"{name} 的密钥少于 {SECRET_CHARS_MIN} 个字符。",
        )
