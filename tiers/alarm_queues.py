"""Which alarms are looked at next: who is called at once, then what stands beside orders, then the rest. Pure."""

from __future__ import annotations

from collections import OrderedDict

TOGETHER_MAX = 64  # alarms that are looked at before anything else can be
Queue = OrderedDict[bytes, None]


class AlarmQueues:
    def __init__(self) -> None:
        self.urgent: Queue = OrderedDict()  # alarms of which somebody is called, or waits
        self.issued: Queue = OrderedDict()  # alarms of which an order was issued
        self.pending: Queue = OrderedDict()  # alarms to be looked at
        self._failed: Queue | None = None

    def look_at(self, ident: bytes, urgent: bool) -> None:
        """A storm of what waits for a second look does not delay an alarm that calls somebody."""
        if urgent:
            self.urgent[ident] = None
            self.pending.pop(ident, None)
        elif ident not in self.urgent:
            self.pending[ident] = None

    def next(self) -> tuple[Queue, list[bytes]] | None:
        """What is first, but of what just failed: one that fails for as long as it likes keeps no other waiting."""
        queues = [queue for queue in (self.urgent, self.issued, self.pending) if queue]
        if not queues:
            return None
        queue = next((queue for queue in queues if queue is not self._failed), queues[0])
        self._failed = None
        most = TOGETHER_MAX if queue is self.pending else 1
        return queue, [queue.popitem(last=False)[0] for _ in range(min(most, len(queue)))]

    def failed(self, queue: Queue, some: list[bytes]) -> None:
        """They are looked at again."""
        queue.update(dict.fromkeys(some))
        self._failed = queue

    def back(self, idents: list[bytes]) -> None:
        """To where they were: somebody else comes before them."""
        for ident in reversed(idents):
            self.pending[ident] = None
            self.pending.move_to_end(ident, last=False)
