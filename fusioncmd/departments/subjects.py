"""NATS subjects of departments: as this tier knows them, and as a department does in its own account. Pure."""

from __future__ import annotations

# In a department's own account. What it says are requests, and so is what it takes: it answers each.
SAY_ALARM, SAY_ANSWER = "say.alarm", "say.answer"
TAKE_ALARM, TAKE_ORDER, TAKE_HELLO = "take.alarm", "take.order", "take.hello"
TAKEN = (TAKE_ALARM, TAKE_ORDER, TAKE_HELLO)

SAYS_ALARMS, SAYS_ANSWERS = "fc.department.*.alarm", "fc.department.*.answer"
TAKES_ALL = "fc.department.*.take.*"
HERE = "fc.department-here"  # what the gateway of alarms counted of each; live


def says_alarm(name: str) -> str:
    """An alarm of that department, answered by the gateway of alarms."""
    return f"fc.department.{name}.alarm"


def says_answer(name: str) -> str:
    """What its duty desk answers to an order; answered by the node."""
    return f"fc.department.{name}.answer"


def takes(name: str, what: str) -> str:
    """What it is told; `what`: one of TAKEN."""
    return f"fc.department.{name}.{what}"
