"""SRTP (RFC 3711) with the keys that signalling agreed on (SDES, RFC 4568), by pylibsrtp: all that knows it."""

from __future__ import annotations

import os

from pylibsrtp import Error, Policy, Session

from fusioncmd.errors import BadMessage
from gateways.radio.calls import SrtpKeys

KEY_BYTES = 30  # of AES_CM_128_HMAC_SHA1_80: 16 of key, 14 of salt


def fresh_key() -> bytes:
    return os.urandom(KEY_BYTES)


class Srtp:
    """Both ways of one call; RTP and RTCP."""

    def __init__(self, keys: SrtpKeys) -> None:
        profile = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        self._in = Session(Policy(keys.inbound, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        self._out = Session(Policy(keys.outbound, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))

    def opened(self, data: bytes, rtcp: bool) -> bytes:
        """Raises BadMessage for what the peer did not say, or said before."""
        try:
            return self._in.unprotect_rtcp(data) if rtcp else self._in.unprotect(data)
        except (Error, TypeError) as error:
            raise BadMessage(f"Not from the peer: {error}.", f"不是对端发送的包：{error}。") from None

    def sealed(self, data: bytes, rtcp: bool) -> bytes:
        return self._out.protect_rtcp(data) if rtcp else self._out.protect(data)
