"""The life of an order: composed, open, replaced, cancelled, expired. Pure; time is an argument.

Orders are a grow-only set. What state one is in follows from the set and the time alone, so two nodes that hold the
same orders agree, in whatever order they learned of them.
"""

from __future__ import annotations

import msgspec

from fusioncmd import ids, limits
from fusioncmd.api import Draft, OrderState
from fusioncmd.codes import Path, common_ancestor
from fusioncmd.errors import BadOrder, NotFound
from fusioncmd.ladder import steps
from fusioncmd.messages import Order, Selector
from fusioncmd.trust.form import UNPRINTABLE, check_form
from fusioncmd.trust.refusals import refusal

CLOCK_APART_MS_MAX = 3_600_000


class Book:
    """The orders that a process knows, by id."""

    def __init__(self) -> None:
        self.orders: dict[bytes, Order] = {}
        self._after: dict[bytes, list[bytes]] = {}  # id → updates and cancels that refer to it
        self.fallen: set[bytes] = set()  # a key behind them had ended when they were accepted, as was learned later

    def add(self, order: Order) -> bool:
        """True when the order is new; the same order again changes nothing."""
        if order.id in self.orders:
            return False
        self.orders[order.id] = order
        if order.refs is not None:
            self._after.setdefault(order.refs, []).append(order.id)
        return True

    def get(self, ident: bytes) -> Order:
        order = self.orders.get(ident)
        if order is None:
            raise unknown(ident)
        return order

    def successor(self, ident: bytes) -> Order | None:
        """What ended this order: a cancel before any update, and of several the first by id."""
        after = sorted(i for i in self._after.get(ident, ()) if self._stands(i))
        cancels = [i for i in after if self.orders[i].msg_type == "cancel"]
        chosen = next(iter(cancels or after), None)
        return None if chosen is None else self.orders[chosen]

    def _stands(self, ident: bytes) -> bool:
        """Whether an update or cancel ends what it refers to: a fallen one only with what stands and follows it."""
        pending, passed = [ident], set[bytes]()
        while pending:
            if (one := pending.pop()) not in self.fallen:
                return True
            passed.add(one)
            pending += [i for i in self._after.get(one, ()) if i not in passed]
        return False

    def state(self, order: Order, now_ms: int) -> OrderState:
        successor = self.successor(order.id)
        if successor is not None:
            return "cancelled" if successor.msg_type == "cancel" else "replaced"
        if order.id in self.fallen:
            return "revoked"
        return "open" if now_ms < order.expires_ms else "expired"

    def chain(self, order: Order) -> list[Order]:
        """The order and those that it refers to, back to the alert (as far as they are known)."""
        chain = {order.id: order}
        while (ref := order.refs) is not None and (before := self.orders.get(ref)) is not None and ref not in chain:
            chain[ref] = order = before
        return list(chain.values())

    def alert(self, order: Order) -> Order:
        """The alert that an update or cancel goes back to: it fixed the audience."""
        root = None if order.root is None else self.orders.get(order.root)
        return root or self.chain(order)[-1]

    def ending(self, ident: bytes) -> Order | None:
        """The cancel that a terminal which still shows `ident` has to be told of, however many updates lie between."""
        order, passed = self.orders.get(ident), set[bytes]()
        while order is not None and order.msg_type != "cancel" and order.id not in passed:
            passed.add(order.id)
            order = self.successor(order.id)
        return order if order is not None and order.msg_type == "cancel" else None

    def check_follows(self, order: Order) -> None:
        """`Untrusted` for an update or cancel of another mode, or for another audience, than what it goes back to."""
        alert = self.alert(order)
        if alert.status != order.status:
            raise refusal("mode")
        if alert.audience != order.audience:
            raise refusal("scope")

    def deliverable(self, now_ms: int) -> list[Order]:
        """The alerts and updates that are open, oldest first."""
        found = [o for o in self.orders.values() if o.msg_type != "cancel" and self.state(o, now_ms) == "open"]
        return sorted(found, key=lambda o: o.id)


