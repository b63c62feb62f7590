"""A tier's streams as JetStream has them: made where they are missing, on three servers where the bus is a cluster."""

from __future__ import annotations

import structlog
from nats.js import api as js
from nats.js.errors import NotFoundError
from nats.js.manager import JetStreamManager

from fusioncmd.bus.port import STREAMS, StreamSpec
from fusioncmd.limits import CLUSTER_SERVERS

log = structlog.get_logger("bus")


async def ensure_streams(jsm: JetStreamManager, clustered: bool) -> None:
    """Leaves what exists as it is, but for a stream of a cluster that is on one server only."""
    for spec in STREAMS:
        try:
            found = (await jsm.stream_info(spec.name)).config
        except NotFoundError:
            await jsm.add_stream(_config(spec, CLUSTER_SERVERS if clustered else 1))
            continue
        if clustered and (found.num_replicas or 1) < CLUSTER_SERVERS:
            await jsm.update_stream(found.evolve(num_replicas=CLUSTER_SERVERS))
            log.info("bus.replicated", stream=spec.name, servers=CLUSTER_SERVERS)


async def bound(jsm: JetStreamManager, spec: StreamSpec, bytes_max: int) -> None:
    """Of a stream that sheds: others would lose what was accepted."""
    assert spec.sheds, spec.name
    found = (await jsm.stream_info(spec.name)).config
    if found.max_bytes != bytes_max:
        await jsm.update_stream(found.evolve(max_bytes=bytes_max))


def _config(spec: StreamSpec, replicas: int) -> js.StreamConfig:
    return js.StreamConfig(
        name=spec.name,
        subjects=list(spec.subjects),
        retention=js.RetentionPolicy.LIMITS,
        discard=js.DiscardPolicy.OLD if spec.sheds else js.DiscardPolicy.NEW,
        storage=js.StorageType.FILE,
        max_bytes=spec.bytes_max,
        max_msgs_per_subject=spec.per_subject_max,
        allow_direct=True,
        allow_msg_ttl=spec.lets_end or None,
        num_replicas=replicas,
    )
