"""aioquic's connection as a satellite link wants it: who asks for a certificate, and what a peer may make us hold."""

from __future__ import annotations

import ssl
from copy import copy
from hashlib import blake2b
from typing import Any

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection, QuicConnectionId
from aioquic.quic.crypto import CryptoContext, CryptoError, CryptoPair  # type: ignore[attr-defined]
from aioquic.quic.packet import QuicFrameType, QuicProtocolVersion
from aioquic.quic.packet_builder import PACKET_NUMBER_SEND_SIZE, QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketSpace
from aioquic.quic.stream import QuicStream
from aioquic.tls import CipherSuite, Epoch
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gateways.satellite.identity import Identity
from gateways.satellite.quic_recovery import Recovery
from gateways.satellite.rate import PACKET_BYTES_MAX, ROUND_TRIP_S, Rate

ALPN = "fusioncmd-satellite/1"
IDLE_S = 60 * 86_400.0  # a connection outlives an outage of so long
STREAM_BYTES = 384 * 1024  # that a peer may send beyond what was read, of a stream and of all
CONNECTION_BYTES = 768 * 1024
NUMBER_BYTES = 4
LATE_S = 3.0  # that a packet may come after one by a faster way
LIMIT_FRAME_BYTES = 17  # of a frame that raises one: type and two integers (RFC 9000, 19.9 and 19.10)


def configuration(identity: Identity, *, is_kit: bool, ticket: Any = None) -> QuicConfiguration:
    """Certificates are judged by what they state (`identity.py`), not by their dates and names."""
    made = QuicConfiguration(
        alpn_protocols=[ALPN], is_client=is_kit, idle_timeout=IDLE_S, max_datagram_frame_size=65_536,
        max_data=CONNECTION_BYTES, max_stream_data=STREAM_BYTES, verify_mode=ssl.CERT_NONE, session_ticket=ticket,
        cipher_suites=[CipherSuite.AES_128_GCM_SHA256], supported_versions=[QuicProtocolVersion.VERSION_1],
        initial_rtt=ROUND_TRIP_S, max_datagram_size=PACKET_BYTES_MAX,
    )  # fmt: skip
    made.certificate = x509.load_pem_x509_certificate(identity.certificate_pem)
    made.private_key = serialization.load_pem_private_key(identity.key_pem, None)
    return made


def reset_secret(identity: Identity) -> bytes:
    """The same after a restart, and known to nobody who has not the key."""
    return blake2b(identity.key_pem, digest_size=32, person=b"satellite-reset").digest()


def reset_token(secret: bytes, cid: bytes) -> bytes:
    """What ends the connection of that id for its peer, even after we forgot it (RFC 9000, 10.3.2)."""
    return blake2b(cid, key=secret, digest_size=16).digest()


class WideNumbers(CryptoPair):
    """Packet numbers of four bytes where aioquic writes two (RFC 9000, 17.1): after an outage in which more than 32,768
    packets went and none came, two could not be told from others any more, and the connection would be dead."""

    def __init__(self) -> None:
        super().__init__()
        self._before: CryptoContext | None = None
        self.aead_tag_size += NUMBER_BYTES - PACKET_NUMBER_SEND_SIZE  # so that room is left for them

    def encrypt_packet(self, plain_header: bytes, plain_payload: bytes, packet_number: int) -> bytes:
        first = plain_header[0] | NUMBER_BYTES - 1
        number = (packet_number & 0xFFFF_FFFF).to_bytes(NUMBER_BYTES, "big")
        header = bytes((first,)) + plain_header[1:-PACKET_NUMBER_SEND_SIZE] + number
        return super().encrypt_packet(header, plain_payload, packet_number)

    def decrypt_packet(
        self, packet: bytes, encrypted_offset: int, expected_packet_number: int
    ) -> tuple[bytes, bytes, int]:
        """Under the key before, too: for a round trip the other end does not know of the new one."""
        try:
            return super().decrypt_packet(packet, encrypted_offset, expected_packet_number)
        except CryptoError:
            if self._before is None:
                raise
            return self._before.decrypt_packet(packet, encrypted_offset, expected_packet_number)[:3]

    def _update_key(self, trigger: str) -> None:
        self._before = copy(self.recv)
        super()._update_key(trigger)


