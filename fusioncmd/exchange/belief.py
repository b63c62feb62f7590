"""An order that came by an exchange is believed by the same rules as one from the stream (trust/judge). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from fusioncmd import subjects
from fusioncmd.bus.port import Stored
from fusioncmd.errors import BadMessage
from fusioncmd.exchange.items import OrderValue
from fusioncmd.exchange.replica import OrderJudge
from fusioncmd.messages import Audience, Order, decode
from fusioncmd.orders import address
from fusioncmd.trust import seals
from fusioncmd.trust.judge import Judge


def by(judge: Judge) -> OrderJudge:
    """The order in a value, when its seal holds and the node's statement beside it names exactly these bytes, whom they
    mean and when they were accepted; `Untrusted` otherwise."""

    def believed(value: OrderValue, known: Mapping[bytes, Order]) -> Order:
        audience = decode(Audience, value.audience)
        claimed = seals.claimed(value.sealed)[0]
        stored = Stored(subjects.call(address(claimed.audience)), value.sealed, 0)
        judged = judge.order(stored, known, lambda order: [audience] if order == audience.order else [])
        if judged is None:
            raise BadMessage("An order that is known already.", "该指令已存在。")
        return judged.order

    return believed
