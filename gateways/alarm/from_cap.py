"""A CAP alert into alarms of ours: which of its infos, what it is called here, where it is, what came before. Pure."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator

from msgspec import structs

from fusioncmd.alarm.alarm import HEADLINE_CHARS_MAX, NODES_MAX, TEXT_CHARS_MAX, Alarm, Evidence, State, fewest
from fusioncmd.alarm.cap import CapAlert, Info
from fusioncmd.errors import BadMessage, NotFound
from fusioncmd.messages import Status
from gateways.alarm.sources import CapSource

CHAINS_MAX = 50_000  # alerts whose first is known; shed, the one not heard of for longest
FUTURE_MS_MAX = 10 * 60_000  # an alert that was sent so far ahead of our clock: one of both is wrong
PAST_MS_MAX = 7 * 86_400_000
ABOUT_CHARS_MAX = 200
TAKEN: dict[str, Status] = {"Actual": "actual", "Exercise": "exercise"}  # the others are for machines (3.2.1)
Places = Callable[[Info], tuple[str, ...]]


Key = tuple[str, str]  # a source, and an alert of its: nobody goes on with or ends what another source said


class FromCap:
    """`places`: the towns and counties that an info's areas mean; `make_id`: of the time in ms."""

    def __init__(self, places: Places, make_id: Callable[[int], bytes], chains_max: int = CHAINS_MAX) -> None:
        self._places, self._make_id, self._chains_max = places, make_id, chains_max
        self._first: OrderedDict[Key, Key] = OrderedDict()  # alert → the one at the beginning of its chain
        self._said: dict[Key, dict[int, Alarm]] = {}  # by the first: what was said of its infos last

    def alarms(self, alert: CapAlert, source: CapSource, now_ms: int) -> list[Alarm]:
        """BadMessage or NotFound, with why none of it is taken; an empty list where that is as it should be (a test, an
        acknowledgement)."""
        if alert.status not in TAKEN or alert.msg_type in ("Ack", "Error"):
            return []
        self._check(alert, source, now_ms)
        first = self._begins(alert, source)
        if alert.msg_type == "Cancel":
            before = self._said.get(first, {})
            made = {i: structs.replace(alarm, state="over", said_ms=now_ms) for i, alarm in before.items()}
        else:
            made = {i: self._alarm(alert, info, i, source, first[1], now_ms) for i, info in self._read(alert, source)}
        self._remember(alert, source, first, made)
        return list(made.values())

    def _check(self, alert: CapAlert, source: CapSource, now_ms: int) -> None:
        if source.senders and alert.sender not in source.senders:
            raise BadMessage(
                f"{alert.sender} is no sender of {source.name}.", f"{alert.sender} 不是 {source.name} 的发布者。"
            )
        if alert.sent_ms > now_ms + FUTURE_MS_MAX:
            late = (alert.sent_ms - now_ms) // 60_000
            raise BadMessage(
                f"It was sent {late} minutes from now: a clock is wrong.", f"发布时间晚于本机 {late} 分钟：时钟有误。"
            )
        if alert.sent_ms < now_ms - PAST_MS_MAX:
            raise BadMessage("It was sent more than 7 days ago.", "发布时间早于 7 天前。")
        ends = [info.expires_ms for info in alert.infos if info.expires_ms is not None]
        if any(end < alert.sent_ms for end in ends):
            raise BadMessage("It expired before it was sent.", "失效时间早于发布时间。")
        if alert.msg_type != "Cancel" and ends and len(ends) == len(alert.infos) and max(ends) <= now_ms:
            raise BadMessage("It has expired.", "预警已过期。")

    def _begins(self, alert: CapAlert, source: CapSource) -> Key:
        """The first of its chain. A cancel of what nobody knows here ends nothing; an update of it begins."""
        named = [(source.name, _name(each.sender, each.identifier)) for each in (alert.reference, *alert.references)]
        known = next((self._first[name] for name in named if name in self._first), None)
        if known is None and alert.msg_type == "Cancel":
            raise NotFound("It cancels an alert that never came here.", "所解除的预警从未收到。")
        return known or named[0]

    def _remember(self, alert: CapAlert, source: CapSource, first: Key, made: dict[int, Alarm]) -> None:
        for name in ((source.name, _name(alert.sender, alert.identifier)), first):
            self._first[name] = first
            self._first.move_to_end(name)
        self._said[first] = made
        while len(self._first) > self._chains_max:
            gone, _ = self._first.popitem(last=False)
            self._said.pop(gone, None)

    def _read(self, alert: CapAlert, source: CapSource) -> Iterator[tuple[int, Info]]:
        """All infos in the language that is read: one for each event."""
        preferred = alert.info(*source.languages)
        if preferred is None:
            raise BadMessage(f"A {alert.msg_type} that says nothing.", "预警未含 info。")
        same = (info for info in alert.infos if info.language.lower() == preferred.language.lower())
        yield from enumerate(same)

    def _alarm(
        self, alert: CapAlert, info: Info, index: int, source: CapSource, first: str, now_ms: int
    ) -> Alarm:  # fmt: skip
        nodes = fewest(self._places(info), NODES_MAX)
        if not nodes:
            raise NotFound("It means no place of this tier.", "预警区域不在本级范围内。")
        state: State = "over" if "AllClear" in info.responses else "more" if alert.msg_type == "Update" else "new"
        said = {
            "severity": info.severity.lower(), "certainty": info.certainty.lower(), "urgency": info.urgency.lower(),
        }  # fmt: skip
        return Alarm(
            id=self._make_id(now_ms), source=f"cap.{source.name}", about=f"{first}#{index}" if index else first,
            state=state, event=_event(info, source), status=TAKEN[alert.status],
            since_ms=info.onset_ms or info.effective_ms or alert.sent_ms, said_ms=now_ms, nodes=nodes,
            headline=(info.headline or info.event)[:HEADLINE_CHARS_MAX],
            text="\n".join(filter(None, (info.description, info.instruction)))[:TEXT_CHARS_MAX],
            until_ms=info.expires_ms, evidence=(Evidence("web", info.web[:512]),) if info.web else (),
            **said,  # type: ignore[arg-type]  # CAP's words, which its schema has checked
        )  # fmt: skip


def _event(info: Info, source: CapSource) -> str:
    for said in (info.event, *(value for _, value in info.event_codes)):
        if said in source.events:
            return source.events[said]
    return info.categories[0].lower() if info.categories else "alarm"


def _name(sender: str, identifier: str) -> str:
    """One name for an alert, however long theirs is."""
    name = f"{sender},{identifier}"
    return name if len(name) <= ABOUT_CHARS_MAX else hashlib.sha256(name.encode()).hexdigest()