class Connection(QuicConnection):
    """`secret`: the hub's, from which the tokens are made that end connections it has forgotten."""

    def __init__(self, rate: Rate, secret: bytes = b"", **given: Any) -> None:
        super().__init__(**given)
        self._secret = secret
        self.heard_s: float | None = None
        self._retiring: list[tuple[float, int]] = []  # ids of the other end that are used no more, and since when
        self.statement: bytes | None = None  # of a ticket that was taken
        self._loss = self.recovery = Recovery(self, rate, self._configuration.initial_rtt, self._is_client)
        if secret:
            self._host_cids[0].stateless_reset_token = reset_token(secret, self._host_cids[0].cid)

    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        self.tls._request_client_certificate = not self._is_client
        self._cryptos[Epoch.ONE_RTT] = WideNumbers()

    def took_ticket(self, statement: bytes) -> None:
        """Who resumes says who they are by the ticket, and is asked for no certificate (RFC 8446, 4.3.2)."""
        self.statement = statement
        self.tls._request_client_certificate = False

    def _replenish_connection_ids(self) -> None:
        super()._replenish_connection_ids()
        for own in self._host_cids:
            if self._secret and not own.was_sent:
                own.stateless_reset_token = reset_token(self._secret, own.cid)

    def _retire_peer_cid(self, connection_id: QuicConnectionId) -> None:
        """Not yet: what went with it by a slower way is still to be read."""
        self._retiring.append((self.heard_s or 0.0, connection_id.sequence_number))

    def _payload_received(self, context: Any, plain: bytes, crypto_frame_required: bool = False) -> tuple[bool, bool]:
        self.heard_s = now_s = context.time
        while self._retiring and now_s - self._retiring[0][0] > LATE_S:
            self._retire_connection_ids.append(self._retiring.pop(0)[1])
        return super()._payload_received(context, plain, crypto_frame_required=crypto_frame_required)

    def is_reset(self, data: bytes) -> bool:
        """Whether a datagram says that the other end has forgotten this connection."""
        tokens = {cid.stateless_reset_token for cid in (self._peer_cid, *self._peer_cid_available)}
        return data[-16:] in tokens - {b"", None}

    def _write_connection_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace) -> None:
        """Raised by what was read. aioquic doubles it, whatever the peer leaves out in between."""
        read = sum(stream.receiver.starting_offset() for stream in self._streams.values())
        limit = self._local_max_data
        if limit.value - read < CONNECTION_BYTES // 2:
            limit.value = read + CONNECTION_BYTES
        if limit.value != limit.sent:
            handler = self._on_connection_limit_delivery
            buf = builder.start_frame(limit.frame_type, LIMIT_FRAME_BYTES, handler, (limit,))
            buf.push_uint_var(limit.value)
            limit.sent = limit.value

    def _write_stream_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace, stream: QuicStream) -> None:
        if not stream.max_stream_data_local:
            return  # one of ours, on which nothing comes
        read = stream.receiver.starting_offset()
        if stream.max_stream_data_local - read < STREAM_BYTES // 2:
            stream.max_stream_data_local = read + STREAM_BYTES
        if stream.max_stream_data_local_sent != stream.max_stream_data_local:
            handler = self._on_max_stream_data_delivery
            buf = builder.start_frame(QuicFrameType.MAX_STREAM_DATA, LIMIT_FRAME_BYTES, handler, (stream,))
            buf.push_uint_var(stream.stream_id or 0)
            buf.push_uint_var(stream.max_stream_data_local)
            stream.max_stream_data_local_sent = stream.max_stream_data_local
