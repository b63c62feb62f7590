"""Sensors in a NATS server's configuration: its own MQTT listener, and an account of theirs. Pure.

Each sensor has a user that may publish on `sensor.<its name>.>` (MQTT: `sensor/<its name>/…`) and hear nothing; who
takes one over can invent that sensor's readings. Nothing leaves the account: the gateway of alarms hears them in it.
What NATS keeps for MQTT (retained messages, sessions) has a bound of its own there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fusioncmd.bus.users import BusUser
from tiers.nats_links import user_line

STORE_BYTES_MAX = 64 * 1024**2
STORE_S_MAX = 10  # a stall of the disk ends no connection (NATS: 5); a question lost in a reload waits no longer
KEPT_MAX = 16  # streams of NATS's own for MQTT


def account(own: str, gateways: Sequence[BusUser], sensors: Iterable[tuple[str, str]]) -> str:
    """`sensors`: name and bcrypt hash."""
    lines = "".join(f"      {user_line(user)}\n" for user in gateways)
    lines += "".join(f"      {_sensor(name, hashed)}\n" for name, hashed in sensors)
    return f"""\
  "{own}-sensors" {{
    jetstream: {{ max_file: {STORE_BYTES_MAX}, max_mem: {STORE_BYTES_MAX}, max_streams: {KEPT_MAX} }}
    users: [
{lines}\
    ]
  }}
"""


def listener(host: str, port: int, tls: str) -> str:
    return f"""\
mqtt {{
  host: "{host}"
  port: {port}
  max_ack_pending: 100
  js_api_timeout: "{STORE_S_MAX}s"
{tls}\
}}
"""


def _sensor(name: str, hashed: str) -> str:
    may = f'publish: {{ allow: ["sensor.{name}.>"] }}, subscribe: {{ deny: [">"] }}'
    return f'{{ user: "{name}", password: "{hashed}", permissions: {{ {may} }}, allowed_connection_types: ["MQTT"] }}'
