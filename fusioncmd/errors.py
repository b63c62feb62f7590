"""Every failure that a person or a caller can act on, as one small tree.

    Problem
    ├── BadInput          what was given is wrong; nothing was changed
    │   ├── BadCode       not an administrative code, or not one of this province
    │   ├── BadMessage    bytes that are not the message they should be
    │   ├── BadTicket     forged, malformed or expired
    │   ├── BadOrder      an order that may not be issued as it stands
    │   ├── BadRoster     a roster file with rows that cannot be taken
    │   └── Untrusted     signed by nobody whom the root vouches for this (trust/refusals.py)
    │       └── SecondNeeded   an order that one commander alone may not issue
    ├── Forbidden         who asks may not do this
    │   └── NoSession     nobody is logged in, or not any more
    ├── NotFound          well formed, and there is none
    ├── Conflict          somebody else wrote first; read again and retry
    └── Unavailable       the bus, the node or the disk does not answer now
        ├── BusDown       no NATS server, or the connection was lost
        │   └── NoReply   it was asked, and said nothing in time: done, or not done
        ├── BusRefused    the NATS server does not let this key in, or not do this
        ├── NotReady      the node cannot do it yet; ask again
        ├── Unsure        an order was asked for, and nobody knows whether it was issued
        └── StorageFull   JetStream refused to store: a bound or the disk

Each carries one sentence in English and one in Chinese; who shows it picks. Foreign exceptions are translated
into these at the one file that knows the foreign library, and nowhere else.
"""


class Problem(Exception):
    """One clear sentence in two languages, and a stable `code` (the class name) for programs."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh

    @property
    def code(self) -> str:
        return type(self).__name__


class BadInput(Problem):
    pass


class BadCode(BadInput):
    pass


class BadMessage(BadInput):
    pass


class BadTicket(BadInput):
    pass


class BadOrder(BadInput):
    pass


class BadRoster(BadInput):
    pass


class Forbidden(Problem):
    pass


class NoSession(Forbidden):
    pass


class NotFound(Problem):
    pass


class Conflict(Problem):
    pass


class Unavailable(Problem):
    pass


class BusDown(Unavailable):
    pass


class NoReply(BusDown):
    pass


class BusRefused(Unavailable):
    pass


class NotReady(Unavailable):
    pass


class Unsure(Unavailable):
    pass


class StorageFull(Unavailable):
    pass


def problem_from(code: str, en: str, zh: str) -> Problem:
    """Rebuild a problem that crossed the bus; an unknown code stays a plain `Problem`."""
    pending: list[type[Problem]] = [Problem]
    while pending:
        kind = pending.pop()
        if kind.__name__ == code:
            return kind(en, zh)
        pending.extend(kind.__subclasses__())
    return Problem(en, zh)
