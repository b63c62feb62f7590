"""What comes as SDP, before anything is made of it: an offer within its bounds, and the fragments that follow. Pure.

Of a candidate only an address is taken: a name would have us look for it, and who names none is found by the checks
that it sends.
"""

from __future__ import annotations

import ipaddress

from fusioncmd.errors import BadMessage
from gateways.video.bounds import CANDIDATES_MAX, OFFER_BYTES_MAX, OFFER_MEDIA_MAX


def check_offer(offer: str) -> str:
    """It, without what we do not take: candidates that are no addresses, and that there will be no more. What is too
    much of it is not even read: BadMessage."""
    lines = offer.splitlines()
    if (
        len(offer.encode()) > OFFER_BYTES_MAX
        or sum(line.startswith("m=") for line in lines) > OFFER_MEDIA_MAX
        or sum(line.startswith("a=candidate:") for line in lines) > CANDIDATES_MAX
    ):
        raise BadMessage("The SDP offer asks for too much.", "SDP 邀约内容过多。")
    kept = [line for line in lines if not line.startswith("a=candidate:") or is_address(line[12:])]
    return "\r\n".join([*(line for line in kept if line != "a=end-of-candidates"), ""])


def is_address(candidate: str) -> bool:
    parts = candidate.split()
    try:
        ipaddress.ip_address(parts[4])
    except (ValueError, IndexError):
        return False
    return parts[2].lower() == "udp"


def fragment(text: str) -> tuple[tuple[str, str], list[str]]:
    """Of what trickles in (RFC 8840, 9): user and password of ICE, and the candidates. Raises BadMessage."""
    lines = text.splitlines()
    candidates = [line[12:] for line in lines if line.startswith("a=candidate:")]
    if len(text) > OFFER_BYTES_MAX or len(candidates) > CANDIDATES_MAX:
        raise BadMessage("Too many candidates.", "候选地址过多。")
    if not all(line[:2] in ("a=", "m=", "") for line in lines):
        raise BadMessage("Not a fragment of SDP.", "不是有效的 SDP 片段。")
    user = next((line[12:] for line in lines if line.startswith("a=ice-ufrag:")), "")
    password = next((line[10:] for line in lines if line.startswith("a=ice-pwd:")), "")
    return (user, password), candidates
