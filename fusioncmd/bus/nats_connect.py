"""Connecting to a NATS server: with a key, in TLS where the URL says so, and with one sentence where it is refused."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from fusioncmd.bus.secured import client_context
from fusioncmd.bus.users import read_seed
from fusioncmd.errors import BusDown, BusRefused

log = structlog.get_logger("bus")

PENDING_BYTES_MAX = 64 * 1024 * 1024
END_S_MAX = 0.5
PING_S = 5
PING_CLUSTER_S = 2  # a server that stands still is left for another after three of these
LOGIN_REFUSED = "authorization violation"
REFUSED_MAX = 3  # a server that reads its file again refuses good keys for some milliseconds
_NOT_ALLOWED = re.compile(r'permissions violation for \w+ (?:to )?"([^"]+)"', re.IGNORECASE)


@dataclass(slots=True)
class Refusals:
    """What the server did not let this connection do. It says so beside the request, which then gets no reply."""

    count: int = 0
    last: str = ""  # the subject

    def hear(self, said: str) -> None:
        if found := _NOT_ALLOWED.search(said):
            self.count += 1
            self.last = found[1]


@dataclass(slots=True)
class _Entrance:
    """Why a connection that is not there yet is refused, and whether that is for good."""

    url: str
    user: str
    refused: BusRefused | None = None
    times: int = 0

    def hear(self, error: Exception) -> None:
        """Raises BusRefused out of `Client.connect`, which would try the same for ever."""
        self.refused = _refusal(self.url, self.user, error) or self.refused
        if self.refused is not None:
            self.times += 1
            if self.times == REFUSED_MAX or not self.user or LOGIN_REFUSED not in str(error).lower():
                raise self.refused


async def connect(
    url: str, name: str, wait_s: float, *, quiet: bool, key: Path | None, ca: Path | None,
    refusals: Refusals, back: Callable[[], None], echo: bool = True,
) -> Client:  # fmt: skip
    """As `nats.open_bus`; `back` is called after each reconnect."""
    user = "" if key is None else key.stem
    inside = False
    entrance = _Entrance(url, user)

    async def errored(error: Exception) -> None:
        refusals.hear(str(error))
        if not inside:
            entrance.hear(error)
        elif not quiet:
            log.warning("bus.error", error=repr(error))

    async def lost() -> None:
        if not quiet and not client.is_closed:
            log.warning("bus.lost", url=url)

    async def returned() -> None:
        back()
        if not quiet:
            log.info("bus.back", url=url)

    servers = url.split(",")
    context = client_context(url, ca)
    client = Client()
    try:
        async with asyncio.timeout(wait_s):
            await client.connect(
                servers,
                name=name,
                connect_timeout=2,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.25,  # type: ignore[arg-type]  # seconds; it only sleeps for them
                ping_interval=PING_S if len(servers) == 1 else PING_CLUSTER_S,
                max_outstanding_pings=2,
                pending_size=PENDING_BYTES_MAX,
                no_echo=not echo,
                error_cb=errored,
                disconnected_cb=lost,
                reconnected_cb=returned,
                nkeys_seed_str=None if key is None else read_seed(key),
                inbox_prefix=f"_INBOX.{user}" if user else "_INBOX",
                tls=context,
                tls_handshake_first=context is not None,
            )
    except BusRefused:
        await _end(client)
        raise
    except (TimeoutError, OSError, NatsError):
        await _end(client)
        raise entrance.refused or BusDown(
            f"No NATS server answers at {url}. Is `fusioncmd up` running? If elsewhere, set FUSIONCMD_NATS.",
            f"{url} 没有 NATS 服务器应答。是否已运行 fusioncmd up？如在别处，请设置 FUSIONCMD_NATS。",
        ) from None
    inside = True
    return client


async def _end(client: Client) -> None:
    with contextlib.suppress(NatsError, OSError, TimeoutError):
        async with asyncio.timeout(END_S_MAX):  # where TLS failed, the close is waited for in vain
            await client.close()


def _refusal(url: str, user: str, error: Exception) -> BusRefused | None:
    """Why trying again is of no use; None where it may be."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return BusRefused(
            f"The server at {url} is not vouched for ({error.verify_message}); FUSIONCMD_TLS_CA names the authority.",
            f"无法验证 {url} 服务器的证书（{error.verify_message}）；请用 FUSIONCMD_TLS_CA 指定 CA 证书。",
        )
    if LOGIN_REFUSED not in str(error).lower():
        return None
    if not user:
        return BusRefused(
            f"The bus at {url} lets nobody in without a key; FUSIONCMD_BUS_KEY names the file of yours.",
            f"{url} 的总线须凭密钥接入；请用 FUSIONCMD_BUS_KEY 指定您的密钥文件。",
        )
    return BusRefused(f"The bus at {url} does not take the key of {user}.", f"{url} 的总线不接受 {user} 的密钥。")
