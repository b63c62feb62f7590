"""Roles and places: every question has a rule, what has none is refused, and nobody reaches beyond their own."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from fusioncmd import access, api
from fusioncmd.access import Actor, Role
from fusioncmd.api.question import Question
from fusioncmd.codes import Path
from fusioncmd.errors import Forbidden, NoSession
from fusioncmd.messages import Selector
from tests.worlds import make_draft, make_id, make_order, sealed

CITY = Selector(("440103",))
CANCEL = {"msg_type": "cancel", "refs": make_id(1), "answers": ()}


def actor(*roles: Role, path: str = "4401") -> Actor:
    return Actor("chen", frozenset(roles), Path(path))


def may(who: Actor, question: Question[Any]) -> bool:
    try:
        access.check(who, question)
    except Forbidden:
        return False
    return True


def test_every_kind_of_question_has_a_rule_or_is_open_to_all() -> None:
    assert access.OPEN | access.RULES.keys() == api.VERBS.keys() and not access.OPEN & access.RULES.keys()


def test_a_kind_without_a_rule_is_refused_to_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(access.RULES, api.Orders)
    assert not may(actor(*get_args(Role), path="44"), api.Orders())


def test_nobody_is_told_only_whether_the_node_is_there() -> None:
    access.check(None, api.Health())
    access.check(None, api.Login("chen", "no"))
    for question in (api.Orders(), api.WhoAmI(), api.Find("陈"), api.Accounts()):
        with pytest.raises(NoSession, match="fusioncmd login NAME"):
            access.check(None, question)


ORDER = {"node": "4401", "audience": CITY}
QUESTIONS: dict[str, tuple[Question[Any], str]] = {  # what is asked, and by whom it may be: c, d, u, m
    "orders": (api.Orders(), "cdu"),
    "tally": (api.Tally(make_id(1)), "cdu"),
    "who": (api.Who(make_id(1), "silent"), "cdu"),
    "reports": (api.Reports(make_id(1)), "cdu"),
    "picture": (api.Picture(make_id(1), make_id(2)), "cdu"),
    "find": (api.Find("陈"), "cdum"),
    "roles": (api.Roles(), "cdum"),
    "course": (api.Course(make_id(1)), "cdu"),
    "audit": (api.AuditFind(), "um"),
    "proof": (api.AuditProve(), "um"),
    "preview": (api.Preview(CITY), "cd"),
    "compose": (api.Compose(make_draft(1, audience=CITY)), "cd"),
    "alert": (api.Issue(sealed(make_order(1, **ORDER))), "c"),
    "cancel": (api.Issue(sealed(make_order(2, **CANCEL, **ORDER))), "cd"),
    "accounts": (api.Accounts(), "m"),
    "add": (api.AddAccount(name="li", roles=("auditor",), path="440103"), "m"),
    "change": (api.ChangeAccount(name="li", disabled=True), "m"),
    "whoami": (api.WhoAmI(), "cdum"),
    "logout": (api.Logout(), "cdum"),
}
LETTERS: dict[str, Role] = {"c": "commander", "d": "duty_officer", "u": "auditor", "m": "administrator"}


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_role_may_ask_what_is_its_business_and_nothing_else(name: str) -> None:
    question, allowed = QUESTIONS[name]
    assert "".join(letter for letter, role in LETTERS.items() if may(actor(role), question)) == allowed
    assert not may(actor(), question)


def beyond(place: str) -> list[Question[Any]]:
    away = Selector((place,))
    return [
        api.Tally(make_id(1), place), api.Who(make_id(1), "silent", place), api.Reports(make_id(1), place),
        api.Course(make_id(1), place), api.Roles(place),
        api.Find("陈", place), api.Preview(away), api.Preview(Selector(("440103", place))),
        api.Compose(make_draft(1, audience=away)), api.Compose(make_draft(1, audience=CITY, node=place)),
        api.Issue(sealed(make_order(1, node="4401", audience=away))),
        api.Issue(sealed(make_order(1, node=place, audience=CITY))),
        api.AddAccount(name="li", roles=("auditor",), path=place), api.ChangeAccount(name="li", path=place),
    ]  # fmt: skip


@pytest.mark.parametrize("place", ["44", "4402", "440203", "45"])
def test_no_question_reaches_beyond_the_place_of_who_asks(place: str) -> None:
    who = actor(*get_args(Role))
    for question in beyond(place):
        with pytest.raises(Forbidden, match=f"{place} lies beyond 4401"):
            access.check(who, question)
        access.check(actor(*get_args(Role), path=place[:2]), api.Tally(make_id(1), place))
    for question in beyond("440103"):
        access.check(who, question)


@pytest.mark.parametrize(
    ("nodes", "not_nodes", "seen"),
    [
        (("44",), (), True), (("4401",), (), True), (("440103",), (), True), (("4402",), (), False),
        (("4402", "440103"), (), True), (("44",), ("4401",), False), (("44",), ("44",), False),
        (("44",), ("440103",), True),
    ],
)  # fmt: skip
def test_an_order_is_the_business_of_whose_place_it_can_mean(
    nodes: tuple[str, ...], not_nodes: tuple[str, ...], seen: bool
) -> None:
    assert access.touches(actor("auditor"), Selector(nodes, not_nodes=not_nodes)) is seen


def test_a_field_that_names_a_place_is_looked_at_by_a_rule() -> None:
    unlooked = access.Rule(access.ANYONE).places
    for kind, rule in access.RULES.items():
        if {"node", "path", "audience", "draft", "sealed"} & set(kind.__struct_fields__):
            assert rule.places is not unlooked, kind
