"""A session with a carrier's gateway by SMPP 3.4: bound as a transceiver, kept alive, taken up again when it is lost.

A reply of a phone is acknowledged when the node has it on disk, so the carrier keeps it meanwhile. A submission whose
response does not come is `unsure` and not said again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import OrderedDict
from dataclasses import dataclass

import structlog

from fusioncmd.errors import BadMessage
from fusioncmd.ladder import bounds
from fusioncmd.ladder.config import Sms
from gateways.channels import sms_pdu
from gateways.channels.errand import Delivered, Errand, Replied, Result
from gateways.channels.sms_pdu import Pdu
from gateways.channels.sms_text import parts, words

log = structlog.get_logger("channels")

CONNECT_S_MAX = 10.0
RESPONSE_S_MAX = 10.0
ENQUIRE_EVERY_S = 30.0
EARLY_MAX = 4_096  # receipts of messages that are not known (yet); shed, the oldest first
RECONNECT_S_MIN, RECONNECT_S_MAX = 1.0, 60.0


class _Lost(Exception):
    """The session ended, or no response came. `said`: the PDU may have reached the other side."""

    def __init__(self, why: str, said: bool = True) -> None:
        super().__init__(why)
        self.said = said


@dataclass(slots=True)
class _Awaited:
    """A message, of which so many parts have no receipt yet."""

    order: bytes
    step: int
    number: int
    parts: int


class SmppSender:
    def __init__(self, settings: Sms, password: str, delivered: Delivered, replied: Replied) -> None:
        self._settings, self._password = settings, password
        self._delivered, self._replied = delivered, replied
        self._writer: asyncio.StreamWriter | None = None
        self._sequence = 0
        self._asked: dict[int, asyncio.Future[Pdu]] = {}
        self._awaited: OrderedDict[str, _Awaited] = OrderedDict()
        self._early: OrderedDict[str, None] = OrderedDict()
        self._answering: set[asyncio.Task[None]] = set()
        self.ready = False

    async def send(self, errand: Errand) -> Result:
        notice = errand.notice
        cut = parts(words(notice), hash((notice.order, notice.step, errand.number)))
        awaited = _Awaited(notice.order, notice.step, errand.number, len(cut))
        for sent, part in enumerate(cut):
            try:
                response = await self._ask(sms_pdu.submit(
                    self._next(), self._settings.source, errand.address, part, len(cut) > 1, notice.left_s
                ))  # fmt: skip
            except _Lost as lost:
                return Result("unsure", why=str(lost)) if lost.said or sent else Result("later", why=str(lost))
            if response.status in (sms_pdu.THROTTLED, sms_pdu.MESSAGE_QUEUE_FULL) and not sent:
                return Result("later", why=f"throttled ({response.status:#x})")
            if response.status != sms_pdu.OK:
                return Result("unsure" if sent else "failed", why=f"refused ({response.status:#x})")
            self._await(sms_pdu.message_id(response), awaited)
        return Result("accepted")

    async def run(self) -> None:
        wait_s = RECONNECT_S_MIN
        while True:
            try:
                await self._session()
                wait_s = RECONNECT_S_MIN
            except (OSError, _Lost, BadMessage, TimeoutError, asyncio.IncompleteReadError) as error:
                if self.ready:
                    wait_s = RECONNECT_S_MIN
                log.warning("channels.smpp_lost", host=self._settings.host, why=str(error) or type(error).__name__)
            finally:
                self._lose()
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RECONNECT_S_MAX)

    async def _session(self) -> None:
        tls = ssl.create_default_context() if self._settings.tls else None
        async with asyncio.timeout(CONNECT_S_MAX):
            reader, self._writer = await asyncio.open_connection(self._settings.host, self._settings.port, ssl=tls)
        settings, reading = self._settings, asyncio.create_task(self._read(reader))
        try:
            bound = await self._ask(
                sms_pdu.bind(self._next(), settings.system_id, self._password, settings.system_type)
            )
            if bound.status != sms_pdu.OK:
                raise _Lost(f"the carrier refuses the login ({bound.status:#x})")
            self.ready = True
            log.info("channels.smpp_bound", host=settings.host, port=settings.port)
            while not reading.done():
                await asyncio.wait([reading], timeout=ENQUIRE_EVERY_S)
                if not reading.done():
                    await self._ask(Pdu(sms_pdu.ENQUIRE_LINK, self._next()))
            reading.result()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _ask(self, pdu: Pdu) -> Pdu:
        """The response; `_Lost` when none comes."""
        if self._writer is None:
            raise _Lost("there is no session", said=False)
        waiting: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._asked[pdu.sequence] = waiting
        self._writer.write(pdu.pack())
        try:
            async with asyncio.timeout(RESPONSE_S_MAX):
                return await waiting
        except TimeoutError:
            raise _Lost("no response came") from None
        finally:
            self._asked.pop(pdu.sequence, None)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            head = await reader.readexactly(sms_pdu.HEADER.size)
            length, command, status, sequence = sms_pdu.header(head)
            pdu = Pdu(command, sequence, await reader.readexactly(length - len(head)), status)
            if command & sms_pdu.RESPONSE:
                waiting = self._asked.get(sequence)
                if waiting is not None and not waiting.done():
                    waiting.set_result(pdu)
            elif command == sms_pdu.ENQUIRE_LINK:
                self._write(pdu.reply())
            elif command == sms_pdu.DELIVER_SM:
                self._deliver(pdu)
            elif command == sms_pdu.UNBIND:
                self._write(pdu.reply())
                raise _Lost("the carrier ended the session")
            else:
                self._write(Pdu(sms_pdu.GENERIC_NACK, sequence, status=sms_pdu.INVALID_COMMAND))

    def _deliver(self, pdu: Pdu) -> None:
        said = sms_pdu.delivered(pdu)
        if said.receipt_of:
            self._write(pdu.reply(b"\0"))
            if said.arrived:
                self._arrived(said.receipt_of)
            return
        task = asyncio.create_task(self._reply(pdu, said))  # at most as many as `Telling.reply` lets in wait
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def _await(self, ident: str, awaited: _Awaited) -> None:
        self._awaited[ident] = awaited
        if ident in self._early:
            del self._early[ident]
            self._arrived(ident)
        if len(self._awaited) > bounds.CHANNEL_RECEIPTS_MAX:
            self._awaited.popitem(last=False)

    def _arrived(self, ident: str) -> None:
        """A part of a message is on the phone; the receipt may be here before the response that names it was read."""
        awaited = self._awaited.pop(ident, None)
        if awaited is None:
            self._early[ident] = None
            if len(self._early) > EARLY_MAX:
                self._early.popitem(last=False)
            return
        awaited.parts -= 1
        if not awaited.parts:
            self._delivered(awaited.order, awaited.step, awaited.number)

    async def _reply(self, pdu: Pdu, said: sms_pdu.Delivered) -> None:
        stored = await self._replied(said.source, said.text)
        self._write(pdu.reply(b"\0", sms_pdu.OK if stored else sms_pdu.TEMPORARY))

    def _write(self, pdu: Pdu) -> None:
        if self._writer is not None:
            self._writer.write(pdu.pack())

    def _next(self) -> int:
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        return self._sequence

    def _lose(self) -> None:
        self.ready = False
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
        self._writer = None
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(_Lost("the session was lost"))
        self._asked.clear()
