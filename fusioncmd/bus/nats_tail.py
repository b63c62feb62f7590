"""A JetStream push consumer that never loses its place: what `tail` returns on NATS."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js import api as js
from nats.js.manager import JetStreamManager

from fusioncmd.bus.port import Handler, Stored, StreamSpec
from fusioncmd.bus.sequence import Sequence

log = structlog.get_logger("bus")

RETRY_S = 0.5
NEW_LOOKS = 4
FORGET_S_MAX = 1.0


class NatsTail:
    """A push consumer that is made anew, after the last message handled, whenever `Sequence` finds a loss."""

    def __init__(
        self, nc: Client, jsm: JetStreamManager, stream: StreamSpec, handler: Handler, config: js.ConsumerConfig,
        handled: int, name: str = "",
    ) -> None:  # fmt: skip
        """`name` is what each of its consumers in turn is called; empty: each has a new name."""
        self._nc, self._jsm, self._stream, self._handler, self._config = nc, jsm, stream, handler, config
        self._name = name
        self._at = Sequence(handled=handled)
        self._broken = asyncio.Event()
        self._why = ""  # it is broken
        self._whole = asyncio.Event()
        self._generation = 0
        self._stopping = False
        self.task: asyncio.Task[None] | None = None

    async def caught_up(self) -> None:
        await self._whole.wait()

    async def stop(self) -> None:
        """Not by cancelling alone: `wait_for` before Python 3.12, and nats-py, swallow one that meets a reply."""
        self._stopping = True
        self._generation += 1
        self._broken.set()
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})

    def begin_again(self) -> None:
        """Make the consumer anew, after the last message handled."""
        self._break("asked")

    async def run(self) -> None:
        while not self._stopping:
            try:
                await self._consume()
            except (NatsError, OSError, TimeoutError) as error:
                log.warning("tail.retry", stream=self._stream.name, after=self._at.handled, error=repr(error))
                await asyncio.sleep(RETRY_S)

    async def _consume(self) -> None:
        loop = asyncio.get_running_loop()
        self._generation += 1
        generation = self._generation
        self._broken.clear()
        self._why = "silence"

        async def deliver(msg: Msg) -> None:
            if generation == self._generation:
                await self._take(msg, loop.time())

        inbox = self._nc.new_inbox()
        subscription = await self._nc.subscribe(inbox, cb=deliver)
        name = ""
        try:
            if generation > 1 and await self._is_new():
                log.warning("tail.stream_is_new", stream=self._stream.name, handled=self._at.handled)
                self._at.handled = 0
            if self._at.handled or self._config.deliver_policy is not js.DeliverPolicy.BY_START_TIME:
                self._config.deliver_policy = js.DeliverPolicy.BY_START_SEQUENCE
                self._config.opt_start_seq, self._config.opt_start_time = self._at.handled + 1, None
            self._config.deliver_subject = inbox
            self._config.name = self._name or f"tail-{inbox.rpartition('.')[2]}"
            if self._name:  # the one before may be there still, at another place of the stream
                await self._forget(self._name)
            self._at.begin(loop.time())
            made = await self._jsm.add_consumer(self._stream.name, self._config)
            name = made.name
            if not made.num_pending:
                self._whole.set()
            while (left_s := self._at.silent_in_s(loop.time())) > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._broken.wait(), left_s)
                    break
            if not self._stopping:
                log.warning("tail.begins_again", stream=self._stream.name, after=self._at.handled, why=self._why)
        finally:
            with contextlib.suppress(NatsError, OSError):
                await subscription.unsubscribe()
            if name and self._nc.is_connected and (self._stopping or not self._name):
                await self._forget(name)

    async def _forget(self, name: str) -> None:
        """Waited for briefly: a server that stands still never says that the consumer is gone. One that nobody reads
        ends by itself."""
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            async with asyncio.timeout(FORGET_S_MAX):
                await self._jsm.delete_consumer(self._stream.name, name)

    async def _is_new(self) -> bool:
        """The stream ends before what was handled. Asked again: a cluster's new leader may have to catch up first."""
        for _ in range(NEW_LOOKS):
            info = await self._jsm.stream_info(self._stream.name)
            if info.state.last_seq >= self._at.handled:
                return False
            if info.cluster is None or not info.cluster.replicas:
                return True
            await asyncio.sleep(RETRY_S)
        return True

    def _break(self, why: str) -> None:
        self._why = why
        self._broken.set()

    async def _take(self, msg: Msg, now_s: float) -> None:
        headers: dict[str, Any] = msg.headers or {}
        if headers.get("Status") == "100":
            if msg.reply:
                await self._nc.publish(msg.reply)
            elif "Nats-Consumer-Stalled" in headers:
                await self._nc.publish(headers["Nats-Consumer-Stalled"])
            if "Nats-Last-Consumer" in headers and not self._at.heartbeat(int(headers["Nats-Last-Consumer"]), now_s):
                self._break(f"heartbeat at {headers['Nats-Last-Consumer']}, had {self._at.delivered}")
            return
        if headers.get("Status"):
            self._break(f"status {headers['Status']}")
            return
        meta = msg.metadata
        if not self._at.take(meta.sequence.stream, meta.sequence.consumer, now_s):
            self._break(f"message {meta.sequence.consumer}, had {self._at.delivered}")
            return
        at_ms = int(meta.timestamp.timestamp() * 1000)
        self._handler(Stored(msg.subject, msg.data, meta.sequence.stream, at_ms))
        if not meta.num_pending:
            self._whole.set()


@dataclass(frozen=True, slots=True)
class NatsHearing:
    """Implements `port.Hearing`."""

    _subscription: Subscription

    async def stop(self) -> None:
        with contextlib.suppress(NatsError):  # the connection is gone, and with it what was heard
            await self._subscription.unsubscribe()
