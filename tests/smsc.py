"""A carrier's gateway for tests: SMPP 3.4 over TCP, with the PDUs of `smpplib`, which is not ours, as the judge.

It takes transceivers with the right password, checks every submission, sends delivery receipts, and writes replies.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from smpplib import consts, smpp

from tests.nats_server import free_port


class _Sequence:
    """What smpplib asks of its client."""

    def __init__(self) -> None:
        self.sequence = 0

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    @property
    def sequence_generator(self) -> Any:
        return self


@dataclass
class Smsc:
    """`status_of(nth submission)` is what it says to it. `texts`: phone → whole texts, put together of their parts."""

    password: str = "right"
    port: int = field(default_factory=free_port)
    status_of: Callable[[int], int] = lambda _: 0
    receipts: bool = True
    submissions: int = 0
    binds: int = 0
    enquiries: int = 0
    texts: dict[str, list[str]] = field(default_factory=dict)
    validities: set[str] = field(default_factory=set)
    replied: dict[int, int] = field(default_factory=dict)  # sequence of a deliver_sm → status of its response

    async def __aenter__(self) -> Smsc:
        self._parts: dict[tuple[str, int], dict[int, str]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._client = _Sequence()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def write_back(self, phone: str, text: str) -> int:
        """A phone writes; the status with which the other side takes it."""
        pdu = self._make("deliver_sm", source_addr=phone, destination_addr="106900", data_coding=8, esm_class=0,
                         short_message=text.encode("utf-16-be"))  # fmt: skip
        return await self._deliver(pdu)

    async def _deliver(self, pdu: Any) -> int:
        assert self._writer is not None
        self._writer.write(pdu.generate())
        async with asyncio.timeout(15):
            while pdu.sequence not in self.replied:
                await asyncio.sleep(0.01)
        return self.replied.pop(pdu.sequence)

    def _make(self, name: str, **fields: Any) -> Any:
        return smpp.make_pdu(name, client=self._client, **fields)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(4)
                raw = head + await reader.readexactly(struct.unpack(">L", head)[0] - 4)
                pdu = smpp.parse_pdu(raw, client=self._client, allow_unknown_opt_params=True)
                self._take(pdu, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        except asyncio.CancelledError:
            return  # the test is over

    def _take(self, pdu: Any, writer: asyncio.StreamWriter) -> None:
        match pdu.command:
            case "bind_transceiver":
                self.binds += 1
                good = pdu.password == self.password.encode() and pdu.interface_version == 0x34
                self._writer = writer
                self._answer(pdu, writer, 0 if good else consts.SMPP_ESME_RINVPASWD, system_id="smsc")
            case "submit_sm":
                self._submitted(pdu, writer)
            case "enquire_link":
                self.enquiries += 1
                self._answer(pdu, writer, 0)
            case "deliver_sm_resp":
                self.replied[pdu.sequence] = pdu.status

    def _answer(self, pdu: Any, writer: asyncio.StreamWriter, status: int, **fields: Any) -> None:
        reply = self._make(f"{pdu.command}_resp", **fields)
        reply.sequence, reply.status = pdu.sequence, status
        writer.write(reply.generate())

    def _submitted(self, pdu: Any, writer: asyncio.StreamWriter) -> None:
        self.submissions += 1
        status, ident = self.status_of(self.submissions), f"m{self.submissions}"
        self._answer(pdu, writer, status, message_id=ident)
        if status:
            return
        assert pdu.data_coding == consts.SMPP_ENCODING_ISO10646 and pdu.registered_delivery == 1
        self.validities.add(pdu.validity_period.decode())
        phone, message = pdu.destination_addr.decode(), pdu.short_message
        assert len(message) <= 140
        if pdu.esm_class & consts.SMPP_GSMFEAT_UDHI:
            assert message[:3] == b"\x05\x00\x03"
            reference, total, n = message[3:6]
            parts = self._parts.setdefault((phone, reference), {})
            parts[n] = message[6:].decode("utf-16-be")
            if len(parts) == total:
                self.texts.setdefault(phone, []).append("".join(parts[i] for i in sorted(parts)))
        else:
            self.texts.setdefault(phone, []).append(message.decode("utf-16-be"))
        if self.receipts:
            said = (
                f"id:{ident} sub:001 dlvrd:001 submit date:2611281200 done date:2611281201 stat:DELIVRD err:000 text:"
            )
            receipt = self._make("deliver_sm", source_addr=phone, destination_addr="106900", esm_class=4, data_coding=0,
                                 short_message=said.encode())  # fmt: skip
            writer.write(receipt.generate())
