"""Transactions of SIP (RFC 3261 §17, RFC 6026): what is said again until it is answered, and answered again when asked
again. Pure: time is an argument, in seconds of a clock that runs on; what is to be sent lies in `out`.

A 2xx to an INVITE is said again here, too, until its ACK (§13.3.1.4): the call tells of that by `confirmed`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gateways.radio import bounds
from gateways.radio.sip_checks import Asked
from gateways.radio.sip_message import Fields, Response, render_request, render_response
from gateways.radio.sip_reply import COOKIE, Flow, echoed, key_of, reply_flow

T1_S, T2_S, T4_S = 0.5, 4.0, 5.0
GIVE_UP_S = 64 * T1_S
LATER_S = 0.0
_NEVER = float("inf")

Key = tuple[str, ...]


@dataclass(slots=True, eq=False)
class Timed:
    """`again_s`: when it is said again; `until_s`: when it is over."""

    again_s: float = _NEVER
    wait_s: float = T1_S
    until_s: float = _NEVER
    data: bytes = b""

    @property
    def due_s(self) -> float:
        return min(self.again_s, self.until_s)


@dataclass(slots=True, eq=False)
class Server(Timed):
    """A request that came. `status` 0: nothing was answered yet."""

    key: Key = ()
    asked: Asked = field(default=None)  # type: ignore[assignment]
    flow: Flow = field(default=None)  # type: ignore[assignment]
    tag: str = ""
    status: int = 0
    confirmed: bool = False
    method: str = ""


@dataclass(slots=True, eq=False)
class Client(Timed):
    """A request of ours. `owner` is whom its responses are for."""

    branch: str = ""
    method: str = ""
    uri: str = ""
    fields: Fields = field(default_factory=list)
    flow: Flow = field(default=None)  # type: ignore[assignment]
    owner: str = ""
    status: int = 0
    state: Literal["calling", "proceeding", "completed"] = "calling"


class Transactions:
    """`entropy` makes branches; `sent_by` gives our host and port by transport."""

    def __init__(self, entropy: Callable[[int], bytes], sent_by: Callable[[Flow], str]) -> None:
        self._entropy, self._sent_by = entropy, sent_by
        self._servers: dict[Key, Server] = {}
        self._clients: dict[tuple[str, str], Client] = {}  # by branch and method
        self._heap: list[tuple[float, int, Timed]] = []
        self._pushed = 0
        self.out: list[tuple[Flow, bytes]] = []
        self.unanswered: list[Client] = []  # of ours: nobody said anything final
        self.unconfirmed: list[Server] = []  # 2xx that no ACK came for

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    def is_full(self, method: str = "") -> bool:
        """The last quarter is not for registrations: calls go on while they storm."""
        return len(self) >= bounds.TRANSACTIONS_MAX * (3 if method == "REGISTER" else 4) // 4

    # --- requests that come

    def known(self, asked: Asked, now_s: float) -> Server | None:
        """The transaction that a request belongs to: it was said again, and so is its answer. An ACK ends that."""
        server = self._servers.get(key_of(asked))
        if server is None:
            return None
        if asked.method == "ACK":
            if server.status >= 300 and not server.confirmed:
                server.confirmed, server.again_s = True, _NEVER
                server.until_s = now_s + (T4_S if not server.flow.reliable else LATER_S)
                self._schedule(server)
        elif server.data and not server.confirmed:
            self.out.append((server.flow, server.data))
        return server

    def begin(self, asked: Asked, flow: Flow, tag: str) -> Server:
        server = Server(key=key_of(asked), asked=asked, flow=reply_flow(asked, flow), tag=tag, method=asked.method)
        self._servers[server.key] = server
        return server

    def invite_of(self, cancel: Asked) -> Server | None:
        return self._servers.get((*key_of(cancel)[:-1], "INVITE"))

    def answer(self, server: Server, status: int, fields: Fields, now_s: float, body: bytes = b"") -> None:
        """After a final answer nothing else is taken."""
        if server.status >= 200:
            return
        tag = server.tag if status > 100 else ""
        server.data = render_response(status, [*echoed(server.asked.request, server.flow, tag), *fields], body)
        server.status = status
        self.out.append((server.flow, server.data))
        if status < 200:
            return
        server.wait_s = T1_S
        if server.method == "INVITE":
            server.until_s = now_s + GIVE_UP_S
            server.again_s = now_s + T1_S if status < 300 or not server.flow.reliable else _NEVER
        else:
            server.until_s = now_s + (LATER_S if server.flow.reliable else GIVE_UP_S)
            server.asked = None  # type: ignore[assignment]  # only its answer is said again: there are many of these
        self._schedule(server)

    def confirm(self, server: Server) -> None:
        """The ACK of a 2xx came."""
        server.confirmed, server.again_s = True, _NEVER

    # --- requests of ours

    def send(self, method: str, uri: str, fields: Fields, body: bytes, flow: Flow, owner: str, now_s: float) -> Client:
        return self._send(COOKIE + self._entropy(8).hex(), method, uri, fields, body, flow, owner, now_s)

    def _send(
        self, branch: str, method: str, uri: str, fields: Fields, body: bytes, flow: Flow, owner: str, now_s: float
    ) -> Client:
        data = render_request(method, uri, [("Via", self.via(flow, branch)), ("Max-Forwards", "70"), *fields], body)
        again_s = _NEVER if flow.reliable else now_s + T1_S
        client = Client(again_s, T1_S, now_s + GIVE_UP_S, data, branch, method, uri, fields, flow, owner)
        self._clients[branch, method] = client
        self.out.append((flow, data))
        self._schedule(client)
        return client

    def via(self, flow: Flow, branch: str) -> str:
        return f"SIP/2.0/{flow.transport.upper()} {self._sent_by(flow)};rport;branch={branch}"

    def answered(self, response: Response, branch: str, method: str, now_s: float) -> Client | None:
        """Whose answer it is, where it is news; final ones of an INVITE beyond 2xx are confirmed here (§17.1.1.3)."""
        client = self._clients.get((branch, method))
        if client is None:
            return None
        is_news = client.status < 200 and (response.status >= 200 or response.status != client.status)
        if response.status < 200:
            if client.state == "calling":
                client.state, client.wait_s = "proceeding", T2_S
                if method == "INVITE":
                    client.again_s, client.until_s = _NEVER, now_s + 3 * bounds.RINGING_S_MAX
        elif client.state != "completed":
            client.state, client.again_s = "completed", _NEVER
            client.until_s = now_s + (LATER_S if client.flow.reliable else GIVE_UP_S if method == "INVITE" else T4_S)
        if response.status >= 300 and method == "INVITE":
            self.out.append((client.flow, self._ack(client, response)))
        client.status = max(client.status, response.status)
        self._schedule(client)
        return client if is_news else None

    def cancel(self, client: Client, now_s: float) -> None:
        """§9.1: with the INVITE's own branch; the INVITE ends by its 487, or by itself."""
        kept = [f for f in client.fields if f[0] in ("From", "To", "Call-ID", "Route")]
        fields = [*kept, ("CSeq", f"{number_of(client)} CANCEL")]
        self._send(client.branch, "CANCEL", client.uri, fields, b"", client.flow, "", now_s)
        client.until_s = min(client.until_s, now_s + GIVE_UP_S)
        self._schedule(client)

    # --- time

    def next_s(self) -> float:
        return self._heap[0][0] if self._heap else _NEVER

    def tick(self, now_s: float) -> None:
        while self._heap and self._heap[0][0] <= now_s:
            due_s, _, timed = heapq.heappop(self._heap)
            if timed.due_s != due_s:
                continue  # it was put off, and stands in the heap again
            if timed.until_s <= now_s:
                self._end(timed)
            else:
                self._again(timed, now_s)

    def _again(self, timed: Timed, now_s: float) -> None:
        assert isinstance(timed, Server | Client)
        self.out.append((timed.flow, timed.data))
        without_end = isinstance(timed, Client) and timed.method == "INVITE"
        timed.wait_s = timed.wait_s * 2 if without_end else min(timed.wait_s * 2, T2_S)
        timed.again_s = now_s + timed.wait_s
        self._schedule(timed)

    def _end(self, timed: Timed) -> None:
        timed.again_s = timed.until_s = _NEVER
        if isinstance(timed, Server):
            self._servers.pop(timed.key, None)
            if timed.method == "INVITE" and 200 <= timed.status < 300 and not timed.confirmed:
                self.unconfirmed.append(timed)
        elif isinstance(timed, Client):
            self._clients.pop((timed.branch, timed.method), None)
            if timed.status < 200:
                self.unanswered.append(timed)

    def _ack(self, client: Client, response: Response) -> bytes:
        kept = [f for f in client.fields if f[0] in ("From", "Call-ID", "Route")]
        head = [("Via", self.via(client.flow, client.branch)), ("Max-Forwards", "70"), *kept]
        confirmed = [("To", response.first("to")), ("CSeq", f"{number_of(client)} ACK")]
        return render_request("ACK", client.uri, [*head, *confirmed])

    def _schedule(self, timed: Timed) -> None:
        if timed.due_s != _NEVER:
            self._pushed += 1
            heapq.heappush(self._heap, (timed.due_s, self._pushed, timed))


def number_of(client: Client) -> str:
    return next(value for name, value in client.fields if name == "CSeq").partition(" ")[0]
