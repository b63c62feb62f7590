"""The bus on NATS and JetStream. With `nats_connect`, `nats_tail` and `nats_errors`, all that
knows nats-py.

Traps met here: reconnecting gives up after 60 tries unless told not to; `publish_async` futures never time out, so
each store is a request with a deadline; `async for` makes a task per message, callbacks do not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import api as js
from nats.js.errors import NotFoundError

from fusioncmd import limits
from fusioncmd.bus.consumers import GATEWAYS_JETSTREAM, JETSTREAM, Together, fixed_name, one_each
from fusioncmd.bus.nats_connect import Refusals, connect
from fusioncmd.bus.nats_errors import translated
from fusioncmd.bus.nats_streams import bound, ensure_streams
from fusioncmd.bus.nats_tail import NatsHearing, NatsTail
from fusioncmd.bus.port import STREAMS, Handler, Heard, Hearing, Server, Stored, StreamEdge, StreamSpec, Tail
from fusioncmd.bus.sequence import HEARTBEAT_S
from fusioncmd.errors import BusDown, BusRefused, NoReply

log = structlog.get_logger("bus")

INBOXES = ("_INBOX.", "_R_.")  # of users of this account, and of another
READ_PAGE_MAX = 4_096  # messages that `read` holds at once


async def open_bus(
    url: str, name: str, wait_s: float = 3.0, *, quiet: bool = False,
    key: Path | None = None, gateway: bool = False, ca: Path | None = None, echo: bool = True,
) -> NatsBus:  # fmt: skip
    """Connect to the server at `url`, or to one of a cluster (`url,url,url`); `BusDown` when none answers within
    `wait_s`, `BusRefused` when it does not take `key`. Later losses are ridden out, and logged unless `quiet`.

    `key` is the file NAME.nk of a user of the bus; `gateway`: it is a gateway's, in the account that those have.
    A `tls://` URL is spoken to in TLS only, with a server that `ca` vouches for. Without `echo`, what is said is not
    heard by this connection itself.
    """
    refusals = Refusals()
    client = await connect(
        url, name, wait_s, quiet=quiet, key=key, ca=ca, refusals=refusals, echo=echo,
        back=lambda: bus.begin_tails_again(),
    )  # fmt: skip
    bus = NatsBus(client, refusals, key.stem if key is not None and gateway else "")
    return bus


class NatsBus:
    """Implements `port.Bus`. `gateway` is the one whose key it is, and whose consumers have fixed names; else empty."""

    def __init__(self, client: Client, refusals: Refusals, gateway: str = "") -> None:
        self._nc, self._refusals, self._gateway = client, refusals, gateway
        self._js = client.jetstream(timeout=limits.PUBLISH_ACK_S_MAX)
        prefix = GATEWAYS_JETSTREAM if gateway else JETSTREAM
        self._jsm = client.jsm(prefix=prefix, timeout=limits.PUBLISH_ACK_S_MAX)
        self._tails: set[NatsTail] = set()

    def begin_tails_again(self) -> None:
        """After a loss: the server may have forgotten their consumers, and would be waited for in vain."""
        for tail in self._tails:
            tail.begin_again()

    @property
    def _clustered(self) -> bool:
        """By what the server says of itself (INFO). A server alone that is a leaf node of another calls itself a
        cluster, by its own name or its identity."""
        info = self._nc._server_info
        return info.get("cluster") not in (None, "", info.get("server_name"), info.get("server_id"))

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """As `translated`; and what the server did not let us ask got no reply for that reason."""
        before = self._refusals.count
        try:
            with translated():
                yield
        except NoReply:
            if self._refusals.count == before:
                raise
            subject = self._refusals.last
            raise BusRefused(
                f"The bus does not let this key use {subject}.", f"总线不允许此密钥使用 {subject}。"
            ) from None

    async def ensure_streams(self) -> None:
        with self._translated():
            await ensure_streams(self._jsm, self._clustered)

    async def store(
        self, subject: str, data: bytes, *, expect_last: int | None = None, ends_s: int | None = None
    ) -> int:
        self._check_connected()
        headers = None if expect_last is None else {"Nats-Expected-Last-Subject-Sequence": str(expect_last)}
        with self._translated():
            ack = await self._js.publish(
                subject, data, timeout=limits.PUBLISH_ACK_S_MAX, headers=headers, msg_ttl=ends_s
            )
        return int(ack.seq)

    async def edge(self, stream: StreamSpec) -> StreamEdge:
        with self._translated():
            state = (await self._jsm.stream_info(stream.name)).state
        return StreamEdge(max(state.first_seq, 1), state.last_seq, state.bytes)  # a new stream says 0 and 0

    async def last(self, subject: str) -> Stored | None:
        stream = next(s for s in STREAMS if any(subject.startswith(f[:-1]) for f in s.subjects))
        with self._translated():
            try:
                # Of a cluster the leader is asked: a direct get may be answered by a server that lags behind.
                found = await self._jsm.get_msg(stream.name, subject=subject, direct=not self._clustered)
            except NotFoundError:
                return None
        return Stored(subject, found.data or b"", int(found.seq or 0))

    async def read(self, stream: StreamSpec, from_seq: int = 1) -> AsyncIterator[Stored]:
        """Page by page: a reader who is slow holds a bounded part of the stream, and misses nothing of it."""
        edge = await self.edge(stream)
        after = max(edge.first, from_seq) - 1
        whole = after >= edge.last
        while not whole:
            page, whole = await self._page(stream, after)
            for stored in page:
                after = stored.seq
                yield stored

    async def _page(self, stream: StreamSpec, after: int) -> tuple[list[Stored], bool]:
        """The next messages after `after`, and whether they are the last."""
        page: list[Stored] = []
        beyond = asyncio.Event()

        def take(stored: Stored) -> None:
            if len(page) < READ_PAGE_MAX:
                page.append(stored)
            else:
                beyond.set()

        tail = await self.tail(stream, take, from_seq=after + 1)
        waits = [asyncio.create_task(tail.caught_up()), asyncio.create_task(beyond.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await tail.stop()
        return page, not beyond.is_set()

    async def forget(self, stream: StreamSpec, below_seq: int) -> None:
        below_seq = min(below_seq, (await self.edge(stream)).last + 1)  # beyond its end, a stream would skip numbers
        if below_seq > 1:  # 0 would purge everything
            with self._translated():
                await self._jsm.purge_stream(stream.name, seq=below_seq)

    async def bound(self, stream: StreamSpec, bytes_max: int) -> None:
        with self._translated():
            await bound(self._jsm, stream, bytes_max)

    async def tail(
        self,
        stream: StreamSpec,
        handler: Handler,
        *,
        from_seq: int | None = None,
        from_ms: int | None = None,
        filters: tuple[str, ...] = (),
    ) -> Tail:
        """A gateway's tail on what it may read in part has a consumer for each filter; each is in order."""
        start_s = None if from_ms is None else from_ms / 1000
        each = one_each(stream, filters) if self._gateway else (filters,)
        tails = tuple(self._tail(stream, handler, from_seq or 1, start_s, some) for some in each)
        return tails[0] if len(tails) == 1 else Together(tails)

    def _tail(
        self, stream: StreamSpec, handler: Handler, from_seq: int, start_s: float | None, filters: tuple[str, ...]
    ) -> NatsTail:
        config = js.ConsumerConfig(
            ack_policy=js.AckPolicy.NONE,
            idle_heartbeat=HEARTBEAT_S,
            flow_control=True,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=30.0,
            filter_subject=filters[0] if len(filters) == 1 else None,
            filter_subjects=list(filters) if len(filters) > 1 else None,
        )
        if start_s is not None:
            config.deliver_policy = js.DeliverPolicy.BY_START_TIME
            config.opt_start_time = datetime.fromtimestamp(start_s, UTC)
        name = fixed_name(self._gateway, filters) if self._gateway else ""
        tail = NatsTail(self._nc, self._jsm, stream, handler, config, from_seq - 1, name)
        tail.task = asyncio.create_task(tail.run(), name=f"tail {stream.name}")
        self._tails.add(tail)
        tail.task.add_done_callback(lambda _: self._tails.discard(tail))
        return tail

    async def say(self, subject: str, data: bytes) -> None:
        self._check_connected()
        with self._translated():
            await self._nc.publish(subject, data)

    async def hear(self, subject: str, heard: Heard) -> Hearing:
        async def deliver(msg: Msg) -> None:
            heard(msg.subject, msg.data)

        return NatsHearing(await self._nc.subscribe(subject, cb=deliver))

    async def ask(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        self._check_connected()
        with self._translated():
            return bytes((await self._nc.request(subject, data, timeout=timeout_s)).data)

    async def serve(self, subject: str, server: Server) -> None:
        """Each request is answered in its own task, so that a slow one delays nobody."""
        running: set[asyncio.Task[None]] = set()

        async def answer(msg: Msg) -> None:
            reply = await server(msg.data)
            with contextlib.suppress(NatsError):  # the asker is gone, or asks again after a reconnect
                await msg.respond(reply)

        async def accept(msg: Msg) -> None:
            if not msg.reply.startswith(INBOXES):  # an answer put anywhere else would be stored in our name
                log.warning("bus.not_an_inbox", subject=msg.subject, reply=msg.reply)
                return
            task = asyncio.create_task(answer(msg))
            running.add(task)
            task.add_done_callback(running.discard)

        await self._nc.subscribe(subject, cb=accept)

    def _check_connected(self) -> None:
        """nats-py would queue it and, when there is a server again, send what is stale by then."""
        if not self._nc.is_connected:
            raise BusDown("The NATS server is not there.", "NATS 服务器未连接。")

    async def close(self) -> None:
        for tail in list(self._tails):
            await tail.stop()
        with contextlib.suppress(NatsError, OSError, TimeoutError):  # the server may be gone already
            await self._nc.close()
