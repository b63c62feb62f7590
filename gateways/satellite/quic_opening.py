"""How a connection begins: dialled by a kit, answered by a hub, and with a ticket of the one before (RFC 8446, 2.2).

A ticket is taken once. The kit keeps its own on disk, with what the hub stated; the hub keeps those it gave in memory,
with what the kit stated, so that both judge again who the other is each time that one is used.
"""

from __future__ import annotations

import datetime
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import msgspec
from aioquic.buffer import Buffer  # type: ignore[attr-defined]
from aioquic.quic.packet import QuicPacketType, QuicProtocolVersion, encode_quic_retry, pull_quic_header
from aioquic.quic.retry import QuicRetryTokenHandler
from aioquic.tls import CipherSuite, SessionTicket
from msgspec import Struct

from fusioncmd.errors import BadMessage
from gateways.satellite.identity import Identity
from gateways.satellite.quic import Wire
from gateways.satellite.quic_connection import Connection, configuration, reset_token
from gateways.satellite.rate import Rate
from gateways.satellite.turns import Turns
from gateways.satellite.wire import Address

CID_BYTES = 8
FIRST_BYTES_MIN = 1_200  # of a datagram that begins a connection (RFC 9000, 14.1)
TICKETS_MAX = 1_024  # shed: the oldest, whose kit then does without
RESET_BYTES = 41  # as long as a packet might be, and shorter than what it answers (RFC 9000, 10.3)


class Ticket(Struct, frozen=True, tag="link-ticket.1", tag_field="kind", forbid_unknown_fields=True):
    """The kit's: what lets it go on with a hub, and what that hub stated to be."""

    statement: bytes
    ticket: bytes
    secret: bytes
    age_add: int
    begins: datetime.datetime
    ends: datetime.datetime
    early_bytes: int | None
    extensions: list[tuple[int, bytes]]

    def encode(self) -> bytes:
        return msgspec.json.encode(self)


def read_ticket(data: bytes) -> Ticket:
    """`BadMessage` for a file that is none."""
    try:
        return msgspec.json.decode(data, type=Ticket)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadMessage("The file holds no ticket of a link.", "该文件不是链路票据。") from None


def dial(
    identity: Identity, hub: Address, turns: Turns, rate: Rate, now_s: float, ticket: Ticket | None,
    keep: Callable[[Ticket], None],
) -> Wire:  # fmt: skip
    """The kit's end of a new connection. `keep` is given the ticket for the next one."""
    given = None if ticket is None else _session(ticket)
    connection: Connection

    def kept(session: SessionTicket) -> None:
        statement = wire.statement
        if statement is not None:
            keep(_ticket(session, statement))

    connection = Connection(
        rate, configuration=configuration(identity, is_kit=True, ticket=given), session_ticket_handler=kept
    )  # fmt: skip
    connection.statement = None if ticket is None else ticket.statement
    wire = Wire(connection, turns, rate)
    connection.connect(hub, now_s)
    return wire


class First(NamedTuple):
    """The beginning of a datagram."""

    cid: bytes
    begins: bool  # may begin a connection
    version: int | None
    source_cid: bytes
    token: bytes


def first_of(data: bytes) -> First | None:
    """None for what is no packet of QUIC, version 1."""
    try:
        header = pull_quic_header(Buffer(data=data), host_cid_length=CID_BYTES)
    except ValueError:
        return None
    if header.version not in (None, QuicProtocolVersion.VERSION_1):
        return None
    begins = header.packet_type is QuicPacketType.INITIAL and len(data) >= FIRST_BYTES_MIN
    return First(header.destination_cid, begins, header.version, header.source_cid, header.token)


class Answering:
    """The hub's beginnings: who shows that they are where they say (RFC 9000, 8.1), tickets, and what ends a connection
    that was forgotten. `secret`: kept over restarts, so that kits then learn at once that they must begin again."""

    def __init__(self, identity: Identity, secret: bytes) -> None:
        self._configuration = configuration(identity, is_kit=False)
        self._secret = secret
        self._retry = QuicRetryTokenHandler()
        self._tickets: OrderedDict[bytes, tuple[SessionTicket, bytes]] = OrderedDict()

    def retry(self, first: First, address: Address, now_s: float) -> tuple[bytes, bytes, bytes] | bytes | None:
        """For who showed a token: the ids of the connection (original, of the retry); for who did not: what to answer;
        None for who showed a wrong one."""
        if not first.token:
            cid = os.urandom(CID_BYTES)
            token = self._retry.create_token(
                address=address, original_destination_connection_id=first.cid, retry_source_connection_id=cid, now=now_s
            )
            version = QuicProtocolVersion.VERSION_1
            return encode_quic_retry(
                version=version, source_cid=cid, destination_cid=first.source_cid,
                original_destination_cid=first.cid, retry_token=token,
            )  # fmt: skip
        try:
            original = self._retry.validate_token(
                address=address, destination_cid=first.cid, token=first.token, now=now_s
            )  # fmt: skip
        except ValueError:
            return None
        return original, first.cid, b""

    def answer(
        self, original: bytes, retried: bytes | None, turns: Turns, rate: Rate, believes_ticket: Callable[[bytes], bool]
    ) -> Wire:
        """The hub's end of a new connection. `believes_ticket(statement)`: may who it was given to use it now."""

        def fetch(label: bytes) -> SessionTicket | None:
            session, statement = self._tickets.pop(label, (None, b""))  # once
            if session is None or not session.is_valid or not believes_ticket(statement):
                return None
            connection.took_ticket(statement)
            return session

        def gave(session: SessionTicket) -> None:
            wire.ticket = session

        connection = Connection(
            rate, self._secret, configuration=self._configuration, original_destination_connection_id=original,
            retry_source_connection_id=retried, session_ticket_fetcher=fetch, session_ticket_handler=gave,
        )  # fmt: skip
        wire = Wire(connection, turns, rate)
        return wire

    def keep_ticket(self, wire: Wire, statement: bytes) -> None:
        """Who holds the wire's ticket is who stated this."""
        if wire.ticket is not None:
            self._tickets[wire.ticket.ticket] = wire.ticket, statement
            wire.ticket = None
        while len(self._tickets) > TICKETS_MAX:
            self._tickets.popitem(last=False)

    def forgotten(self, first: First, size: int) -> bytes | None:
        """What to answer a packet of a connection that is not known; None: nothing, lest two answer for ever."""
        if first.version is not None or size <= RESET_BYTES + 1:
            return None
        noise = bytearray(os.urandom(RESET_BYTES - 16))
        noise[0] = 0x40 | noise[0] & 0x3F
        return bytes(noise) + reset_token(self._secret, first.cid)


def _ticket(session: SessionTicket, statement: bytes) -> Ticket:
    return Ticket(
        statement, session.ticket, session.resumption_secret, session.age_add, session.not_valid_before,
        session.not_valid_after, session.max_early_data_size, list(session.other_extensions),
    )  # fmt: skip


def _session(kept: Ticket) -> Any:
    return SessionTicket(
        age_add=kept.age_add, cipher_suite=CipherSuite.AES_128_GCM_SHA256, not_valid_after=kept.ends,
        not_valid_before=kept.begins, resumption_secret=kept.secret, server_name=cast(str, None), ticket=kept.ticket,
        max_early_data_size=kept.early_bytes, other_extensions=kept.extensions,
    )  # fmt: skip
