"""The configuration of a tier node's own NATS server. Pure: settings in, text out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fusioncmd import limits
from fusioncmd.bus.port import STREAMS


@dataclass(frozen=True, slots=True)
class NatsSettings:
    node: str
    port: int
    store: Path
    host: str = "127.0.0.1"


def render(settings: NatsSettings) -> str:
    """A nats-server configuration file.

    `sync_interval: always`: a PubAck means that the message is on disk. Nothing listens beyond `host`.
    """
    return f"""\
# Written by fusioncmd at every start; changes made here are lost.
server_name: "fc-{settings.node}"
host: "{settings.host}"
port: {settings.port}
max_payload: {limits.BUS_PAYLOAD_BYTES_MAX}
max_pending: {limits.BUS_PAYLOAD_BYTES_MAX * 16}
write_deadline: "10s"
ping_interval: "10s"
ping_max: 3
jetstream {{
  store_dir: "{settings.store.as_posix()}"
  domain: "fc-{settings.node}"
  sync_interval: always
  max_memory_store: 268435456
  max_file_store: {sum_of_streams()}
}}
"""


def sum_of_streams() -> int:
    """The streams' own bounds together, so that the server never refuses to create one."""
    return sum(spec.bytes_max for spec in STREAMS)
