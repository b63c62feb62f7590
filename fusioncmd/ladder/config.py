"""`channels.toml` in a node's data: by which ways people are reached beyond the terminal. Pure: text in, settings out.

    [sms]                                   # SMPP 3.4, to any carrier's gateway
    host = "smsc.example"
    port = 2775
    system_id = "fusion"
    password_file = "smpp.password"         # in this folder, for its owner's eyes; or password_env = "NAME"
    source = "1069012345"
    per_s = 50

    [push]                                  # Web Push: RFC 8030, 8291, 8292
    contact = "mailto:duty@example.org"
    key_file = "vapid.pem"                  # a P-256 key; or key_env

    [voice]                                 # and [webhook]: POST of JSON, signed
    url = "https://calls.example/fusion"
    secret_file = "voice.secret"            # or secret_env

A channel without a section is not there. No secret has a default.
"""

from __future__ import annotations

import tomllib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadInput

FILE = "channels.toml"
FILE_BYTES_MAX = 64 * 1024
PUSH_HOSTS = ("fcm.googleapis.com", "updates.push.services.mozilla.com", "web.push.apple.com", ".notify.windows.com")
Text = Annotated[str, Meta(min_length=1, max_length=256)]
Rate = Annotated[float, Meta(gt=0, le=10_000)]
Port = Annotated[int, Meta(ge=1, le=65_535)]


class Sms(Struct, frozen=True, forbid_unknown_fields=True):
    host: Text
    port: Port
    system_id: Annotated[str, Meta(min_length=1, max_length=15)]  # SMPP 3.4, 5.2.1
    source: Annotated[str, Meta(min_length=1, max_length=20)]
    password_file: str = ""
    password_env: str = ""
    system_type: Annotated[str, Meta(max_length=12)] = ""
    per_s: Rate = 20
    tls: bool = False


class Push(Struct, frozen=True, forbid_unknown_fields=True):
    """`hosts`: of push services that are written to; one that begins with a dot means all below it. Endpoints come from
    terminals: nobody makes this process write elsewhere. `plain` also lets http be, for tests on one machine."""

    contact: Annotated[str, Meta(pattern=r"\A(mailto:|https://).{3,200}\Z")]
    key_file: str = ""
    key_env: str = ""
    hosts: tuple[Text, ...] = PUSH_HOSTS
    plain: bool = False
    per_s: Rate = 100


class Webhook(Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(pattern=r"\Ahttps?://.{1,1000}\Z")]
    secret_file: str = ""
    secret_env: str = ""
    per_s: Rate = 10


class Channels(Struct, frozen=True, forbid_unknown_fields=True):
    sms: Sms | None = None
    push: Push | None = None
    voice: Webhook | None = None
    webhook: Webhook | None = None


def read_channels(text: str) -> Channels:
    """`BadInput`, one sentence, for what is no such file."""
    try:
        found = msgspec.convert(tomllib.loads(text), Channels)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"{FILE} cannot be taken: {error}.", f"{FILE} 无法采用：{error}。") from None
    named = {"sms": found.sms, "push": found.push, "voice": found.voice, "webhook": found.webhook}
    if not any(named.values()):
        raise BadInput(f"{FILE} names no channel.", f"{FILE} 未列出任何通道。")
    for name, one in named.items():
        if one is not None and sum(map(bool, secret_of(one))) != 1:
            words = {"sms": "password", "push": "key"}.get(name, "secret")
            raise BadInput(
                f"{FILE}: [{name}] needs either {words}_file or {words}_env.",
                f"{FILE}：[{name}] 须给出 {words}_file 或 {words}_env 之一。",
            )
        if isinstance(one, Webhook) and one.url.startswith("http://") and not _is_loopback(one.url):
            raise BadInput(f"{FILE}: [{name}] needs https.", f"{FILE}：[{name}] 须使用 https。")
    return found


def secret_of(one: Sms | Push | Webhook) -> tuple[str, str]:
    """The file and the variable that hold its secret."""
    match one:
        case Sms():
            return one.password_file, one.password_env
        case Push():
            return one.key_file, one.key_env
        case Webhook():
            return one.secret_file, one.secret_env


def _is_loopback(url: str) -> bool:
    return url.split("/")[2].rsplit(":", 1)[0] in ("127.0.0.1", "localhost", "[::1]")
