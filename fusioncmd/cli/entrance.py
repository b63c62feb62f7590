"""How terminals come in to `fusioncmd up`: directly, or through proxies that terminate TLS. Not in plain text unawares.

TLS is not terminated here: one sentence says so at each start, and an address that others reach has to be asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from fusioncmd.cli.console_way import Console
from fusioncmd.cli.tier import Tier
from fusioncmd.errors import BadInput
from fusioncmd.networks import LOOPBACK, is_loopback, read_networks
from fusioncmd.pages import is_built
from fusioncmd.terminal import PATH
from fusioncmd.words import say


def proxies_of(host: str, proxied: bool, trust: Sequence[str], plaintext: bool) -> tuple[str, ...]:
    """The networks of the proxies that may connect to `host`; none when terminals connect by themselves.

    `BadInput` for an address that others reach, when nobody said how terminals are protected on the way.
    """
    if trust and not proxied:
        raise BadInput("--trust names the proxies of --proxied, which is not given.", "--trust 须与 --proxied 同用。")
    if not (proxied or plaintext or is_loopback(host)):
        raise BadInput(
            f"Terminals would reach {host or 'every address'} in plain text: put HAProxy or nginx in front and say "
            "--proxied, or say --plaintext if that is what you want.",
            f"终端将以明文接入 {host or '所有地址'}：请在前面部署 HAProxy 或 nginx 并加 --proxied；"
            "若确实要用明文，请加 --plaintext。",
        )
    return tuple(map(str, read_networks(trust or LOOPBACK))) if proxied else ()


def console_of(host: str, port: int, proxied: bool) -> Console | None:
    """None for port 0. `BadInput` for an address that others reach, when nobody said that TLS is in front."""
    if not port:
        return None
    if not (proxied or is_loopback(host)):
        raise BadInput(
            f"Passwords would come to the console at {host or 'every address'} in plain text: put HAProxy or nginx in "
            "front and say --console-proxied.",
            f"指挥台密码将以明文传到 {host or '所有地址'}：请在前面部署 HAProxy 或 nginx 并加 --console-proxied。",
        )
    return Console(host, port, proxied)


def address(tier: Tier) -> str:
    host = f"[{tier.host}]" if ":" in tier.host else tier.host
    return f"ws://{host}:{tier.port}{PATH}"


def page_line(tier: Tier) -> str:
    """One line: where a responder opens the page; empty where it was not built, or TLS is elsewhere."""
    if tier.proxies or not is_loopback(tier.host) or not is_built("responder"):
        return ""  # browsers verify signatures only on pages that came by TLS, or from their own machine
    to = address(tier).replace("ws://", "http://").removesuffix(PATH) + "/"
    return say(f"  page       {to}  for responders", f"  页面  {to}  供责任人使用")


def way_in(tier: Tier) -> str:
    """One line: where terminals connect, and who looks after TLS."""
    to = address(tier)
    if tier.proxies:
        by = ", ".join(tier.proxies)
        return say(
            f"  terminals  {to}  only through proxies at {by}, which terminate TLS",
            f"  终端  {to}  仅限经由 {by} 的代理接入，TLS 由代理终结",
        )
    if not is_loopback(tier.host):
        return say(
            f"  terminals  {to}  in PLAIN TEXT: whoever is on the way reads tickets and answers",
            f"  终端  {to}  明文传输：途中任何人都能读到凭证和回复",
        )
    return say(
        f"  terminals  {to}  without TLS; put HAProxy or nginx in front (README: TLS in front)",
        f"  终端  {to}  未加密；请在前面部署 HAProxy 或 nginx（见 README“前置 TLS”）",
    )
