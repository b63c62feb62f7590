"""Addresses and networks as operators write them: whom to trust, and what only this machine can reach. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from fusioncmd import limits
from fusioncmd.errors import BadInput

Network = IPv4Network | IPv6Network
LOOPBACK = ("127.0.0.0/8", "::1/128")


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Each text is an address (`10.0.0.5`) or a network (`10.0.0.0/24`); `BadInput` names the one that is neither."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError:
            raise BadInput(
                f"{text!r} is neither an address nor a network; write 10.0.0.5 or 10.0.0.0/24.",
                f"“{text}”既不是地址也不是网段；请写成 10.0.0.5 或 10.0.0.0/24。",
            ) from None
    if len(found) > limits.PROXY_NETWORKS_MAX:
        raise BadInput(
            f"At most {limits.PROXY_NETWORKS_MAX} addresses and networks can be trusted.",
            f"可信任的地址和网段最多 {limits.PROXY_NETWORKS_MAX} 个。",
        )
    return tuple(found)


def is_in(host: str, networks: Iterable[Network]) -> bool:
    """`host` is an address as a socket gives it; one of IPv4 may come in its IPv6 form (RFC 4291, 2.5.5.2)."""
    address = ip_address(host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches what listens on `host`; a name other than localhost may be anything."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
