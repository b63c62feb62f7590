"""Who may ask what: the one place where roles and scopes are rules. Pure.

The node, and every other program that answers people, asks `check` before it answers. A kind of question that has no
rule here is refused to everybody. What follows from an answer's content (whom an old order meant) is for who answers
to ask, with `check_places` and `touches`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from fusioncmd import api
from fusioncmd.accounts import sessions
from fusioncmd.accounts.account import Role as Role
from fusioncmd.api import alarms, cameras, departments, devices, escalation, experts, kept, places, radios, talkgroups
from fusioncmd.api.keys import Beat, Keys, Revoke
from fusioncmd.api.tracks import EndTrack, PutTrack, Tracks
from fusioncmd.api.video import AskStill, BeginRoll, HideSource, RollReport, Rolls, ShowSource, TurnRoll, Video
from fusioncmd.api.voice import Bursts, Recording, SpeakOrder, TalkPass
from fusioncmd.codes import Path
from fusioncmd.errors import Forbidden
from fusioncmd.messages import Selector
from fusioncmd.trust.seals import claimed

Roles = frozenset[Role]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who was let in: by what name, with which roles, and for which place and below."""

    name: str
    roles: frozenset[Role]
    path: Path
    by: Literal["account", "key"] = "account"
    session: bytes = b""  # what names it
    until_s: int = 0  # since 1970
    holder: tuple[bytes, ...] = (b"",)  # whose share it takes (`sessions.holder`)


@dataclass(frozen=True, slots=True)
class Rule:
    """Which roles may ask, and which places the question touches."""

    roles: Roles | Callable[[Any], Roles]
    places: Callable[[Any], Iterable[str]] = lambda _: ()


ANYONE: Roles = frozenset({"commander", "duty_officer", "auditor", "administrator"})
WATCHING: Roles = frozenset({"commander", "duty_officer", "auditor"})
COMPOSING: Roles = frozenset({"commander", "duty_officer"})
COMMANDING: Roles = frozenset({"commander"})
ADMINISTERING: Roles = frozenset({"administrator"})
SEEING_TO: Roles = ADMINISTERING | COMMANDING  # what a commander may change too
AUDITING: Roles = frozenset({"auditor", "administrator"})


def _place(question: Any) -> tuple[str, ...]:
    return (question.node,) if question.node else ()


def _within(question: BeginRoll) -> tuple[str, ...]:
    return (question.within,) if question.within else ()


def _place_called(question: TurnRoll) -> tuple[str, ...]:
    return (question.place,) if question.place else ()


def _draft(question: api.Compose) -> tuple[str, ...]:
    draft = question.draft
    named = (draft.node,) if draft.node else ()
    return (*named, *(draft.audience.nodes if draft.audience is not None else ()))


def _issuing(question: api.Issue) -> Roles:
    """A duty officer ends and corrects what a commander began."""
    return COMMANDING if claimed(question.sealed)[0].msg_type == "alert" else COMPOSING


def _keeping(question: kept.KeepFootage) -> Roles:
    return COMPOSING if question.what else WATCHING


def _fetching(question: kept.FetchFootage) -> Roles:
    return COMPOSING if question.node else WATCHING


def _order(question: api.Issue | api.Propose) -> tuple[str, ...]:
    order = claimed(question.sealed)[0]
    return (order.node, *order.audience.nodes)


