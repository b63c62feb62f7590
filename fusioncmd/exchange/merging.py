"""Which of two values of an item stands, and which bytes are a value at all. Pure.

Every rule is a total order or a join, so two nodes that heard the same in any order hold the same. Containers join
(`evidence.join`); everything else is decided here.
"""

from __future__ import annotations

from fusioncmd.errors import BadMessage
from fusioncmd.exchange import items
from fusioncmd.exchange.items import Kind
from fusioncmd.messages import Report, RosterSlice, decode
from fusioncmd.roster import slices


def check(key: bytes, value: bytes) -> None:
    """`BadMessage` unless `value` may stand under `key`. Whether it is to be believed is the judge's question."""
    kind = items.kind_of(key)
    if len(value) > items.VALUE_BYTES_MAX[kind]:
        raise _misplaced()
    if kind is Kind.ROSTER:
        slices.check(decode(RosterSlice, value), items.code_of(key))
    elif kind is Kind.REPORT:
        report = decode(Report, value)
        if key != items.report_key(report.order, report.number, report.id):
            raise _misplaced()
    elif kind is Kind.STATEMENT:
        family, _, name = items.statement_of(key)
        if family in items.HIGHEST:
            items.height_of(value)
        elif name != items.name_of(value):
            raise _misplaced()
    else:
        items.order_value(value)


def stands(key: bytes, before: bytes, after: bytes) -> bool:
    """Whether `after`, which is another value, replaces `before`; both were checked."""
    kind = items.kind_of(key)
    if kind is Kind.ROSTER:
        return _edition(after) > _edition(before)
    if kind is Kind.REPORT:
        return _moment(after) < _moment(before)
    if kind is Kind.STATEMENT:
        return (items.height_of(after), after) > (items.height_of(before), before)
    return after < before


def _edition(value: bytes) -> tuple[int, bytes]:
    return decode(RosterSlice, value).edition, value


def _moment(value: bytes) -> tuple[int, bytes]:
    return decode(Report, value).at_ms, value


def _misplaced() -> BadMessage:
    return BadMessage("The value does not belong under its key.", "该数据与其键不符。")