def compose(draft: Draft, book: Book, node: Path, now_ms: int) -> Order:
    """The order that `draft` asks for, issued by `node` now; `BadOrder` says what is wrong with it."""
    if abs(ids.time_ms(draft.id) - now_ms) > CLOCK_APART_MS_MAX:
        raise BadOrder(
            "The clock of the asking machine is more than an hour off; set it and try again.",
            "请求方时钟误差超过一小时，请校时后重试。",
        )
    audience, status, answers, root = draft.audience, draft.status, draft.answers, None
    if draft.msg_type == "alert":
        if draft.refs is not None or audience is None:
            raise BadOrder(
                "An alert names its audience and refers to no order.", "新指令须指定对象，且不引用其他指令。"
            )
    else:
        before = _open_order(draft, book, now_ms)
        audience, status, root = book.alert(before).audience, before.status, book.alert(before).id
        answers = () if draft.msg_type == "cancel" else (draft.answers or before.answers)
        if draft.status != before.status:
            raise BadOrder(
                f"The order is {before.status}; it cannot be followed by one that is {draft.status}.",
                "演练与实战不可混用：后续指令须与原指令一致。",
            )
    if UNPRINTABLE.search("".join((draft.text, draft.issuer, *answers))):
        raise BadOrder(
            "The order holds control characters; only line breaks and tabs may stand in it.",
            "指令含有控制字符；仅允许换行与制表符。",
        )
    if len(set(answers)) != len(answers):
        raise BadOrder("Two answers read the same.", "答复选项重复。")
    if draft.receive_within_s > draft.answer_within_s or draft.answer_within_s > draft.open_s:
        raise BadOrder(
            "Deadlines must not fall: receive-within ≤ answer-within ≤ open-for.",
            "期限须满足：接收期限 ≤ 答复期限 ≤ 有效期。",
        )
    order = Order(
        id=draft.id, msg_type=draft.msg_type, status=status, refs=draft.refs, root=root, node=node.code,
        issuer=draft.issuer, issued_ms=now_ms, text=draft.text.strip(), severity=draft.severity, answers=answers,
        audience=audience, receive_within_s=draft.receive_within_s, answer_within_s=draft.answer_within_s,
        open_s=draft.open_s, ladder=_ladder(draft),
    )  # fmt: skip
    order = _within_bounds(order)
    check_form(order)  # as everyone asks who is shown the order
    return order


def unknown(ident: bytes) -> NotFound:
    return NotFound(f"There is no order {ids.to_text(ident)}.", f"没有编号为 {ids.to_text(ident)} 的指令。")


def draft_of(order: Order) -> Draft:
    """What was asked for, as far as the order tells; composed again, in its place and at its time, it is the order."""
    return Draft(
        id=order.id, msg_type=order.msg_type, status=order.status, refs=order.refs, node=order.node,
        issuer=order.issuer, text=order.text, severity=order.severity, answers=order.answers,
        audience=order.audience if order.msg_type == "alert" else None, receive_within_s=order.receive_within_s,
        answer_within_s=order.answer_within_s, open_s=order.open_s, ladder=order.ladder,
    )  # fmt: skip


def check_asked(order: Order, draft: Draft, now_ms: int) -> None:
    """`BadOrder` when a node composed something else than `draft`: it would be signed. What it has to add it may."""
    again = draft_of(order)
    fields = [name for name in Draft.__struct_fields__ if name not in ("text", "audience", "answers", "node")]
    same = (
        all(getattr(again, name) == getattr(draft, name) for name in fields)
        and order.text == draft.text.strip()
        and order.node == draft.node
        and (draft.audience is None or order.audience == draft.audience)
        and (order.answers == draft.answers or (draft.msg_type == "update" and not draft.answers))
        and abs(order.issued_ms - now_ms) <= CLOCK_APART_MS_MAX
    )
    if not same:
        raise BadOrder(
            "The node composed something else than was asked; nothing was signed.", "节点拟制的指令与请求不符，未签名。"
        )


def address(selector: Selector) -> Path:
    """The place whose subtree an order is published to: the deepest that covers every node meant."""
    return common_ancestor([Path(code) for code in selector.nodes])


def _ladder(draft: Draft) -> str:
    if draft.ladder and draft.msg_type == "cancel":
        raise BadOrder("A cancel climbs no ladder.", "取消指令不带升级阶梯。")
    return steps.parse(draft.ladder).text if draft.ladder else ""


def _open_order(draft: Draft, book: Book, now_ms: int) -> Order:
    if draft.refs is None:
        raise BadOrder("An update or cancel must name the order it refers to.", "更新或取消须指明原指令。")
    before = book.get(draft.refs)
    state = book.state(before, now_ms)
    if before.msg_type == "cancel" or state in ("cancelled", "replaced"):
        raise BadOrder("That order was already cancelled or replaced.", "该指令已被取消或替换。")
    if state == "revoked" and draft.msg_type == "update":
        raise BadOrder(
            "That order was issued with a key that is revoked: cancel it, and issue a new one.",
            "该指令由已撤销的密钥签发：请取消它并另发新指令。",
        )
    if state == "expired" and draft.msg_type == "update":
        raise BadOrder("That order has expired; issue a new one.", "该指令已过期，请另发新指令。")
    return before


def _within_bounds(order: Order) -> Order:
    """The constraints of the wire type, checked before anything is stored."""
    try:
        return msgspec.convert(msgspec.to_builtins(order), Order)
    except msgspec.ValidationError as error:
        raise BadOrder(f"The order cannot be issued: {error}.", f"指令不符合要求：{error}。") from None


assert limits.ORDER_OPEN_S_DEFAULT <= limits.ORDER_OPEN_S_MAX
