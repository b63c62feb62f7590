"""An order that came by the last line, as this node issues it: a stand-in, under its own office's key. Pure.

Who sees it is told where it came from. It means nobody but people at this node's place, whatever the code says, and it
ends when the order that it stands for does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fusioncmd import limits
from fusioncmd.api import Draft
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.lastline import twins
from fusioncmd.lastline.order_codes import Meant, OrderCode, meant_at, minute_ms, minute_of, role_digest
from fusioncmd.lastline.templates import Table
from fusioncmd.messages import Order, Selector
from fusioncmd.trust.grants import Credential

LEFT_S_MIN = 60  # what has less time left is not begun
CUT = "…（全文待链路恢复后送达 / the rest follows when the link is back）"


@dataclass(frozen=True, slots=True)
class Told:
    """What came: `code` with its text and answers; `signer`: whose signature was verified, empty for a code."""

    code: OrderCode
    text: str
    answers: tuple[str, ...]
    signer: str = ""


def by_code(code: OrderCode, table: Table) -> Told:
    """`BadInput` for a template that is another here, or none."""
    if not code.template:
        return Told(code, code.text + (CUT if code.cut else ""), code.answers or ())
    template = table.get(code.template)
    if template is None or template.digest != code.digest or template.values != len(code.values):
        raise BadInput(
            f"An order came by template {code.template}, and this node has another text under that number or none: "
            "bring it the templates of the node above.",
            f"收到按模板 {code.template} 编码的指令，但本节点该编号的模板不同或不存在：请与上级统一模板文件。",
        )
    both = [template.text(code.values, chinese) for chinese in (True, False)]
    answers = template.answers(code.chinese) if code.answers is None else code.answers
    return Told(code, "\n".join(both), answers)


def by_signature(order: Order, signer: str, place: str) -> Told:
    """An order that was verified; `BadInput` when it means nobody here."""
    if (meant := meant_at(order.audience, place)) is None:
        raise BadInput("An order came that means nobody at this place.", "收到的指令对象不在本地。")
    code = OrderCode(
        twins.short_of(order.id), minute_of(order.issued_ms), order.msg_type == "cancel", order.status, order.severity,
        order.receive_within_s, order.answer_within_s, order.open_s, meant,
    )  # fmt: skip
    return Told(code, order.text, order.answers, signer)


def draft(told: Told, peer: str, place: str, roles: Iterable[str], own: Credential, now_ms: int) -> Draft:
    """What is asked of this node: `roles` are those that it knows. `BadInput` for one that is over already."""
    code = told.code
    passed_s = max(0, (now_ms - minute_ms(code.minute)) // 1000)
    left_s = min(code.open_s - passed_s + 60, limits.ORDER_OPEN_S_MAX)  # the minute that the code rounds away
    if left_s < LEFT_S_MIN + 60:
        raise BadInput(
            f"An order came from {peer} by short message when its time was over.",
            f"{peer} 的短报文指令到达时已过期。",
        )
    answer_s = min(max(code.answer_within_s - passed_s, LEFT_S_MIN), left_s)
    return Draft(
        id=twins.stand_in_id(code.short, now_ms), status=code.status, issuer=own.grant.holder, node=own.grant.path,
        text=marked(told, peer), severity=code.severity, answers=told.answers,
        audience=selector(code.meant, place, roles), receive_within_s=min(max(code.receive_within_s - passed_s,
        LEFT_S_MIN), answer_s), answer_within_s=answer_s, open_s=left_s,
    )  # fmt: skip


def marked(told: Told, peer: str) -> str:
    """The text, and before it where it came from."""
    head = f"【短报文 来自{peer}】[by short message from {peer}]"
    if told.signer:
        head = f"【短报文 来自{peer} 签发：{told.signer}】[by short message from {peer}, signed by {told.signer}]"
    return f"{head}\n{told.text}"[: limits.TEXT_CHARS_MAX]


def selector(meant: Meant, place: str, roles: Iterable[str]) -> Selector:
    """`NotFound` where nobody here has any of the roles: then it is not known whom the order means. Whoever has one of
    several is meant, whether others have the rest or not."""
    known = {role_digest(role): role for role in roles}
    if not all(code.startswith(place) for code in (*meant.nodes, *meant.not_nodes)):
        raise BadInput("An order came that means another place.", "收到的指令对象不在本地。")
    roles_here = tuple(known[role] for role in meant.roles if role in known)
    if meant.roles and not roles_here:
        raise NotFound(
            f"An order came for {len(meant.roles)} role(s) that nobody has here.",
            f"收到的指令所指职责本地无人担任（{len(meant.roles)} 项）。",
        )
    without = tuple(known[role] for role in meant.not_roles if role in known)
    return Selector(meant.nodes, roles_here, meant.not_nodes, without)
