"""The unusual frames of a connection, by wsproto's sans-I/O layer: control frames, fragments, what is wrong. Pure."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from fusioncmd import limits


@dataclass(slots=True)
class Outcome:
    """What to do after one frame: bytes to send, a message that is complete, and whether the connection is over.

    `fault`: the close code and what the peer broke, when that is why.
    """

    reply: bytes = b""
    messages: list[bytes] = field(default_factory=list)
    over: bool = False
    fault: str = ""


class OddFrames:
    """One connection's reader while it is not usual. `idle`: between messages, so the usual way may go on."""

    def __init__(self) -> None:
        self._connection = Connection(ConnectionType.SERVER)
        self._parts: list[bytes] = []
        self.bytes = 0

    @property
    def idle(self) -> bool:
        return not self._parts

    def feed(self, whole_frame: bytes) -> Outcome:
        outcome = Outcome()
        try:
            self._connection.receive_data(whole_frame)
            for event in self._connection.events():
                self._take(event, outcome)
        except RemoteProtocolError as error:
            self._close(outcome, 1002, str(error))
        return outcome

    def _take(self, event: object, outcome: Outcome) -> None:
        match event:
            case BytesMessage(data=data, message_finished=finished):
                if data or finished or not self._parts:  # empty fragments may come endlessly; they are not kept
                    self._parts.append(bytes(data))
                self.bytes += len(data)
                if self.bytes > limits.FRAME_BYTES_MAX:
                    self._close(outcome, 1009, f"A message may have {limits.FRAME_BYTES_MAX} bytes.")
                elif finished:
                    outcome.messages.append(b"".join(self._parts))
                    self._parts, self.bytes = [], 0
            case TextMessage():
                self._close(outcome, 1003, "Frames are binary.")
            case Ping():
                outcome.reply += self._connection.send(event.response())
            case Pong():
                pass
            case CloseConnection() if self._connection.state is ConnectionState.REMOTE_CLOSING:
                outcome.reply += self._connection.send(event.response())
                outcome.over = True
            case CloseConnection(code=code, reason=reason):  # what was read breaks the protocol
                self._close(outcome, code, reason or "")

    def _close(self, outcome: Outcome, code: int, reason: str) -> None:
        if not outcome.over:
            with contextlib.suppress(LocalProtocolError):  # the peer had closed already
                outcome.reply += self._connection.send(CloseConnection(code=code, reason=reason))
            outcome.over, outcome.fault = True, f"{code} {reason}"
