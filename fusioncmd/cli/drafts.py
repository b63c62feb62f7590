"""From a commander's words to a draft of an order, or one sentence that says what is wrong with them. Pure.

The node checks again; here a mistake is told in the words of the options that were typed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from fusioncmd import api, limits
from fusioncmd.cli.durations import within
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadInput
from fusioncmd.messages import MsgType, Order, Selector, Severity
from fusioncmd.roster.numbers import one_of_role
from fusioncmd.words import say

RECEIVE_S_DEFAULT, ANSWER_S_DEFAULT = 120, 600
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds. What was not given follows what was: nobody has to receive later than answer."""

    receive_s: int
    answer_s: int
    open_s: int


def deadlines(receive_within: str, answer_within: str, open_for: str) -> Deadlines:
    """From the texts of the options; empty ones take their defaults."""
    answer_s = ANSWER_S_DEFAULT
    if answer_within:
        answer_s = within(answer_within, "--answer-within", limits.DEADLINE_S_MAX)
    if receive_within:
        receive_s = within(receive_within, "--receive-within", limits.DEADLINE_S_MAX)
        if not answer_within:
            answer_s = max(answer_s, receive_s)
    else:
        receive_s = min(RECEIVE_S_DEFAULT, answer_s)
    if open_for:
        open_s = within(open_for, "--open-for", limits.ORDER_OPEN_S_MAX)
    else:
        open_s = max(limits.ORDER_OPEN_S_DEFAULT, answer_s)
    if not receive_s <= answer_s <= open_s:
        raise BadInput(
            "--receive-within may not exceed --answer-within, nor that --open-for.",
            "须满足：--receive-within ≤ --answer-within ≤ --open-for。",
        )
    return Deadlines(receive_s, answer_s, open_s)


def selector(
    places: Divisions, to: Sequence[str], roles: Sequence[str], not_to: Sequence[str], not_roles: Sequence[str]
) -> Selector:
    """Who is meant; a place in any spelling, each once."""
    nodes = tuple(dict.fromkeys(places.find(text).code for text in to))
    not_nodes = tuple(dict.fromkeys(places.find(text).code for text in not_to))
    for given, bound, option in (
        (nodes, limits.SELECTOR_NODES_MAX, "--to"), (not_nodes, limits.SELECTOR_NODES_MAX, "--not-to"),
        (roles, limits.SELECTOR_ROLES_MAX, "--role"), (not_roles, limits.SELECTOR_ROLES_MAX, "--not-role"),
    ):  # fmt: skip
        if len(given) > bound:
            raise BadInput(f"{option} may be given {bound} times at most.", f"{option} 最多可给出 {bound} 个。")
    for role in (*roles, *not_roles):
        check_length(role, limits.ROLE_CHARS_MAX, say("A role", "职责"))
    return Selector(nodes, tuple(dict.fromkeys(roles)), not_nodes, tuple(dict.fromkeys(not_roles)))


def severity(text: str) -> Severity:
    for known in SEVERITIES:
        if text.strip().lower() == known:
            return known
    offered = ", ".join(SEVERITIES)
    raise BadInput(
        f"{text[:40]!r} is no severity; it is one of: {offered}.", f"“{text[:40]}”不是严重程度，可选：{offered}。"
    )


def alert(
    ident: bytes, text: str, answers: Sequence[str], audience: Selector, times: Deadlines, *,
    exercise: bool, grade: Severity, ladder: str = "",
) -> api.Draft:  # fmt: skip
    """A new order."""
    check_words(text, answers)
    return api.Draft(
        id=ident, status="exercise" if exercise else "actual", text=text, severity=grade,
        answers=tuple(answers), audience=audience, receive_within_s=times.receive_s, answer_within_s=times.answer_s,
        open_s=times.open_s, ladder=ladder,
    )  # fmt: skip


def successor(ident: bytes, before: Order, msg_type: MsgType, text: str, answers: Sequence[str] = ()) -> api.Draft:
    """An update or a cancel of `before`, in its mode and with its deadlines."""
    check_words(text, answers)
    return api.Draft(
        id=ident, msg_type=msg_type, status=before.status, refs=before.id, text=text,
        severity=before.severity, answers=tuple(answers), receive_within_s=before.receive_within_s,
        answer_within_s=before.answer_within_s, open_s=before.open_s,
        ladder=before.ladder if msg_type == "update" else "",
    )  # fmt: skip


def check_words(text: str, answers: Sequence[str]) -> None:
    check_length(text.strip(), limits.TEXT_CHARS_MAX, say("--text", "--text "))
    if len(answers) > limits.ANSWERS_MAX:
        raise BadInput(f"At most {limits.ANSWERS_MAX} answers fit an order.", f"答复选项最多 {limits.ANSWERS_MAX} 个。")
    for answer in answers:
        check_length(answer, limits.ANSWER_CHARS_MAX, say("An answer", "答复选项"))
    if len(set(answers)) != len(answers):
        raise BadInput("Two answers read the same.", "答复选项重复。")


def check_length(text: str, chars_max: int, what: str) -> None:
    if not 1 <= len(text) <= chars_max:
        raise BadInput(
            f"{what} must have 1 to {chars_max} characters; it has {len(text)}.",
            f"{what}须为 1 至 {chars_max} 个字符，现为 {len(text)} 个。",
        )


def audience_words(selected: Selector, places: Divisions) -> str:
    """Who is meant, as one reads it back to a commander: places by name where they are known."""

    def named(codes: Sequence[str]) -> str:
        return say(", ", "、").join(_place(code, places) for code in codes)

    words = named(selected.nodes)
    if selected.roles:
        roles = [_role(role) for role in selected.roles]
        words += say(f"; only {', '.join(roles)}", f"；仅限 {'、'.join(roles)}")
    if selected.not_nodes:
        words += say(f"; not {named(selected.not_nodes)}", f"；不含 {named(selected.not_nodes)}")
    if selected.not_roles:
        words += say(f"; without {', '.join(selected.not_roles)}", f"；排除 {'、'.join(selected.not_roles)}")
    if selected.desks:
        names = [desk.partition(".")[2] for desk in selected.desks]
        words += say(f"; and the duty desks of {', '.join(names)}", f"；及部门值班室 {'、'.join(names)}")
    return words


def _role(role: str) -> str:
    one = one_of_role(role)
    return role if one is None else say(f"person {one}", f"人员 {one}")


def _place(code: str, places: Divisions) -> str:
    if code not in places.names:
        return code
    return f"{places.name(places.find(code))} {code}"
