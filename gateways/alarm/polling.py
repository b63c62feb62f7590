"""Feeds are polled: what is new in each is fetched and read. One task for each feed; the one place here with httpx."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial

import httpx
import structlog

from fusioncmd.alarm import cap_xml
from fusioncmd.alarm.cap import XML_BYTES_MAX, CapAlert
from fusioncmd.errors import BadMessage, Problem, Unavailable
from gateways.alarm import feeds
from gateways.alarm.signed import Signed
from gateways.alarm.sources import CapSource

log = structlog.get_logger("alarm")

FETCH_S_MAX = 15.0
SEEN_MAX = 10_000  # entries of one feed that were fetched; shed, the oldest: then it is fetched again, and folded
FEED_BYTES_MAX = XML_BYTES_MAX
LATE_FACTOR_MAX = 8  # a feed that fails is asked less and less often

Tell = Callable[[CapAlert, CapSource], Awaitable[object]]


class Polling:
    """`tell` takes an alert that `signed` has read. `state`: of each feed, why it fails, or empty."""

    def __init__(self, sources: tuple[CapSource, ...], tell: Tell, signed: Signed) -> None:
        self._signed = signed
        self._sources, self._tell = [source for source in sources if source.feed], tell
        self._client = httpx.AsyncClient(timeout=FETCH_S_MAX, follow_redirects=False, trust_env=False)
        self._seen: dict[str, OrderedDict[str, None]] = {source.name: OrderedDict() for source in self._sources}
        self._known: dict[str, dict[str, str]] = {}
        self.state: dict[str, str] = {}

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for source in self._sources:
                    group.create_task(self._follow(source))
        finally:
            await self._client.aclose()

    async def _follow(self, source: CapSource) -> None:
        late = 1
        while True:
            try:
                await self.look(source)
                late, self.state[source.name] = 1, ""
            except Problem as problem:
                if self.state.get(source.name) != problem.en:
                    log.error("alarm.feed_failed", source=source.name, problem=problem.en)
                self.state[source.name] = problem.en
                late = min(2 * late, LATE_FACTOR_MAX)
            await asyncio.sleep(source.every_s * late)

    async def look(self, source: CapSource) -> None:
        """Once. Unavailable, BadMessage."""
        known = dict(self._known.get(source.name, {}))
        data = await self._get(source.feed, known)
        if data is None:
            return
        feed = feeds.read(data, source.feed, partial(self._signed.alert, source))
        for problem in feed.bad:
            log.warning("alarm.cap_refused", source=source.name, problem=problem.en)
        for alert in feed.alerts:
            key = f"{alert.sender},{alert.identifier},{alert.sent_ms}"
            if not self._was_seen(source, key):
                await self._told(alert, source, key)
        for entry in feed.entries:
            if not self._was_seen(source, entry.key):
                found = await self._get(entry.url, {})
                if found is not None:
                    await self._fetched(found, source, entry.key)
        self._known[source.name] = known  # only now: what failed on the way has to come again

    async def _fetched(self, data: bytes, source: CapSource, key: str) -> None:
        try:
            alert = self._signed.alert(source, cap_xml.parsed(data))
        except Problem as problem:
            log.warning("alarm.cap_refused", source=source.name, problem=problem.en)
            self._note(source, key)
            return
        await self._told(alert, source, key)

    async def _told(self, alert: CapAlert, source: CapSource, key: str) -> None:
        """Seen only when it was taken, or never will be."""
        try:
            await self._tell(alert, source)
        except Unavailable:
            raise
        except Problem:
            pass  # counted and logged where it was refused
        self._note(source, key)

    def _was_seen(self, source: CapSource, key: str) -> bool:
        return key in self._seen[source.name]

    def _note(self, source: CapSource, key: str) -> None:
        seen = self._seen[source.name]
        seen[key] = None
        if len(seen) > SEEN_MAX:
            seen.popitem(last=False)

    async def _get(self, url: str, known: dict[str, str]) -> bytes | None:
        """None: it has not changed since `known` was noted."""
        try:
            async with self._client.stream("GET", url, headers=known) as response:
                if response.status_code == 304:
                    return None
                if response.status_code != 200:
                    raise Unavailable(f"{url} answers {response.status_code}.", f"{url} 返回 {response.status_code}。")
                data = b""
                async for part in response.aiter_bytes():
                    data += part
                    if len(data) > FEED_BYTES_MAX:
                        raise BadMessage(f"{url} has more than {FEED_BYTES_MAX} bytes.", f"{url} 内容过长。")
                for header, asked in (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")):
                    if header in response.headers:
                        known[asked] = response.headers[header]
                return data
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise Unavailable(f"{url} cannot be fetched: {why}.", f"无法获取 {url}：{why}。") from None