# Whoever they are, or nobody yet. `Beat`, `Revoke` and what terminals ask carry proofs of their own.
OPEN = frozenset(
    {
        api.Health, api.Login, api.LoginByKey, api.LoginByToken, Beat, Revoke, *devices.OF_TERMINALS,
        *escalation.OF_GATEWAYS, *talkgroups.OF_TERMINALS,
    }
)  # fmt: skip
RULES: dict[type[Any], Rule] = {
    api.WhoAmI: Rule(ANYONE),
    api.Logout: Rule(ANYONE),
    api.Orders: Rule(WATCHING),
    api.Tally: Rule(WATCHING, _place),
    api.Who: Rule(WATCHING, _place),
    api.Reports: Rule(WATCHING, _place),
    api.Picture: Rule(WATCHING),
    api.Ladder: Rule(WATCHING, _place),
    api.Course: Rule(WATCHING, _place),
    Bursts: Rule(WATCHING, lambda question: (question.place,) if question.place else ()),
    Recording: Rule(WATCHING),
    SpeakOrder: Rule(COMPOSING, lambda question: [where.partition(".")[0] for where in question.where]),
    TalkPass: Rule(COMPOSING),
    talkgroups.MakeTalkgroup: Rule(COMPOSING, lambda question: (*question.places, *filter(None, (question.place,)))),
    talkgroups.Talkgroups: Rule(WATCHING),
    talkgroups.EndTalkgroup: Rule(COMPOSING, lambda question: (question.place,)),
    Video: Rule(WATCHING, _place),
    AskStill: Rule(WATCHING, lambda question: [question.source.rpartition(".")[0].replace(".", "")]),
    Rolls: Rule(WATCHING),
    RollReport: Rule(WATCHING),
    ShowSource: Rule(COMMANDING),
    HideSource: Rule(COMMANDING),
    BeginRoll: Rule(COMMANDING, lambda question: (*question.places, *_within(question))),
    TurnRoll: Rule(COMMANDING, _place_called),
    Tracks: Rule(WATCHING, _place),
    PutTrack: Rule(COMPOSING, _place),
    EndTrack: Rule(COMPOSING),
    kept.Footage: Rule(WATCHING, _place),
    kept.FootageCut: Rule(WATCHING, _place),
    kept.FootagePart: Rule(WATCHING),
    kept.FootageProof: Rule(WATCHING),
    kept.PinFootage: Rule(COMPOSING, _place),
    kept.FetchFootage: Rule(_fetching, _place),
    kept.KeepFootage: Rule(_keeping, lambda question: [what.partition(".")[0] for what in question.what]),
    api.AnswerFor: Rule(COMPOSING),
    api.Find: Rule(ANYONE, _place),
    api.Roles: Rule(ANYONE, _place),
    api.Preview: Rule(COMPOSING, lambda question: question.audience.nodes),
    api.Compose: Rule(COMPOSING, _draft),
    api.Issue: Rule(_issuing, _order),
    api.Audit: Rule(AUDITING),
    api.AuditFind: Rule(AUDITING),
    api.AuditProve: Rule(AUDITING),
    api.Propose: Rule(COMPOSING, _order),
    api.Proposals: Rule(WATCHING),
    api.Withdraw: Rule(COMPOSING),
    Keys: Rule(ANYONE),
    devices.MakeCodes: Rule(ADMINISTERING, _place),
    devices.Devices: Rule(ADMINISTERING),
    devices.RevokeDevices: Rule(ADMINISTERING),
    radios.AddRadio: Rule(ADMINISTERING, lambda question: (question.path,) if question.path else ()),
    radios.Radios: Rule(ANYONE, _place),
    radios.RemoveRadio: Rule(ADMINISTERING),
    radios.RingRadios: Rule(COMPOSING, _place),
    cameras.AddCamera: Rule(SEEING_TO, lambda question: (question.path,) if question.path else ()),
    cameras.Cameras: Rule(ANYONE, _place),
    cameras.RemoveCamera: Rule(SEEING_TO),
    alarms.Alarms: Rule(WATCHING, _place),
    alarms.OneAlarm: Rule(WATCHING),
    alarms.AlarmStill: Rule(WATCHING),
    alarms.LookAtAlarm: Rule(COMPOSING),
    alarms.DryPlaybooks: Rule(COMPOSING),
    departments.Departments: Rule(ANYONE),
    experts.PutExperts: Rule(SEEING_TO),
    experts.Experts: Rule(ANYONE, _place),
    experts.SetExpert: Rule(SEEING_TO | COMPOSING),
    experts.DrawExperts: Rule(COMPOSING, _place),
    experts.Draws: Rule(WATCHING),
    experts.OneDraw: Rule(WATCHING),
    experts.NoteDraw: Rule(COMPOSING),
    places.PutPlaces: Rule(SEEING_TO, lambda question: {place.node for place in question.places}),
    places.Places: Rule(ANYONE, _place),
    places.NearPlaces: Rule(ANYONE, _place),
    places.PlacesInSight: Rule(ANYONE, _place),
    api.Accounts: Rule(ADMINISTERING),
    api.AddAccount: Rule(ADMINISTERING, lambda question: (question.path,)),
    api.ChangeAccount: Rule(ADMINISTERING, lambda question: (question.path,) if question.path else ()),
}


def check(actor: Actor | None, question: api.Question[Any]) -> None:
    """Nothing when `actor` may ask it; else `Forbidden`, or `NoSession` where nobody is logged in."""
    kind = type(question)
    if kind in OPEN:
        return
    if actor is None:
        raise sessions.nobody()
    rule = RULES.get(kind)
    roles: Roles = frozenset() if rule is None else rule.roles(question) if callable(rule.roles) else rule.roles
    if rule is None or not actor.roles & roles:
        wanted, verb = " or ".join(sorted(roles)) or "nobody", api.VERBS[kind][0]
        raise Forbidden(
            f"{actor.name} may not do this ({verb}); it is for: {wanted}.",
            f"{actor.name} 无权执行 {verb}；须为 {wanted}。",
        )
    check_places(actor, rule.places(question))


def check_places(actor: Actor, codes: Iterable[str]) -> None:
    """`Forbidden` when one of the places lies beyond the actor's."""
    for code in codes:
        if not code.startswith(actor.path.code):  # tiers have fixed widths: a prefix is an ancestor
            raise Forbidden(
                f"{code} lies beyond {actor.path}, the place of {actor.name}.",
                f"{code} 超出 {actor.name} 的管辖范围 {actor.path}。",
            )


def lies_within(actor: Actor, audience: Selector) -> bool:
    """Whether it means nobody but people at the actor's place."""
    return all(code.startswith(actor.path.code) for code in audience.nodes)


def touches(actor: Actor, audience: Selector) -> bool:
    """Whether it can mean somebody at the actor's place: only then the order is any business of theirs."""
    own = actor.path
    meant = any(Path(code).covers(own) or own.covers(Path(code)) for code in audience.nodes)
    return meant and not any(Path(code).covers(own) for code in audience.not_nodes)
